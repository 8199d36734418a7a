"""Style and types: what the linters say of every file."""

from __future__ import annotations

from tests.gates.project import ROOT, files, run


def test_ruff_finds_nothing() -> None:
    run("ruff", "check", "--quiet", ".")


def test_python_is_formatted() -> None:
    run("ruff", "format", "--check", "--quiet", ".")


def test_types_are_strict() -> None:
    run("mypy")


def test_yaml_is_tidy() -> None:
    run("yamllint", "--strict", ".")


def test_ansible_lint_accepts_production() -> None:
    run("ansible-lint", "--profile", "production", "--offline")


def test_shell_scripts_are_sound() -> None:
    scripts = [str(path) for path in files() if (ROOT / path).read_bytes().startswith(b"#!/usr/bin/env bash")]
    assert ".ci/run" in scripts
    run("shellcheck", *scripts)
