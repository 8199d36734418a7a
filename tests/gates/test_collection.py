"""The collection as Galaxy and its readers get it: metadata, documentation, changelog and the built file."""

from __future__ import annotations

import ast
import json
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.playbook.task import Task

from tests.gates.project import ROOT, files, run

COLLECTION = "sovereign.fleet"
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py") if path.stem != "__init__")
TASK_KEYWORDS = set(Task.fattributes)
SHIPPED = {
    "CHANGELOG.rst",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "ARCHITECTURE.md",
    "catalogue",
    "changelogs",
    "docs",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}


def runtime() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "meta/runtime.yml").read_text()))


@cache
def documentation() -> dict[str, Any]:
    """What ansible-doc says of every module, fragments merged in."""
    names = [f"{COLLECTION}.{module}" for module in MODULES]
    return dict(json.loads(run("ansible-doc", "--type", "module", "--json", *names)))


def examples(module: str) -> list[dict[str, Any]]:
    tree = ast.parse((ROOT / f"plugins/modules/{module}.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "EXAMPLES" for t in node.targets):
            return list(yaml.safe_load(ast.literal_eval(node.value)) or [])
    return []


def refused(options: dict[str, Any], given: dict[str, Any], path: str) -> list[str]:
    """Sentences about keys that the documentation does not know or misses; a template stands for any value."""
    known = set(options) | {alias for option in options.values() for alias in option.get("aliases", [])}
    faults = [f"{path}.{key} is not an option" for key in sorted(set(given) - known)]
    for name, option in sorted(options.items()):
        if option.get("required") and name not in given:
            faults.append(f"{path}.{name} is required")
        value = given.get(name)
        for index, part in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(part, dict) and option.get("suboptions"):
                faults += refused(option["suboptions"], part, f"{path}.{name}[{index}]")
            elif option.get("choices") and part is not None and "{{" not in str(part) and part not in option["choices"]:
                faults.append(f"{path}.{name} = {part!r} is not one of {sorted(option['choices'])}")
    return faults


def test_the_action_group_names_every_module() -> None:
    assert runtime()["action_groups"]["all"] == MODULES


def test_every_redirect_leads_to_a_plugin() -> None:
    for kind, plugins in runtime().get("plugin_routing", {}).items():
        for name, route in plugins.items():
            target = route["redirect"].removeprefix(f"{COLLECTION}.")
            assert (ROOT / f"plugins/{kind}/{target}.py").is_file(), f"{kind} {name} leads to {target}: no such file"


@pytest.mark.parametrize("module", MODULES)
def test_examples_use_the_module_as_documented(module: str) -> None:
    options = documentation()[f"{COLLECTION}.{module}"]["doc"]["options"]
    tasks = examples(module)
    assert tasks, "EXAMPLES holds no task"
    calls = [task for task in tasks if f"{COLLECTION}.{module}" in task]
    assert calls, f"no example calls {COLLECTION}.{module}"
    for task in tasks:
        assert task.get("name"), f"an example has no name: {task}"
        action = [key for key in task if key not in TASK_KEYWORDS]
        assert len(action) == 1, f"the example {task['name']!r} has keys that are no task keyword: {action}"
    faults = [fault for task in calls for fault in refused(options, task[f"{COLLECTION}.{module}"] or {}, task["name"])]
    assert faults == []


def test_documentation_is_sound() -> None:
    run(
        "antsibull-docs",
        "lint-collection-docs",
        "--plugin-docs",
        "--validate-collection-refs=self",
        "--disallow-unknown-collection-refs",
        ".",
    )


def test_changelog_is_sound() -> None:
    run("antsibull-changelog", "lint")


def test_the_built_collection_holds_what_users_need_and_nothing_else(tmp_path: Path) -> None:
    run("ansible-galaxy", "collection", "build", "--output-path", str(tmp_path))
    (built,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(built) as archive:
        shipped = {Path(name) for name in archive.getnames()}
    assert {path.parts[0] for path in shipped} <= SHIPPED
    wanted = {path for path in files() if path.parts[0] in {"plugins", "roles", "playbooks", "catalogue", "meta"}}
    assert wanted <= shipped
    assert not [path for path in shipped if path.suffix == ".pyc"]
