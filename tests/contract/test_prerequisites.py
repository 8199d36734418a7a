"""What servers need beside themselves: made once, owned by label, kept as wished, never taken from somebody else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Conflict, Permanent
from ansible_collections.sovereign.fleet.plugins.module_utils.model import (
    LABEL_CLUSTER,
    LABEL_FLEET,
    Firewall,
    Opening,
    Owner,
    ServerSpec,
)
from tests.contract.case import CLUSTER, FLEET, LABELS, POOL, Case

RANGE = "10.64.0.0/16"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEmZXTGRh1YqU2VnVzE4T3BlbnNzaEtleUZvclRlc3Rz ops@example.net"
RULES = Firewall((Opening("tcp", "22", ("203.0.113.0/24",)), Opening("icmp", "", ("0.0.0.0/0",))))
OTHER_RULES = Firewall((Opening("tcp", "443", ("0.0.0.0/0",)), Opening("udp", "41641-41650", ("0.0.0.0/0",))))
WISHES: dict[str, dict[str, Any]] = {
    "network": {"network": RANGE},
    "firewall": {"firewall": RULES},
    "spread": {"spread": True},
    "ssh_key": {"ssh_keys": (KEY,)},
}
EVERYTHING: dict[str, Any] = {key: value for wish in WISHES.values() for key, value in wish.items()}
LEFTOVER_KINDS = {
    "network": "network",
    "firewall": "firewall",
    "spread": "placement_group",
    "ssh_key": "ssh_key",
}

kinds = pytest.mark.parametrize("kind", WISHES)


def _can(case: Case, kind: str) -> str:
    if kind not in case.profile.made:
        pytest.skip(f"{case.name} has no {kind}")
    return case.profile.made[kind]


def _somebody_elses(spec: ServerSpec) -> ServerSpec:
    """The wish of another fleet whose things are called the same: fleet `lab-dev`, cluster `eu`."""
    fleet, cluster = f"{FLEET}-{CLUSTER}".rsplit("-", 1)
    assert (fleet, cluster) != (FLEET, CLUSTER)
    owner = Owner.of(fleet, cluster, POOL, spec.name)
    return ServerSpec(**{**vars(spec), "owner": owner})


@kinds
def test_it_is_foreseen_made_once_and_found_again(case: Case, kind: str) -> None:
    word, spec = _can(case, kind), case.spec(**WISHES[kind])
    before = case.counts()[word]

    foreseen = case.driver().prereq_changes(spec)
    assert foreseen
    assert all(case.name in line for line in foreseen)
    assert case.writes() == []

    driver = case.driver()
    made = driver.ensure_prereqs(spec).made
    assert len(made) >= len(foreseen)
    assert case.counts()[word] == before + 1

    case.cloud.requests.clear()
    driver.ensure_prereqs(spec)
    assert case.requests() == [], "a place is looked at once in a run"
    assert case.driver().prereq_changes(spec) == []
    assert case.driver().ensure_prereqs(spec).made == ()
    assert case.writes() == []
    assert case.counts()[word] == before + 1


def test_a_plain_server_needs_nothing_made(case: Case) -> None:
    spec = case.spec()
    needed = case.driver().prereq_changes(spec)
    assert [line for line in needed if not line.startswith(case.profile.standing or ("\0",))] == []

    before = case.counts()
    case.driver().ensure_prereqs(spec)

    grown = {kind for kind, number in case.counts().items() if number != before[kind]}
    assert grown <= set(case.profile.standing)


def test_a_server_with_everything_comes_up_and_goes(case: Case) -> None:
    wishes = {key: value for kind in case.profile.made for key, value in WISHES[kind].items()}
    driver, spec = case.driver(), case.spec(**wishes)

    event = case.settle(driver, [case.create(driver, spec)])[0]

    assert event.error is None
    assert event.node is not None
    assert event.node.state == "running"
    if "network" in case.profile.made:
        node = next(iter(case.listed(labels=LABELS)))
        assert node.private_ipv4
        assert node.public_ipv4
    case.settle(driver, [driver.delete_node(event.node)])
    assert case.names() == []
    assert case.driver().leftovers(LABELS) == []


@kinds
def test_sixteen_orders_at_once_make_it_once(case: Case, kind: str) -> None:
    word = _can(case, kind)
    before, driver = case.counts()[word], case.driver()
    specs = [case.spec(ordinal, **WISHES[kind]) for ordinal in range(1, 17)]

    with ThreadPoolExecutor(16) as pool:
        refs = list(pool.map(driver.ensure_prereqs, specs))

    assert case.counts()[word] == before + 1
    assert len({(ref.network, ref.firewall, ref.placement_group) for ref in refs}) == 1


@kinds
def test_two_runs_at_once_end_with_one(case: Case, kind: str) -> None:
    word, spec = _can(case, kind), case.spec(**WISHES[kind])
    before = case.counts()[word]

    with ThreadPoolExecutor(2) as pool:
        refs = list(pool.map(lambda driver: driver.ensure_prereqs(spec), [case.driver(), case.driver()]))

    assert case.counts()[word] == before + 1
    assert refs[0].network == refs[1].network
    assert refs[0].firewall == refs[1].firewall


def test_rules_that_drifted_are_set_right(case: Case) -> None:
    word = _can(case, "firewall")
    case.driver().ensure_prereqs(case.spec(firewall=RULES))
    count, spec = case.counts()[word], case.spec(firewall=OTHER_RULES)

    foreseen = "\n".join(case.driver().prereq_changes(spec))
    assert "443" in foreseen
    assert f"{FLEET}-{CLUSTER}-{POOL}" in foreseen

    assert case.driver().ensure_prereqs(spec).made != ()
    assert case.driver().prereq_changes(spec) == []
    assert case.counts()[word] == count


def test_a_network_of_another_range_is_refused_with_both(case: Case) -> None:
    _can(case, "network")
    case.driver().ensure_prereqs(case.spec(network=RANGE))
    case.cloud.requests.clear()

    with pytest.raises(Permanent) as caught:
        case.driver().ensure_prereqs(case.spec(network="10.99.0.0/16"))

    assert RANGE in str(caught.value)
    assert "10.99.0.0/16" in str(caught.value)
    assert case.writes() == []


@kinds
def test_a_thing_of_the_same_name_that_is_not_ours_is_left_alone(case: Case, kind: str) -> None:
    word, spec = _can(case, kind), case.spec(**WISHES[kind])
    if kind in case.profile.unmarked or kind == "ssh_key":
        pytest.skip("a key is known by its material, and what cannot be labelled is known by its name")
    case.driver().ensure_prereqs(_somebody_elses(spec))
    count = case.counts()[word]
    case.cloud.requests.clear()

    with pytest.raises(Conflict) as caught:
        case.driver().ensure_prereqs(spec)

    assert f"{FLEET}-{CLUSTER}" in str(caught.value)
    assert "label" in str(caught.value)
    assert case.counts()[word] == count


def test_a_key_that_the_provider_does_not_know_is_no_reason_to_buy_elsewhere(case: Case) -> None:
    pool = case.pool(1, [case.profile.first, case.profile.second], ssh_keys=["nobody@nowhere"])

    result = case.run(pools=[pool])

    assert result["failed"]
    assert "nobody@nowhere" in result["msg"]
    assert case.names() == []


def test_belongings_are_all_that_was_made_and_can_go_in_the_order_they_are_told(case: Case) -> None:
    wishes = {key: value for kind in case.profile.made for key, value in WISHES[kind].items()}
    before, spec = case.counts(), case.spec(**wishes)
    case.driver().ensure_prereqs(spec)
    stranger = _somebody_elses(case.spec(network=RANGE)) if "network" in case.profile.made else None

    found = case.driver().belongings(LABELS)

    assert {item.kind for item in found} >= {LEFTOVER_KINDS[kind] for kind in case.profile.made}
    assert all(item.made_by_us and item.provider == case.name and item.name for item in found)
    if stranger is not None:
        others = {LABEL_FLEET: stranger.owner.fleet, LABEL_CLUSTER: stranger.owner.cluster}
        marked = [item for item in case.driver().belongings(others) if item.kind not in _by_name(case)]
        assert marked == [], "what is ours belongs to nobody else"
    driver = case.driver()
    for item in found:
        driver.remove_leftover(item)
        driver.remove_leftover(item)  # gone already is success
    assert case.counts() == before
    assert case.driver().belongings(LABELS) == []


def _by_name(case: Case) -> set[str]:
    return {LEFTOVER_KINDS[kind] for kind in case.profile.unmarked}
