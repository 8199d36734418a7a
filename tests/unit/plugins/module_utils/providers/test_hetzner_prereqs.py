"""What servers at Hetzner need beside themselves, against the emulated cloud over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import requests

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Conflict, Permanent
from ansible_collections.sovereign.fleet.plugins.module_utils.model import (
    Event,
    Firewall,
    Offer,
    Opening,
    Owner,
    ServerSpec,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.base import NodeDriver
from lab.cloud.testing import Emulator, emulator

RANGE = "10.64.0.0/16"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJr0c5w2m1Vn8m9tDJhb0GxIFxk3sVYcDqZ0b6Rz5v9e ops@example.net"
KEY_NAME = "acme-prod-293464b2"
SSH = Opening("tcp", "22", ("203.0.113.0/24", "198.51.100.7/32"))
WEB = Opening("tcp", "80-443", ("0.0.0.0/0", "::/0"))
PING = Opening("icmp", "", ("0.0.0.0/0",))
SSH_WORDS = "tcp/22 from 198.51.100.7/32, 203.0.113.0/24"
INSIDE_WORDS = f"tcp/any from {RANGE}; udp/any from {RANGE}; icmp from {RANGE}"
MARKS = {"fleet.id": "acme", "fleet.cluster": "prod"}


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    with emulator() as running:
        yield running


def a_driver(cloud: Emulator, time: Any) -> NodeDriver:
    return registry.driver("hetzner", cloud.providers["hetzner"], clock=time.clock, sleep=time.sleep)


def a_spec(ordinal: int = 1, pool: str = "web", location: str = "nbg1", **wishes: Any) -> ServerSpec:
    name = f"prod-{pool}-{ordinal}"
    owner = Owner.of("acme", "prod", pool, name)
    kind = "cx33" if location in ("nbg1", "fsn1", "hel1") else "ccx13"
    return ServerSpec(name, owner, Offer("hetzner", location, kind), **wishes)


def ask(cloud: Emulator, method: str, path: str, body: Any = None) -> Any:
    """A request of the account's owner."""
    token = {"Authorization": f"Bearer {cloud.credentials['hetzner']['token']}"}
    answer = requests.request(method, cloud.endpoints["hetzner"] + path, json=body, headers=token, timeout=10)
    answer.raise_for_status()
    return answer.json() if answer.content else {}


def bought(cloud: Emulator, driver: NodeDriver, *specs: ServerSpec) -> list[Event]:
    """The last events of servers that were ordered with all that they need."""
    pendings = [driver.create_node(spec, driver.ensure_prereqs(spec)) for spec in specs]
    cloud.settle()
    events = driver.poll(pendings)
    assert all(event.done for event in events)
    return events


def asked(cloud: Emulator) -> list[str]:
    return [f"{entry.method} {entry.path.partition('?')[0]}" for entry in cloud.requests.entries("hetzner")]


def test_a_server_without_wishes_costs_its_order_alone(cloud: Emulator, time: Any) -> None:
    driver, spec = a_driver(cloud, time), a_spec()

    assert driver.prereq_changes(spec) == []
    driver.create_node(spec, driver.ensure_prereqs(spec))

    assert asked(cloud) == ["POST /v1/servers"]


def test_everything_is_foreseen_made_and_given_to_the_server(cloud: Emulator, time: Any) -> None:
    spec = a_spec(network=RANGE, firewall=Firewall((SSH, PING)), spread=True, ssh_keys=(KEY,))
    foreseen = [
        f"SSH key {KEY_NAME} at hetzner",
        f"network acme-prod ({RANGE}) at hetzner",
        f"firewall acme-prod-web at hetzner: adds {SSH_WORDS}; icmp from 0.0.0.0/0; {INSIDE_WORDS}",
        "placement group acme-prod-web-1 at hetzner",
    ]
    assert a_driver(cloud, time).prereq_changes(spec) == foreseen
    assert cloud.requests.writes("hetzner") == []

    driver = a_driver(cloud, time)
    refs = driver.ensure_prereqs(spec)
    assert list(refs.made) == foreseen
    (event,) = bought(cloud, driver, spec)

    server = ask(cloud, "GET", "/servers")["servers"][0]
    assert [str(net["network"]) for net in server["private_net"]] == [refs.network]
    assert [str(one["id"]) for one in server["public_net"]["firewalls"]] == [refs.firewall]
    assert str(server["placement_group"]["id"]) == refs.placement_group
    assert event.node is not None
    assert event.node.private_ipv4.startswith("10.64.")
    network = ask(cloud, "GET", "/networks")["networks"][0]
    assert (network["labels"], network["ip_range"]) == (MARKS, RANGE)
    assert [(part["type"], part["network_zone"]) for part in network["subnets"]] == [("cloud", "eu-central")]
    assert ask(cloud, "GET", "/firewalls")["firewalls"][0]["labels"] == {**MARKS, "fleet.pool": "web"}
    assert ask(cloud, "GET", "/ssh_keys")["ssh_keys"][0]["labels"] == MARKS


def test_a_place_is_looked_at_once_in_a_run(cloud: Emulator, time: Any) -> None:
    driver = a_driver(cloud, time)
    wishes: dict[str, Any] = {"network": RANGE, "firewall": Firewall((SSH,)), "spread": True, "ssh_keys": (KEY,)}
    driver.prereq_changes(a_spec(**wishes))
    looks = asked(cloud)
    made = [driver.ensure_prereqs(a_spec(ordinal, **wishes)).made for ordinal in range(1, 6)]

    assert len(looks) == 4
    assert asked(cloud)[4:] == [
        "POST /v1/ssh_keys",
        "POST /v1/networks",
        "POST /v1/firewalls",
        "POST /v1/placement_groups",
    ]
    assert [len(lines) for lines in made] == [4, 0, 0, 0, 0], "what was made is told once"
    assert driver.prereq_changes(a_spec(**wishes)) == []


def test_sixteen_orders_of_two_runs_make_one_network(cloud: Emulator, time: Any) -> None:
    drivers = [a_driver(cloud, time), a_driver(cloud, time)]
    specs = [a_spec(ordinal, network=RANGE, firewall=Firewall((SSH,)), ssh_keys=(KEY,)) for ordinal in range(1, 9)]

    with ThreadPoolExecutor(16) as pool:
        refs = list(pool.map(lambda pair: pair[0].ensure_prereqs(pair[1]), [(d, s) for d in drivers for s in specs]))

    assert len({(ref.network, ref.firewall, ref.ssh_keys) for ref in refs}) == 1
    counts = cloud.store.counts("hetzner")
    assert (counts["network"], counts["firewall"], counts["ssh_key"]) == (1, 1, 1)
    assert sorted(line.split(" at ")[0] for ref in refs for line in ref.made) == [
        f"SSH key {KEY_NAME}",
        "firewall acme-prod-web",
        f"network acme-prod ({RANGE})",
    ]


@pytest.mark.parametrize("wish", ["network", "firewall", "spread", "ssh_keys"])
def test_a_lost_answer_makes_nothing_twice(cloud: Emulator, time: Any, wish: str) -> None:
    wishes: dict[str, Any] = {"network": RANGE, "firewall": Firewall((SSH,)), "spread": True, "ssh_keys": (KEY,)}
    cloud.faults.add("hetzner", "reset-after-commit", method="POST", count=1)

    refs = a_driver(cloud, time).ensure_prereqs(a_spec(**{wish: wishes[wish]}))

    assert len(refs.made) == 1
    assert sum(cloud.store.counts("hetzner").values()) == 1


def test_a_run_killed_before_its_order_leaves_what_the_next_one_uses(cloud: Emulator, time: Any) -> None:
    spec = a_spec(network=RANGE, firewall=Firewall((SSH,)), spread=True, ssh_keys=(KEY,))
    first = a_driver(cloud, time).ensure_prereqs(spec)
    before = cloud.store.counts("hetzner")

    second = a_driver(cloud, time).ensure_prereqs(spec)

    assert second == replace(first, made=())
    assert cloud.store.counts("hetzner") == before


@pytest.mark.parametrize(
    ("wish", "path", "body"),
    [
        ({"network": RANGE}, "networks", {"name": "acme-prod", "ip_range": RANGE}),
        ({"firewall": Firewall()}, "firewalls", {"name": "acme-prod-web", "labels": {"fleet.id": "acme"}}),
        ({"spread": True}, "placement_groups", {"name": "acme-prod-web-1", "type": "spread", "labels": {"a": "b"}}),
        ({"ssh_keys": (KEY,)}, "ssh_keys", {"name": KEY_NAME, "public_key": "ssh-rsa AAAAB3NzaC1yc2E="}),
    ],
)
def test_what_somebody_else_calls_so_is_left_alone(
    cloud: Emulator, time: Any, wish: dict[str, Any], path: str, body: dict[str, Any]
) -> None:
    ask(cloud, "POST", f"/{path}", body)
    before = ask(cloud, "GET", f"/{path}")
    driver = a_driver(cloud, time)

    for look in (driver.prereq_changes, driver.ensure_prereqs):
        with pytest.raises(
            Conflict, match=rf"already has a .* {body['name']} without the labels fleet\.id=acme"
        ) as caught:
            look(a_spec(**wish))
        assert "rename it there" in str(caught.value)

    assert ask(cloud, "GET", f"/{path}") == before


# ---- networks


def test_a_network_of_another_range_is_refused_with_both(cloud: Emulator, time: Any) -> None:
    a_driver(cloud, time).ensure_prereqs(a_spec(network=RANGE))

    with pytest.raises(Permanent, match=rf"has the range {RANGE}, wanted is 10\.65\.0\.0/16"):
        a_driver(cloud, time).ensure_prereqs(a_spec(network="10.65.0.0/16"))


def test_each_network_zone_gets_a_subnet_of_the_one_network(cloud: Emulator, time: Any) -> None:
    driver, east = a_driver(cloud, time), a_spec(2, location="ash", network=RANGE)
    driver.ensure_prereqs(a_spec(1, network=RANGE))
    foreseen = driver.prereq_changes(east)

    made = driver.ensure_prereqs(east).made
    bought(cloud, driver, a_spec(3, location="fsn1", network=RANGE), east)

    assert foreseen == [f"network acme-prod ({RANGE}) at hetzner: adds subnet 10.64.64.0/18 in us-east"]
    assert list(made) == foreseen
    (network,) = ask(cloud, "GET", "/networks")["networks"]
    assert {part["network_zone"]: part["ip_range"] for part in network["subnets"]} == {
        "eu-central": "10.64.0.0/18",
        "us-east": "10.64.64.0/18",
    }


def test_subnets_of_two_runs_at_once_do_not_meet(cloud: Emulator, time: Any) -> None:
    a_driver(cloud, time).ensure_prereqs(a_spec(network=RANGE))
    specs = [a_spec(place, location=where, network=RANGE) for place, where in enumerate(("ash", "hil", "sin"), 1)]

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda spec: a_driver(cloud, time).ensure_prereqs(spec), [*specs, *specs]))

    (network,) = ask(cloud, "GET", "/networks")["networks"]
    assert len({part["ip_range"] for part in network["subnets"]}) == 4


def test_a_network_without_room_for_another_zone_is_told(cloud: Emulator, time: Any) -> None:
    whole = {"type": "cloud", "network_zone": "us-east", "ip_range": RANGE}
    ask(cloud, "POST", "/networks", {"name": "acme-prod", "ip_range": RANGE, "labels": MARKS, "subnets": [whole]})

    with pytest.raises(Permanent, match=rf"no room for a subnet in eu-central; its other subnets are {RANGE}"):
        a_driver(cloud, time).ensure_prereqs(a_spec(network=RANGE))


# ---- firewalls


def test_rules_that_drifted_are_set_right_and_told(cloud: Emulator, time: Any) -> None:
    spec = a_spec(firewall=Firewall((SSH,)))
    firewall = a_driver(cloud, time).ensure_prereqs(spec).firewall
    opened = {"direction": "in", "protocol": "tcp", "port": "6443", "source_ips": ["0.0.0.0/0"]}
    shut = {"direction": "out", "protocol": "udp", "port": "53", "destination_ips": ["0.0.0.0/0"]}
    ask(cloud, "POST", f"/firewalls/{firewall}/actions/set_rules", {"rules": [opened, shut]})

    foreseen = a_driver(cloud, time).prereq_changes(spec)
    made = a_driver(cloud, time).ensure_prereqs(spec).made

    assert foreseen == [
        f"firewall acme-prod-web at hetzner: adds {SSH_WORDS}, removes tcp/6443 from 0.0.0.0/0; udp/53 to 0.0.0.0/0"
    ]
    assert list(made) == foreseen
    (rule,) = ask(cloud, "GET", f"/firewalls/{firewall}")["firewall"]["rules"]
    assert (rule["port"], rule["source_ips"]) == ("22", list(SSH.sources))


def test_rules_in_another_order_are_the_same_rules(cloud: Emulator, time: Any) -> None:
    openings = (SSH, WEB, PING)
    a_driver(cloud, time).ensure_prereqs(a_spec(firewall=Firewall(openings)))
    turned = tuple(replace(opening, sources=opening.sources[::-1]) for opening in openings[::-1])

    assert a_driver(cloud, time).ensure_prereqs(a_spec(firewall=Firewall(turned))).made == ()


def test_a_firewall_without_openings_lets_nothing_in(cloud: Emulator, time: Any) -> None:
    made = a_driver(cloud, time).ensure_prereqs(a_spec(firewall=Firewall())).made

    assert made == ("firewall acme-prod-web at hetzner",)
    assert ask(cloud, "GET", "/firewalls")["firewalls"][0]["rules"] == []


def test_every_pool_has_a_firewall_of_its_own(cloud: Emulator, time: Any) -> None:
    driver = a_driver(cloud, time)
    refs = [driver.ensure_prereqs(a_spec(pool=pool, firewall=Firewall((SSH,)))) for pool in ("web", "jobs")]

    assert refs[0].firewall != refs[1].firewall


# ---- SSH keys


def test_a_key_is_found_by_its_material_whatever_it_is_called(cloud: Emulator, time: Any) -> None:
    kept = ask(cloud, "POST", "/ssh_keys", {"name": "laptop", "public_key": KEY})["ssh_key"]

    refs = a_driver(cloud, time).ensure_prereqs(a_spec(ssh_keys=(KEY.replace("ops@", "me@"), "laptop")))

    assert (refs.ssh_keys, refs.made) == ((str(kept["id"]),) * 2, ())
    assert cloud.store.counts("hetzner")["ssh_key"] == 1


def test_an_unknown_key_is_refused_in_words_that_no_offer_can_help(cloud: Emulator, time: Any) -> None:
    with pytest.raises(Permanent, match="Hetzner has no SSH key 'me@home'; upload it there") as caught:
        a_driver(cloud, time).ensure_prereqs(a_spec(ssh_keys=("me@home",)))

    assert caught.value.code == "unknown_ssh_key"


@pytest.mark.parametrize("entry", ["ssh-ed25519", "ssh-ed25519 not*base64"])
def test_half_a_public_key_is_refused_before_any_write(cloud: Emulator, time: Any, entry: str) -> None:
    with pytest.raises(Permanent, match="begins like a public key but is none"):
        a_driver(cloud, time).ensure_prereqs(a_spec(ssh_keys=(entry,)))

    assert cloud.requests.writes("hetzner") == []


# ---- placement groups


def test_groups_of_ten_are_filled_one_after_the_other(cloud: Emulator, time: Any) -> None:
    driver, specs = a_driver(cloud, time), [a_spec(ordinal, spread=True) for ordinal in range(1, 22)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda spec: driver.create_node(spec, driver.ensure_prereqs(spec)), specs))
    cloud.settle()

    groups = {
        group["name"]: len(group["servers"]) for group in ask(cloud, "GET", "/placement_groups")["placement_groups"]
    }
    assert groups == {"acme-prod-web-1": 10, "acme-prod-web-2": 10, "acme-prod-web-3": 1}
    assert a_driver(cloud, time).prereq_changes(a_spec(1, spread=True)) == [], "a full pool needs no group in advance"


def test_room_that_became_free_is_used_again(cloud: Emulator, time: Any) -> None:
    driver = a_driver(cloud, time)
    bought(cloud, driver, *[a_spec(ordinal, spread=True) for ordinal in range(1, 12)])
    third = next(server for server in ask(cloud, "GET", "/servers")["servers"] if server["name"] == "prod-web-3")
    ask(cloud, "DELETE", f"/servers/{third['id']}")
    cloud.settle()

    bought(cloud, a_driver(cloud, time), a_spec(3, spread=True))

    groups = {
        group["name"]: len(group["servers"]) for group in ask(cloud, "GET", "/placement_groups")["placement_groups"]
    }
    assert groups == {"acme-prod-web-1": 10, "acme-prod-web-2": 1}


def test_a_group_that_others_fill_meanwhile_costs_another_order_and_no_offer(cloud: Emulator, time: Any) -> None:
    driver = a_driver(cloud, time)
    refs = driver.ensure_prereqs(a_spec(1, spread=True))
    bought(cloud, a_driver(cloud, time), *[a_spec(ordinal, spread=True) for ordinal in range(2, 12)])

    pending = driver.create_node(a_spec(1, spread=True), refs)

    assert pending.name == "prod-web-1"
    groups = {
        group["name"]: len(group["servers"]) for group in ask(cloud, "GET", "/placement_groups")["placement_groups"]
    }
    assert groups == {"acme-prod-web-1": 10, "acme-prod-web-2": 1}


def test_two_runs_that_both_need_the_next_group_share_it(cloud: Emulator, time: Any) -> None:
    bought(cloud, a_driver(cloud, time), *[a_spec(ordinal, spread=True) for ordinal in range(1, 11)])
    drivers = [a_driver(cloud, time), a_driver(cloud, time)]
    specs = [a_spec(11, spread=True), a_spec(12, spread=True)]
    refs = [driver.ensure_prereqs(spec) for driver, spec in zip(drivers, specs, strict=True)]

    for driver, spec, ref in zip(drivers, specs, refs, strict=True):
        driver.create_node(spec, ref)

    groups = {
        group["name"]: len(group["servers"]) for group in ask(cloud, "GET", "/placement_groups")["placement_groups"]
    }
    assert groups == {"acme-prod-web-1": 10, "acme-prod-web-2": 2}
