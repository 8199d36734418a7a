"""Every role says the same in its defaults, its argument specs and its README."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.sovereign.fleet.plugins.module_utils import options, settings

ROOT = Path(__file__).parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if (path / "meta").is_dir())
# What a user writes for a whole fleet or cluster: these words belong to no single role.
SHARED = {"fleet_id", "fleet_home", "providers", "control_plane", "pools", "components"}
SHARED_PREFIXES = ("gitops_",)


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text()) if path.is_file() else None


def entry_points(role: str) -> dict[str, Any]:
    return dict(load(ROOT / "roles" / role / "meta/argument_specs.yml")["argument_specs"])


def interface(role: str) -> dict[str, Any]:
    return dict(entry_points(role)["main"]["options"])


def undescribed(found: dict[str, Any], path: str = "") -> list[str]:
    faults = []
    for name, option in found.items():
        if not option.get("description") or not option.get("type"):
            faults.append(f"{path}{name}")
        faults += undescribed(option.get("options") or {}, f"{path}{name}.")
    return faults


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_what_the_interface_says_in_the_same_order(role: str) -> None:
    defaults = load(ROOT / "roles" / role / "defaults/main.yml") or {}
    described = {name: option["default"] for name, option in interface(role).items() if "default" in option}
    own = {name: value for name, value in described.items() if name not in SHARED}
    assert list(defaults.items()) == list(own.items())


@pytest.mark.parametrize("role", ROLES)
def test_variables_of_a_role_bear_its_name(role: str) -> None:
    strangers = [
        name for name in interface(role) if name not in SHARED and not name.startswith((f"{role}_", *SHARED_PREFIXES))
    ]
    assert strangers == []


@pytest.mark.parametrize("role", ROLES)
def test_every_option_has_a_type_and_a_description(role: str) -> None:
    assert undescribed(interface(role)) == []


@pytest.mark.parametrize("role", ROLES)
def test_every_entry_point_is_a_task_file(role: str) -> None:
    missing = [name for name in entry_points(role) if not (ROOT / "roles" / role / "tasks" / f"{name}.yml").is_file()]
    assert missing == []


@pytest.mark.parametrize("role", ROLES)
def test_tasks_main_is_a_table_of_contents(role: str) -> None:
    allowed = {"ansible.builtin.import_tasks", "ansible.builtin.include_tasks", "name", "when", "tags", "vars"}
    tasks = load(ROOT / "roles" / role / "tasks/main.yml")
    assert len(tasks) <= 6
    assert [task["name"] for task in tasks if set(task) - allowed] == []


@pytest.mark.parametrize("role", ROLES)
def test_the_readme_names_every_variable(role: str) -> None:
    named = set(re.findall(r"`(\w+)`", (ROOT / "roles" / role / "README.md").read_text()))
    assert sorted(set(interface(role)) - named) == []


def test_the_roles_take_the_pools_that_the_modules_take() -> None:
    def shape(spec: dict[str, Any]) -> dict[str, Any]:
        return {
            name: (
                option["type"],
                option.get("elements"),
                bool(option.get("required")),
                option.get("choices"),
                shape(option.get("options") or {}),
            )
            for name, option in spec.items()
        }

    assert shape({"pools": interface("node_pools")["pools"]}) == shape(options.POOL_SPEC)


@pytest.mark.parametrize("role", ["control_plane", "node_pools"])
def test_the_roles_take_the_accounts_that_the_modules_take(role: str) -> None:
    described = interface(role)["providers"]["options"]
    assert set(described) == set(settings.names())
    for provider, option in described.items():
        known = {setting.name: setting for setting in settings.setting_list(provider)}
        assert set(option["options"]) == set(known), provider
        for name, key in option["options"].items():
            assert bool(key.get("no_log")) == known[name].secret, f"{provider}.{name}"
            assert known[name].env in key["description"]


def test_the_roles_agree_on_what_they_share() -> None:
    seen: dict[str, tuple[str, Any]] = {}
    for role in ROLES:
        for name, option in interface(role).items():
            if name in SHARED:
                first, known = seen.setdefault(name, (role, option))
                assert option["type"] == known["type"], f"{name} in {role} and {first}"
                assert (option.get("options") or {}).keys() == (known.get("options") or {}).keys(), name
