"""What a user writes is refused with its path, its value and what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.filter.fleet_input import FilterModule, input_fault, with_counts

POOL: dict[str, Any] = {
    "name": "a",
    "count": 1,
    "offers": [{"provider": "hetzner", "location": "nbg1", "type": "cx33"}],
}
OTHER = {"name": "b", "count": 2, "offers": [{"provider": "scaleway", "location": "fr-par-1", "type": "DEV1-L"}]}
CLOUDFLEET = {"kind": "cloudfleet", "region": "europe-central-1a", "version": "1.36"}
EXISTING = {"kind": "existing", "kubeconfig": "~/.kube/config"}


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"control_plane": CLOUDFLEET, "pools": [POOL, OTHER]}, id="Cloudfleet with pools"),
        pytest.param(
            {"control_plane": {**CLOUDFLEET, "version": "1.x.x-cfke.x", "tier": "pro"}}, id="a version channel"
        ),
        pytest.param({"control_plane": EXISTING, "pools": []}, id="an existing cluster as it is"),
        pytest.param(
            {"control_plane": {**EXISTING, "join": {"user_data": {"*": "x"}}}, "pools": [POOL]},
            id="one that can be joined",
        ),
        pytest.param({"providers": {"hetzner": {"token": "x"}, "scaleway": {}}}, id="accounts"),
    ],
)
def test_nothing_is_wrong(given: dict[str, Any]) -> None:
    assert input_fault(given, "development") == ""


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"pools": "x"}, "pools is 'x'", id="no list"),
        pytest.param({"pools": [POOL, POOL]}, "pools[1].name is 'a'", id="a name twice"),
        pytest.param({"pools": [{**POOL, "colour": "blue"}]}, "Unknown key pools[0].colour", id="an unknown key"),
        pytest.param(
            {"pools": [{**POOL, "offers": [{"provider": "hetzner", "location": "fr-par-1", "type": "cx33"}]}]},
            "pools[0].offers[0].location is 'fr-par-1'; allowed: fsn1",
            id="a place of another provider",
        ),
        pytest.param({"pools": [{**POOL, "name": "a" * 60}]}, "74 characters long", id="too long with the cluster"),
        pytest.param({"control_plane": "x"}, "control_plane is 'x'; allowed: a mapping", id="no mapping"),
        pytest.param(
            {"control_plane": {"kind": "gke"}}, "control_plane.kind is 'gke'; allowed: cloudfleet, existing", id="kind"
        ),
        pytest.param({"control_plane": {}}, "control_plane.kind is None", id="no kind"),
        pytest.param(
            {"control_plane": {**CLOUDFLEET, "versoin": "1.36"}},
            "Unknown key control_plane.versoin; allowed for kind cloudfleet are: kind, region, version, tier",
            id="a typo",
        ),
        pytest.param(
            {"control_plane": {"kind": "cloudfleet", "region": "x"}},
            "control_plane.version is missing; kind cloudfleet needs region, version",
            id="a missing key",
        ),
        pytest.param(
            {"control_plane": {**CLOUDFLEET, "version": 1.36}},
            "control_plane.version is 1.36; allowed: a version in quotes",
            id="a version that YAML reads as a number",
        ),
        pytest.param({"control_plane": {**CLOUDFLEET, "tier": "gold"}}, "control_plane.tier is 'gold'", id="tier"),
        pytest.param({"control_plane": {**CLOUDFLEET, "region": ["x"]}}, "control_plane.region is ['x']", id="type"),
        pytest.param(
            {"control_plane": {**EXISTING, "region": "x"}},
            "Unknown key control_plane.region",
            id="a key of another kind",
        ),
        pytest.param(
            {"control_plane": EXISTING, "pools": [POOL]}, "control_plane.join.user_data is missing", id="no way to join"
        ),
        pytest.param(
            {"control_plane": {**EXISTING, "join": {"user_data": {"zzz": "x"}}}, "pools": [POOL]},
            "user_data has the unknown key 'zzz'; allowed are: *, a, a/hetzner/nbg1",
            id="join information for nobody",
        ),
        pytest.param(
            {"control_plane": {**EXISTING, "join": {"userdata": {}}}}, "control_plane.join must be", id="a typo below"
        ),
        pytest.param({"providers": {"hetzner": {"tokn": "x"}}}, "Unknown key providers.hetzner.tokn", id="an account"),
        pytest.param({"providers": {"gcp": {}}}, "Unknown key providers.gcp", id="an unknown provider"),
    ],
)
def test_what_is_wrong_is_said(given: dict[str, Any], words: str) -> None:
    assert words in input_fault(given, "development")


def test_secrets_are_never_repeated() -> None:
    fault = input_fault({"providers": {"hetzner": {"token": ["hunter2"]}}})
    assert "providers.hetzner.token" in fault
    assert "hunter2" not in fault


def test_a_cluster_has_a_name_that_nodes_can_bear() -> None:
    assert "My_Cluster" in input_fault({}, "My_Cluster")


def test_other_counts_for_named_pools_only() -> None:
    changed = with_counts([POOL, OTHER], {"b": "5", "never-heard-of": 9})
    assert [pool["count"] for pool in changed] == [1, 5]
    assert OTHER["count"] == 2


def test_both_are_offered() -> None:
    assert set(FilterModule().filters()) == {"input_fault", "with_counts"}
