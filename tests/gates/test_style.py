"""Style and types: what the linters say of every file."""

from __future__ import annotations

from tests.gates.project import ROOT, environment, files, run


def test_ruff_finds_nothing() -> None:
    run("ruff", "check", "--quiet", "--output-format", "concise", ".")


def test_python_is_formatted() -> None:
    run("ruff", "format", "--check", "--output-format", "concise", ".")


def test_types_are_strict() -> None:
    run("mypy")


def test_yaml_is_tidy() -> None:
    run("yamllint", "--strict", ".")


def test_ansible_lint_accepts_production() -> None:
    # The default inventory asks the lab's clouds; linting needs only the hosts that are written down.
    inventory = environment(ANSIBLE_INVENTORY=str(ROOT / "inventories/lab/clusters.yml"))
    run("ansible-lint", "--profile", "production", "--offline", env=inventory)


def test_shell_scripts_are_sound() -> None:
    scripts = [str(path) for path in files() if (ROOT / path).read_bytes().startswith(b"#!/usr/bin/env bash")]
    assert ".ci/run" in scripts
    run("shellcheck", *scripts)
