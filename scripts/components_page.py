"""Writes docs/components.md from the catalogue: `python -m scripts.components_page`. A gate compares."""

from __future__ import annotations

from pathlib import Path

import yaml

from plugins.module_utils.gitops import catalogue
from plugins.module_utils.gitops.component import LAYERS, Chart, Component, GitBase, Setting

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/components.md"

HEAD = """\
# Components

What a cluster can have: name it in its `components`. This page is written from the catalogue by
`scripts/components_page.py`; [the schema](catalogue-schema.md) says how to add one.

*Jurisdiction* is the country of the service that a component depends on; `none` depends on nobody. *Lab* tells whether
the lab runs it or only renders it, and why.
"""
SETTINGS = """\
## Settings

What only you know. Those without a value must be given where they are used.

"""
SECRETS = """\
## Secrets

Give them in `gitops_secrets`, best from a vault; the rest is made up.

"""
COLUMNS = ("Component", "What it is", "Version", "Runs", "Providers", "Licence", "Jurisdiction", "Lab")


def page(components: list[Component]) -> str:
    """The text of the page."""
    parts = [HEAD]
    for layer in LAYERS:
        rows = [_row(each) for each in components if each.layer == layer]
        if rows:
            parts.append(f"## {layer}\n\n{_table(COLUMNS, rows)}")
    parts += [SETTINGS + _settings(components), SECRETS + _secrets(components)]
    return "\n".join(parts)


def _row(component: Component) -> tuple[str, ...]:
    source = component.source
    name = f"`{component.name}`"
    if isinstance(source, Chart):
        name = f"[{name}]({source.repository.replace('oci://', 'https://')})"
    elif isinstance(source, GitBase):
        name = f"[{name}]({source.url})"
    lab = component.lab if not component.lab_note else f"{component.lab}: {component.lab_note}"
    providers = ", ".join(component.providers) or "all"
    return (
        name,
        component.description,
        component.version,
        component.runs,
        providers,
        component.licence,
        component.jurisdiction,
        lab,
    )


def _settings(components: list[Component]) -> str:
    found: dict[str, tuple[Setting, list[str]]] = {}
    for component in components:
        for name, setting in component.settings.items():
            found.setdefault(name, (setting, []))[1].append(component.name)
    rows = [
        (f"`{name}`", setting.description, "" if setting.default is None else f"`{setting.default}`", ", ".join(users))
        for name, (setting, users) in sorted(found.items())
    ]
    return _table(("Setting", "What it is", "Default", "Used by"), rows)


def _secrets(components: list[Component]) -> str:
    rows = [
        (f"`{need.name}`", _codes(need.keys), _codes(need.random), each.name)
        for each in components
        for need in each.secrets
        if not need.vault
    ]
    return _table(("Secret", "Keys to give", "Keys that are made up", "Used by"), rows)


def _codes(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in (columns, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(columns), *lines[1:]]) + "\n"


def current() -> str:
    """The page as the catalogue wants it."""
    folder = ROOT / "catalogue"
    loaded = catalogue.load(folder, catalogue.names(folder), yaml.safe_load)
    return page(sorted(loaded, key=lambda each: each.name))


if __name__ == "__main__":
    PAGE.write_text(current(), encoding="utf-8")
