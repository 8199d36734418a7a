"""What servers at Scaleway need beside themselves, against the emulated cloud over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import requests

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Conflict, Permanent
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Firewall, Offer, Opening, Owner, ServerSpec
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry, scaleway_things
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.base import NodeDriver
from lab.cloud.testing import Emulator, emulator

RANGE = "10.64.0.0/16"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJr0c5w2m1Vn8m9tDJhb0GxIFxk3sVYcDqZ0b6Rz5v9e ops@example.net"
KEY_NAME = "acme-prod-293464b2"
SSH = Opening("tcp", "22", ("203.0.113.0/24", "198.51.100.7/32"))
WEB = Opening("tcp", "80-443", ("0.0.0.0/0", "::/0"))
PING = Opening("icmp", "", ("0.0.0.0/0",))
SSH_WORDS = "tcp/22 from 203.0.113.0/24, 198.51.100.7/32"
TAGS = ["fleet.cluster=prod", "fleet.id=acme"]
EVERYTHING: dict[str, Any] = {
    "network": RANGE,
    "firewall": Firewall((SSH, PING)),
    "spread": True,
    "ssh_keys": (KEY,),
}
ZONE = "/instance/v1/zones/fr-par-1"
NETWORKS = "/vpc/v2/regions/fr-par/private-networks"
KEYS = "/iam/v1alpha1/ssh-keys"


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    with emulator() as running:
        yield running


def a_driver(cloud: Emulator, time: Any) -> NodeDriver:
    return registry.driver("scaleway", cloud.providers["scaleway"], clock=time.clock, sleep=time.sleep)


def a_spec(ordinal: int = 1, pool: str = "web", location: str = "fr-par-1", **wishes: Any) -> ServerSpec:
    name = f"prod-{pool}-{ordinal}"
    return ServerSpec(name, Owner.of("acme", "prod", pool, name), Offer("scaleway", location, "DEV1-L"), **wishes)


def ask(cloud: Emulator, method: str, path: str, body: Any = None) -> Any:
    """A request of the account's owner."""
    token = {"X-Auth-Token": cloud.credentials["scaleway"]["secret_key"]}
    answer = requests.request(method, cloud.endpoints["scaleway"] + path, json=body, headers=token, timeout=10)
    answer.raise_for_status()
    return answer.json() if answer.content else {}


def asked(cloud: Emulator) -> list[str]:
    return [f"{entry.method} {entry.path.partition('?')[0]}" for entry in cloud.requests.entries("scaleway")]


def rules_of(cloud: Emulator, group: str) -> list[tuple[Any, ...]]:
    rules = ask(cloud, "GET", f"{ZONE}/security_groups/{group}/rules")["rules"]
    fields = ("protocol", "ip_range", "dest_port_from", "dest_port_to")
    return [tuple(rule[field] for field in fields) for rule in rules if rule["editable"]]


def test_a_server_without_wishes_costs_its_order_alone(cloud: Emulator, time: Any) -> None:
    driver, spec = a_driver(cloud, time), a_spec()

    assert driver.prereq_changes(spec) == []
    driver.create_node(spec, driver.ensure_prereqs(spec))

    assert asked(cloud) == [f"POST {ZONE}/servers"]


def test_everything_is_foreseen_made_and_marked(cloud: Emulator, time: Any) -> None:
    spec = a_spec(**EVERYTHING)
    foreseen = [
        f"SSH key {KEY_NAME} at scaleway",
        f"network acme-prod ({RANGE}) at scaleway/fr-par",
        f"firewall acme-prod-web at scaleway/fr-par-1: adds {SSH_WORDS}; icmp from 0.0.0.0/0; everything from {RANGE}",
        "placement group acme-prod-web at scaleway/fr-par-1",
    ]
    assert a_driver(cloud, time).prereq_changes(spec) == foreseen
    assert cloud.requests.writes("scaleway") == []

    refs = a_driver(cloud, time).ensure_prereqs(spec)

    assert list(refs.made) == foreseen
    group = ask(cloud, "GET", f"{ZONE}/security_groups/{refs.firewall}")["security_group"]
    assert sorted(group["tags"]) == [*TAGS, "fleet.pool=web"]
    assert (group["inbound_default_policy"], group["outbound_default_policy"]) == ("drop", "accept")
    assert rules_of(cloud, refs.firewall) == [
        ("TCP", "203.0.113.0/24", 22, None),
        ("TCP", "198.51.100.7/32", 22, None),
        ("ICMP", "0.0.0.0/0", None, None),
        ("ANY", RANGE, None, None),
    ]
    network = ask(cloud, "GET", f"{NETWORKS}/{refs.network}")
    assert ([part["subnet"] for part in network["subnets"]], sorted(network["tags"])) == ([RANGE], TAGS)
    spread = ask(cloud, "GET", f"{ZONE}/placement_groups/{refs.placement_group}")["placement_group"]
    assert (spread["policy_type"], spread["policy_mode"]) == ("max_availability", "enforced")
    (key,) = ask(cloud, "GET", KEYS)["ssh_keys"]
    assert (key["name"], key["public_key"].split(maxsplit=2)[2]) == (KEY_NAME, ",".join(TAGS))


def test_a_place_is_looked_at_once_in_a_run(cloud: Emulator, time: Any) -> None:
    driver = a_driver(cloud, time)
    driver.prereq_changes(a_spec(**EVERYTHING))
    looks = asked(cloud)
    made = [driver.ensure_prereqs(a_spec(ordinal, **EVERYTHING)).made for ordinal in range(1, 6)]

    assert looks == [f"GET {KEYS}", f"GET {NETWORKS}", f"GET {ZONE}/security_groups", f"GET {ZONE}/placement_groups"]
    assert [line for line in asked(cloud)[4:] if line.startswith("GET")] == looks, "once more for what is made"
    assert [len(lines) for lines in made] == [4, 0, 0, 0, 0], "what was made is told once"
    assert driver.prereq_changes(a_spec(**EVERYTHING)) == []


def test_zones_of_one_region_share_the_network_and_nothing_else(cloud: Emulator, time: Any) -> None:
    driver = a_driver(cloud, time)
    one, two, abroad = (
        driver.ensure_prereqs(a_spec(location=zone, **EVERYTHING)) for zone in ("fr-par-1", "fr-par-2", "nl-ams-1")
    )

    assert one.network == two.network != abroad.network
    assert len({one.firewall, two.firewall, abroad.firewall}) == 3
    assert len({one.placement_group, two.placement_group, abroad.placement_group}) == 3
    assert one.ssh_keys == two.ssh_keys == abroad.ssh_keys
    counts = cloud.store.counts("scaleway")
    assert (counts["private_network"], counts["security_group"], counts["ssh_key"]) == (2, 3, 1)


@pytest.mark.parametrize("repeat", range(3))
def test_sixteen_orders_of_two_runs_make_one_of_each(cloud: Emulator, time: Any, repeat: int) -> None:
    drivers = [a_driver(cloud, time), a_driver(cloud, time)]
    pairs = [(driver, a_spec(ordinal, **EVERYTHING)) for driver in drivers for ordinal in range(1, 9)]

    with ThreadPoolExecutor(16) as pool:
        refs = list(pool.map(lambda pair: pair[0].ensure_prereqs(pair[1]), pairs))

    assert len({replace(ref, made=()) for ref in refs}) == 1
    counts = cloud.store.counts("scaleway")
    assert {counts[kind] for kind in ("private_network", "security_group", "placement_group", "ssh_key")} == {1}
    assert {line.partition(":")[0] for ref in refs for line in ref.made} == {
        f"SSH key {KEY_NAME} at scaleway",
        f"network acme-prod ({RANGE}) at scaleway/fr-par",
        "firewall acme-prod-web at scaleway/fr-par-1",
        "placement group acme-prod-web at scaleway/fr-par-1",
    }


@pytest.mark.parametrize("wish", EVERYTHING)
def test_a_lost_answer_makes_nothing_twice(cloud: Emulator, time: Any, wish: str) -> None:
    cloud.faults.add("scaleway", "reset-after-commit", method="POST", count=1)

    refs = a_driver(cloud, time).ensure_prereqs(a_spec(**{wish: EVERYTHING[wish]}))

    assert len(refs.made) == 1
    assert sum(cloud.store.counts("scaleway").values()) == 1


def test_of_two_that_are_there_the_older_one_is_used(cloud: Emulator, time: Any) -> None:
    body = {"name": "acme-prod-web", "tags": [*TAGS, "fleet.pool=web"], "inbound_default_policy": "drop"}
    first, _second = (
        ask(cloud, "POST", f"{ZONE}/security_groups", body)["security_group"]["id"] for _number in range(2)
    )

    assert a_driver(cloud, time).ensure_prereqs(a_spec(firewall=Firewall())).firewall == first


def test_a_run_killed_before_its_order_leaves_what_the_next_one_uses(cloud: Emulator, time: Any) -> None:
    spec = a_spec(**EVERYTHING)
    first = a_driver(cloud, time).ensure_prereqs(spec)
    before = cloud.store.counts("scaleway")

    assert a_driver(cloud, time).ensure_prereqs(spec) == replace(first, made=())
    assert cloud.store.counts("scaleway") == before


def test_a_firewall_that_got_no_rules_before_its_run_was_killed_gets_them(cloud: Emulator, time: Any) -> None:
    cloud.faults.add("scaleway", "unauthorized", method="PUT", count=1)
    spec = a_spec(firewall=Firewall((SSH,)))
    with pytest.raises(Exception, match="refused the token"):
        a_driver(cloud, time).ensure_prereqs(spec)

    refs = a_driver(cloud, time).ensure_prereqs(spec)

    assert refs.made == (f"firewall acme-prod-web at scaleway/fr-par-1: adds {SSH_WORDS}",)
    assert len(rules_of(cloud, refs.firewall)) == 2
    assert cloud.store.counts("scaleway")["security_group"] == 1


@pytest.mark.parametrize(
    ("wish", "path", "body"),
    [
        ({"network": RANGE}, NETWORKS, {"name": "acme-prod", "subnets": [RANGE]}),
        ({"firewall": Firewall()}, f"{ZONE}/security_groups", {"name": "acme-prod-web", "tags": ["fleet.id=acme"]}),
        ({"spread": True}, f"{ZONE}/placement_groups", {"name": "acme-prod-web", "tags": ["mine"]}),
    ],
)
def test_what_somebody_else_calls_so_is_left_alone(
    cloud: Emulator, time: Any, wish: dict[str, Any], path: str, body: dict[str, Any]
) -> None:
    ask(cloud, "POST", path, body)
    before = ask(cloud, "GET", path)
    driver = a_driver(cloud, time)

    for look in (driver.prereq_changes, driver.ensure_prereqs):
        with pytest.raises(Conflict, match=rf"already has a .* {body['name']} without our labels, the tags fleet\."):
            look(a_spec(**wish))

    assert ask(cloud, "GET", path) == before


# ---- networks


def test_a_network_of_another_range_is_refused_with_both(cloud: Emulator, time: Any) -> None:
    a_driver(cloud, time).ensure_prereqs(a_spec(network=RANGE))

    with pytest.raises(Permanent, match=rf"has the range {RANGE}, wanted is 10\.65\.0\.0/16"):
        a_driver(cloud, time).ensure_prereqs(a_spec(network="10.65.0.0/16"))


def test_a_range_that_another_network_has_is_refused_in_the_vendors_words(cloud: Emulator, time: Any) -> None:
    ask(cloud, "POST", NETWORKS, {"name": "theirs", "subnets": ["10.64.8.0/24"]})

    with pytest.raises(Permanent, match="overlaps with another subnet"):
        a_driver(cloud, time).ensure_prereqs(a_spec(network=RANGE))


# ---- firewalls


def test_rules_and_policies_that_drifted_are_set_right_and_told(cloud: Emulator, time: Any) -> None:
    spec = a_spec(firewall=Firewall((SSH,)))
    group = a_driver(cloud, time).ensure_prereqs(spec).firewall
    opened = {"protocol": "TCP", "direction": "inbound", "action": "accept", "dest_port_from": 6443}
    shut = {"protocol": "UDP", "direction": "outbound", "action": "drop", "dest_port_from": 53, "dest_port_to": 54}
    ask(cloud, "PUT", f"{ZONE}/security_groups/{group}/rules", {"rules": [opened, shut]})
    ask(cloud, "PATCH", f"{ZONE}/security_groups/{group}", {"inbound_default_policy": "accept"})

    foreseen = a_driver(cloud, time).prereq_changes(spec)
    made = a_driver(cloud, time).ensure_prereqs(spec).made

    words = "tcp/6443 from 0.0.0.0/0; dropping of udp/53-54 to 0.0.0.0/0, drops what is not let in"
    assert foreseen == [f"firewall acme-prod-web at scaleway/fr-par-1: adds {SSH_WORDS}, removes {words}"]
    assert list(made) == foreseen
    assert [rule[2] for rule in rules_of(cloud, group)] == [22, 22]
    now = ask(cloud, "GET", f"{ZONE}/security_groups/{group}")["security_group"]
    assert now["inbound_default_policy"] == "drop"
    assert a_driver(cloud, time).prereq_changes(spec) == []


def test_rules_in_another_order_are_the_same_rules(cloud: Emulator, time: Any) -> None:
    openings = (SSH, WEB, PING)
    a_driver(cloud, time).ensure_prereqs(a_spec(firewall=Firewall(openings)))
    turned = tuple(replace(opening, sources=opening.sources[::-1]) for opening in openings[::-1])

    assert a_driver(cloud, time).ensure_prereqs(a_spec(firewall=Firewall(turned))).made == ()


# ---- SSH keys


def test_a_key_is_found_by_its_material_whatever_it_is_called(cloud: Emulator, time: Any) -> None:
    kept = ask(cloud, "POST", KEYS, {"name": "laptop", "public_key": KEY})

    refs = a_driver(cloud, time).ensure_prereqs(a_spec(ssh_keys=(KEY.replace("ops@", "me@"), "laptop")))

    assert (refs.ssh_keys, refs.made) == ((kept["id"],) * 2, ())


def test_an_unknown_key_is_refused_in_words_that_no_offer_can_help(cloud: Emulator, time: Any) -> None:
    with pytest.raises(Permanent, match="Scaleway has no SSH key 'me@home' in this project") as caught:
        a_driver(cloud, time).ensure_prereqs(a_spec(ssh_keys=("me@home",)))

    assert caught.value.code == "unknown_ssh_key"


def test_a_disabled_key_would_let_nobody_in(cloud: Emulator, time: Any) -> None:
    key = ask(cloud, "POST", KEYS, {"name": "laptop", "public_key": KEY})
    ask(cloud, "PATCH", f"{KEYS}/{key['id']}", {"disabled": True})

    for entry in ("laptop", KEY):
        with pytest.raises(Permanent, match="The SSH key laptop at Scaleway is disabled"):
            a_driver(cloud, time).ensure_prereqs(a_spec(ssh_keys=(entry,)))


@pytest.mark.parametrize(
    ("name", "comment", "ours"),
    [
        pytest.param(KEY_NAME, "fleet.cluster=prod,fleet.id=acme", True, id="our comment"),
        pytest.param(KEY_NAME, "fleet.cluster=eu,fleet.id=acme-prod", False, id="another fleet's comment"),
        pytest.param(KEY_NAME, "", True, id="no comment: the name"),
        pytest.param(KEY_NAME, "ops@example.net", True, id="another comment: the name"),
        pytest.param("acme-prod-eu-293464b2", "", False, id="the name of another cluster"),
        pytest.param("acme-prod-00000000", "fleet.cluster=prod,fleet.id=acme", False, id="not this key's name"),
        pytest.param("laptop", "", False, id="a person's key"),
    ],
)
def test_a_key_is_ours_by_comment_and_name(name: str, comment: str, ours: bool) -> None:
    item = {"name": name, "public_key": f"{' '.join(KEY.split()[:2])} {comment}".strip()}

    assert scaleway_things.is_our_key(item, {"fleet.id": "acme", "fleet.cluster": "prod"}) is ours


def test_a_key_without_a_readable_text_is_nobodys() -> None:
    for text in ("", "ssh-rsa", "ssh-rsa ?", None):
        assert not scaleway_things.is_our_key({"name": "acme-prod-1", "public_key": text}, {"fleet.id": "acme"})


# ---- placement groups


def test_every_twenty_servers_of_a_pool_have_a_group(cloud: Emulator, time: Any) -> None:
    driver, specs = a_driver(cloud, time), [a_spec(ordinal, spread=True) for ordinal in range(1, 42)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda spec: driver.create_node(spec, driver.ensure_prereqs(spec)), specs))

    groups = ask(cloud, "GET", f"{ZONE}/placement_groups")["placement_groups"]
    sizes = {
        group["name"]: len(ask(cloud, "GET", f"{ZONE}/placement_groups/{group['id']}/servers")["servers"])
        for group in groups
    }
    assert sizes == {"acme-prod-web": 20, "acme-prod-web.2": 20, "acme-prod-web.3": 1}
