"""compose, groups and keyed_groups give exactly what Ansible's own `constructed` gives, at a fraction of the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader

from tests.unit.plugins.inventory.clouds import node
from tests.unit.plugins.inventory.conftest import Fleet

EXPRESSIONS: dict[str, Any] = {
    "compose": {
        "plain": "location",
        "deep": "labels.team",
        "whole_mapping": "labels",
        "nothing": "price_hour",
        "method_not_label": "labels.items | string | length > 0",
        "bare_method": "labels.items",
        "undefined": "labels.nowhere",
        "unknown": "nowhere",
        "a_global": "range",
        "a_word": "none",
        "filtered": "(price_hour | default(0, true) | float) * 730",
        "literal": "'text'",
        "looks_like_a_template": "labels.trap",
        "chained_text": "type + '-' + location",
        "magic": "inventory_hostname",
        "escaped": "'a\\\\nb'",
        "a_list": "[provider, zone]",
        "spaces": "  zone  ",
        "ansible_host": "private_ipv4",
    },
    "groups": {
        "cheap": "(price_hour | default(0, true) | float) < 0.01",
        "ours": "pool != ''",
        "by_composed": "literal == 'text'",
        "not_boolean": "provider",
        "always": "true",
        "undefined_one": "labels.nowhere == 'x'",
        "with-dash": "provider == 'scaleway'",
    },
    "keyed_groups": [
        {"key": "location", "prefix": "at"},
        {"key": "labels", "prefix": "label"},
        {"key": "labels.team", "prefix": "team", "default_value": "nobody", "parent_group": "teams"},
        {"key": "pool", "prefix": "p", "default_value": "none"},
        {"key": "pool", "prefix": "q"},
        {"key": "a_list", "separator": "-"},
        {"key": "type"},
        {"key": "country | lower", "prefix": "cc", "parent_group": "{{ provider }}_parent"},
        {"key": "labels.nowhere", "prefix": "never"},
    ],
}


@pytest.fixture
def odd(fleet: Fleet) -> Fleet:
    """With a server whose labels are as awkward as labels can be."""
    labels = {"items": "a-label", "trap": "{{ 1 + 1 }}", "team": "", "with-dash": "x/y"}
    fleet.clouds["hetzner"].nodes["global"].append(node("hetzner", "odd", location="hel1", country="FI", labels=labels))
    return fleet


def typed(value: Any) -> tuple[Any, str]:
    """With the JSON type, because 1 == True."""
    return value, type(value).__mro__[-2].__name__


def facts(inventory: InventoryManager) -> dict[str, Any]:
    """Everything that can differ."""
    hosts = {
        name: {
            "groups": sorted(group.name for group in host.groups),
            "vars": {key: typed(value) for key, value in host.vars.items() if key != "inventory_file"},
        }
        for name, host in inventory.hosts.items()
    }
    parents = {name: sorted(child.name for child in group.child_groups) for name, group in inventory.groups.items()}
    return {"hosts": hosts, "parents": parents}


def by_ansible(fleet: Fleet, options: dict[str, Any]) -> InventoryManager:
    """The same servers, with the expressions evaluated by Ansible's own plugin."""
    ours = fleet.write("nodes.fleet.yml", {"plugin": "sovereign.fleet.nodes"})
    theirs = fleet.write("constructed.yml", {"plugin": "ansible.builtin.constructed", **options})
    try:
        return InventoryManager(loader=DataLoader(), sources=[str(ours), str(theirs)])
    finally:
        theirs.unlink()


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="as it comes"),
        pytest.param({"leading_separator": False}, id="without leading separator"),
        pytest.param({"use_extra_vars": True}, id="with extra variables"),
    ],
)
def test_same_as_constructed(odd: Fleet, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]) -> None:
    monkeypatch.setattr(
        "ansible.plugins.inventory.load_extra_vars", lambda _loader: {"location": "of-an-extra-variable"}
    )
    options = {**EXPRESSIONS, **more}
    expected = by_ansible(odd, options)
    expected_warnings = list(odd.spoken.warnings)
    odd.spoken.warnings.clear()
    found = odd.read(**options)
    assert facts(found) == facts(expected)
    assert odd.spoken.warnings == expected_warnings
    assert found.hosts["odd"].vars["looks_like_a_template"] == "{{ 1 + 1 }}"


@pytest.mark.parametrize("kind", ["compose", "groups", "keyed_groups"])
def test_strict_fails_where_constructed_fails(odd: Fleet, kind: str) -> None:
    options = {kind: EXPRESSIONS[kind], "strict": True}
    by_ansible(odd, options)
    assert "auto' plugin" in odd.spoken.warnings[0]
    cause = odd.spoken.warnings[0].split("constructed.yml': ")[1]
    assert odd.refused(**options).endswith(cause)


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every expression that Ansible compiles."""
    from ansible._internal._templating._engine import TemplateEngine

    compiled: list[str] = []
    compile_expression: Callable[..., Any] = TemplateEngine._compile_expression

    def counted(self: TemplateEngine, expression: str, options: Any) -> Any:
        compiled.append(str(expression))
        return compile_expression(self, expression, options)

    monkeypatch.setattr(TemplateEngine, "_compile_expression", counted)
    return compiled


def test_an_expression_is_compiled_once_however_many_hosts_there_are(fleet: Fleet, compilations: list[str]) -> None:
    fleet.clouds["hetzner"].nodes["global"] += [
        node("hetzner", f"n{i}", location="fsn1", country="DE") for i in range(200)
    ]
    fleet.read(
        compose={"monthly": "(price_hour | default(0, true) | float) * 730"},
        groups={"cheap": "monthly < 10"},
        keyed_groups=[{"key": "type | upper", "prefix": "type"}],
    )
    assert sorted(compilations) == ["(price_hour | default(0, true) | float) * 730", "monthly < 10", "type | upper"]


def test_a_plain_path_is_not_compiled_at_all(fleet: Fleet, compilations: list[str]) -> None:
    inventory = fleet.read(compose={"team": "labels.team"}, keyed_groups=[{"key": "location", "prefix": "at"}])
    assert compilations == []
    assert inventory.hosts["bastion"].vars["team"] == "ops"
    assert "at_hel1" in inventory.groups
