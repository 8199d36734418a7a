"""The module that finds and removes what a fleet has left, against every emulated cloud."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils import running
from ansible_collections.sovereign.fleet.plugins.module_utils.model import LABEL_CLUSTER, LABEL_FLEET
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from ansible_collections.sovereign.fleet.plugins.modules import fleet_leftovers, node_pool
from lab.cloud.testing import Emulator, emulator
from tests.contract.clock import HurriedClock
from tests.contract.profiles import PROFILES

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4q7XDq0pXl3nS1zB0w1k0q8j0e8m3m1m2m3m4m5m6m someone@example"


@pytest.fixture(autouse=True)
def accounts_from_options_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """No account of the person who runs the tests may come into play."""
    for name in registry.known():
        for setting in registry.setting_list(name):
            if setting.env:
                monkeypatch.delenv(setting.env, raising=False)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    monkeypatch.setattr(running, "FIRST_INTERVAL", 0.01)
    with emulator() as clouds:
        yield clouds


def _account(cloud: Emulator, name: str) -> dict[str, dict[str, str]]:
    return {name: dict(cloud.providers[PROFILES[name].cloud])}


def _leftovers(account: dict[str, Any], *, check_mode: bool = False, **more: Any) -> dict[str, Any]:
    time = HurriedClock()
    params = {"fleet": "acme", "providers": account, "timeout": 120, **more}
    return fleet_leftovers.run(params, check_mode, True, clock=time.clock, sleep=time.sleep)


def _pools(account: dict[str, Any], name: str, count: int) -> dict[str, Any]:
    location, kind = PROFILES[name].first
    pool = {
        "name": "web",
        "count": count,
        "offers": [{"provider": name, "location": location, "type": kind}],
        "network": "10.64.0.0/16",
        "firewall": {"ssh_from": ["203.0.113.0/24"]},
        "spread": True,
        "ssh_keys": [KEY],
    }
    time = HurriedClock()
    params = {"fleet": "acme", "cluster": "dev", "pools": [pool], "providers": account, "timeout": 600}
    tools = {"clock": time.clock, "sleep": time.sleep}
    foreseen = node_pool.run(params, True, **tools)
    return node_pool.run({**params, "confirm": foreseen["plan_hash"]}, **tools)


@pytest.mark.parametrize("name", registry.known())
def test_what_a_pool_needed_is_found_and_removed_and_the_proof_holds(cloud: Emulator, name: str) -> None:
    account = _account(cloud, name)
    before = cloud.store.counts(PROFILES[name].cloud)
    assert _pools(account, name, 1).get("msg") is None
    there = _leftovers(account)
    kinds = [thing["kind"] for thing in there["leftovers"]]
    assert (kinds[0], there.get("msg"), there["unknown"]) == ("server", None, [])
    assert {"network", "firewall", "placement_group", "ssh_key"} <= set(kinds)
    assert _leftovers(account, prove=True)["code"] == "not_gone"
    assert _leftovers(account, state="absent")["code"] == "servers_left"

    assert _pools(account, name, 0).get("msg") is None
    foreseen = _leftovers(account, state="absent", check_mode=True)
    assert (foreseen["changed"], foreseen["leftovers"]) == (True, [])
    cloud.requests.clear()
    done = _leftovers(account, state="absent", prove=True)
    assert (done.get("msg"), done["changed"], done["billable"]) == (None, True, 0)
    assert done["removed"] == foreseen["removed"]
    assert done["diff"]["after"] == ""

    again = _leftovers(account, state="absent", prove=True)
    assert (again.get("msg"), again["changed"]) == (None, False)
    assert cloud.store.counts(PROFILES[name].cloud) == before


@pytest.mark.parametrize("name", registry.known())
def test_a_silent_provider_is_told_and_proves_nothing(cloud: Emulator, name: str) -> None:
    account = _account(cloud, name)
    cloud.faults.add(PROFILES[name].cloud, "5xx", status=503)
    looked = _leftovers(account)
    assert (looked.get("failed"), [entry["provider"] for entry in looked["unknown"]]) == (None, [name])
    assert _leftovers(account, prove=True)["failed"]
    assert _leftovers(account, state="absent")["failed"]


def test_only_the_cluster_that_is_asked_for(cloud: Emulator) -> None:
    account = _account(cloud, "hetzner")
    PROFILES["hetzner"].make_foreign(cloud, "other", {LABEL_FLEET: "acme", LABEL_CLUSTER: "prod"})
    assert [thing["name"] for thing in _leftovers(account)["leftovers"]] == ["other"]
    assert _leftovers(account)["leftovers"][0]["made_by_us"] is False
    assert _leftovers(account, cluster="prod")["billable"] == 1
    assert _leftovers(account, cluster="dev", prove=True).get("msg") is None


@pytest.mark.parametrize(
    ("params", "words"),
    [
        pytest.param({"fleet": "Not A Name"}, "fleet is 'Not A Name'", id="a fleet that cannot be"),
        pytest.param({"cluster": "x_y"}, "cluster is 'x_y'", id="a cluster that cannot be"),
        pytest.param({"timeout": 0}, "timeout is 0; allowed: seconds above zero", id="no time"),
        pytest.param({"providers": {}}, "No provider has an account", id="nobody to ask"),
        pytest.param({"providers": {"hetzner": {"tokn": "x"}}}, "Unknown key providers.hetzner.tokn", id="a typo"),
    ],
)
def test_what_a_person_gets_wrong_is_a_sentence(params: dict[str, Any], words: str) -> None:
    result = fleet_leftovers.run({"fleet": "acme", "providers": {"hetzner": {"token": "x"}}, **params})
    assert (result["failed"], result["changed"], result["leftovers"]) == (True, False, [])
    assert words in result["msg"]


def test_half_an_account_is_unknown_and_not_nothing(cloud: Emulator) -> None:
    """Somebody meant to have an account there, so there may be something."""
    half = {"scaleway": {"access_key": "SCWLAB00000000000000"}, **_account(cloud, "hetzner")}
    looked = _leftovers(half)
    assert [entry["provider"] for entry in looked["unknown"]] == ["scaleway"]
    assert "providers.scaleway.secret_key" in looked["unknown"][0]["msg"]
    assert _leftovers(half, prove=True)["failed"]
