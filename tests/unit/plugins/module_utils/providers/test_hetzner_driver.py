"""Hetzner: orders, marks, prices, and what is left when servers are gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import requests

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Ambiguous, Auth, Conflict, NotFound
from ansible_collections.sovereign.fleet.plugins.module_utils.model import (
    Firewall,
    Leftover,
    Offer,
    Opening,
    Owner,
    Pending,
    Refs,
    ServerSpec,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import hetzner_wire, prices, registry
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.base import NodeDriver
from lab.cloud.testing import Emulator, emulator

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJr0c5w2m1Vn8m9tDJhb0GxIFxk3sVYcDqZ0b6Rz5v9e ops@example.net"
MARKS = {"fleet.id": "acme", "fleet.cluster": "prod"}
CLAIM = {**MARKS, "fleet.pool": "web"}


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    with emulator() as running:
        yield running


@pytest.fixture
def driver(cloud: Emulator, time: Any) -> NodeDriver:
    return a_driver(cloud, time)


def a_driver(cloud: Emulator, time: Any) -> NodeDriver:
    return registry.driver("hetzner", cloud.providers["hetzner"], clock=time.clock, sleep=time.sleep)


def a_spec(name: str = "prod-web-1", **wishes: Any) -> ServerSpec:
    return ServerSpec(name, Owner.of("acme", "prod", "web", name), Offer("hetzner", "nbg1", "cx33"), **wishes)


def ask(cloud: Emulator, method: str, path: str, body: Any = None) -> Any:
    """A request of the account's owner."""
    token = {"Authorization": f"Bearer {cloud.credentials['hetzner']['token']}"}
    answer = requests.request(method, cloud.endpoints["hetzner"] + path, json=body, headers=token, timeout=10)
    answer.raise_for_status()
    return answer.json() if answer.content else {}


def a_server(cloud: Emulator, name: str, labels: dict[str, str]) -> dict[str, Any]:
    body = {"name": name, "server_type": "cx23", "image": "ubuntu-24.04", "location": "hel1", "labels": labels}
    made: dict[str, Any] = ask(cloud, "POST", "/servers", body)["server"]
    cloud.settle()
    return made


def bought(cloud: Emulator, driver: NodeDriver, spec: ServerSpec) -> Pending:
    pending = driver.create_node(spec, driver.ensure_prereqs(spec))
    cloud.settle()
    return pending


# ---- orders


def test_a_hundred_orders_cost_a_hundred_requests_and_their_looks_two(cloud: Emulator, driver: NodeDriver) -> None:
    pendings = [
        driver.create_node(spec, driver.ensure_prereqs(spec))
        for spec in (a_spec(f"prod-web-{number}") for number in range(1, 101))
    ]
    cloud.settle()

    events = driver.poll(pendings)

    assert all(event.done and event.node and event.node.state == "running" for event in events)
    assert cloud.requests.count("hetzner") <= 100 + 4, "jobs are asked for by fifties"


def test_labels_of_the_spec_stand_beside_the_owners(cloud: Emulator, driver: NodeDriver) -> None:
    spec = a_spec(labels={"fleet.revision": "r1"})
    bought(cloud, driver, spec)

    assert cloud.store.servers("hetzner")[0].labels == {"fleet.revision": "r1", **spec.owner.labels()}


def test_an_address_that_comes_late_is_looked_up(cloud: Emulator, driver: NodeDriver) -> None:
    """The answer to an order may have no address in the private network yet."""
    spec = a_spec(network="10.64.0.0/16")
    pending = bought(cloud, driver, spec)
    assert pending.node is not None
    early = replace(pending, node=replace(pending.node, private_ipv4=""))

    (event,) = driver.poll([early])

    assert event.node is not None
    assert event.node.private_ipv4.startswith("10.64.")


def test_the_sdk_never_repeats_an_order(cloud: Emulator, driver: NodeDriver, time: Any) -> None:
    """The SDK repeats 502, 504, conflicts and timeouts five times, orders included, unless it is kept from that."""
    for status in (502, 504):
        cloud.faults.add("hetzner", "5xx", status=status, method="POST", count=1)
        with pytest.raises(Ambiguous):
            driver.create_node(a_spec(), Refs(image="ubuntu-24.04"))

    assert len(cloud.requests.writes("hetzner")) == 2
    assert time.slept == []


# ---- prices


def test_prices_are_live_with_the_address_and_read_once(cloud: Emulator, driver: NodeDriver) -> None:
    places = [driver.caps.locations[name] for name in ("nbg1", "fsn1", "nbg1")]
    flavors = [next(flavor for flavor in driver.catalog(place) if flavor.name == "cx33") for place in places]

    assert {(f.price_hour, f.server_month, f.ipv4_month, f.disk_month, f.priced) for f in flavors} == {
        (Decimal("0.0136"), Decimal("8.49"), Decimal("0.5"), Decimal(0), "")
    }
    assert flavors[0].month == Decimal("8.99")
    asked = sorted(entry.path.partition("?")[0] for entry in cloud.requests.entries("hetzner"))
    assert asked == ["/v1/pricing", "/v1/server_types"]


def test_a_price_list_that_cannot_be_read_is_replaced_by_the_dated_one(cloud: Emulator, driver: NodeDriver) -> None:
    cloud.faults.add("hetzner", "5xx", path="/v1/pricing")
    cloud.faults.add("hetzner", "capacity", type="cx43", visible=True)

    flavors = {flavor.name: flavor for flavor in driver.catalog(driver.caps.locations["nbg1"])}

    assert {flavor.priced for flavor in flavors.values()} == {prices.LISTS["hetzner"].as_of}
    assert flavors["cx33"].ipv4_month == Decimal("0.50")
    assert (flavors["cx33"].available, flavors["cx43"].available) == (True, False), "what is for sale is live"


@pytest.mark.parametrize("told", [None, "cheap", "NaN", {"gross": "1"}])
def test_a_number_that_is_none_is_taken_from_the_dated_list(told: Any) -> None:
    price = {"location": "nbg1", "price_hourly": {"net": told}, "price_monthly": {"net": told}}
    item = {"name": "cx33", "prices": [price], "locations": [{"name": "nbg1", "available": True}]}

    flavor = hetzner_wire.to_flavor(item, "nbg1", {"nbg1": Decimal("0.5")})

    assert flavor is not None
    assert (flavor.price_hour, flavor.server_month) == (Decimal("0.0136"), Decimal("8.49"))
    assert flavor.priced == prices.LISTS["hetzner"].as_of


@pytest.mark.parametrize(
    "body",
    [{}, {"pricing": None}, {"pricing": {"primary_ips": ["?"]}}, {"pricing": {"primary_ips": [{"type": "ipv4"}]}}],
)
def test_prices_of_another_shape_are_no_prices(body: Any) -> None:
    assert hetzner_wire.address_prices(body) == {}


# ---- marks


def test_marking_keeps_what_else_is_written_on_a_server(cloud: Emulator, driver: NodeDriver) -> None:
    a_server(cloud, "by-hand", {**CLAIM, "team": "ops"})
    (node,) = driver.list_nodes(driver.scopes()[0], MARKS)
    owner = node.claim()
    assert owner is not None
    ask(cloud, "PUT", f"/servers/{node.id}", {"labels": {**CLAIM, "team": "ops", "since": "listed"}})

    marked = driver.mark(node, owner)

    assert (marked.owner, marked.state, marked.name) == (owner, "running", "by-hand")
    assert cloud.store.servers("hetzner")[0].labels == {"team": "ops", "since": "listed", **owner.labels()}


def test_a_server_that_found_another_owner_meanwhile_is_not_marked(cloud: Emulator, driver: NodeDriver) -> None:
    a_server(cloud, "by-hand", CLAIM)
    (node,) = driver.list_nodes(driver.scopes()[0], MARKS)
    ask(cloud, "PUT", f"/servers/{node.id}", {"labels": Owner.of("other", "prod", "web", "by-hand").labels()})

    with pytest.raises(Conflict, match="already belongs to another pool or fleet"):
        driver.mark(node, Owner.of("acme", "prod", "web", "by-hand"))

    ask(cloud, "DELETE", f"/servers/{node.id}")
    cloud.settle()
    with pytest.raises(NotFound, match="is not at Hetzner any more"):
        driver.mark(node, Owner.of("acme", "prod", "web", "by-hand"))


# ---- what is no server


def a_household(cloud: Emulator, driver: NodeDriver) -> None:
    """Everything that a cluster can have beside servers, and the same of somebody else."""
    wishes: dict[str, Any] = {"network": "10.64.0.0/16", "firewall": Firewall((Opening("icmp", "", ("0.0.0.0/0",)),))}
    driver.ensure_prereqs(a_spec(spread=True, ssh_keys=(KEY,), **wishes))
    network = ask(cloud, "GET", "/networks")["networks"][0]["id"]
    for name, labels in (("ours", MARKS), ("theirs", {"fleet.id": "other", "fleet.cluster": "prod"})):
        ask(cloud, "POST", "/volumes", {"name": name, "size": 10, "location": "nbg1", "labels": labels})
        floating = {"name": name, "type": "ipv4", "home_location": "nbg1", "labels": labels}
        ask(cloud, "POST", "/floating_ips", floating)
        primary = {"name": name, "type": "ipv4", "location": "nbg1", "assignee_type": "server", "labels": labels}
        ask(cloud, "POST", "/primary_ips", primary)
        ask(cloud, "POST", "/primary_ips", {**primary, "name": f"{name}-6", "type": "ipv6"})
        balancer = {"name": name, "load_balancer_type": "lb11", "location": "nbg1", "labels": labels}
        ask(cloud, "POST", "/load_balancers", {**balancer, "network": network if name == "ours" else None})


def test_all_belongings_are_found_and_go_in_the_order_they_are_told(cloud: Emulator, driver: NodeDriver) -> None:
    a_household(cloud, driver)

    found = driver.belongings(MARKS)

    assert [(item.kind, item.name, item.billable, item.made_by_us) for item in found] == [
        ("load_balancer", "ours", True, False),
        ("address", "ours", True, False),
        ("address", "ours", True, False),
        ("address", "ours-6", False, False),
        ("disk", "ours", True, False),
        ("placement_group", "acme-prod-web-1", False, True),
        ("firewall", "acme-prod-web", False, True),
        ("network", "acme-prod", False, True),
        ("ssh_key", found[-1].name, False, True),
    ]
    assert {item.location for item in found[:5]} == {"nbg1"}
    for item in found:
        driver.remove_leftover(item)
        driver.remove_leftover(item)
    assert driver.belongings(MARKS) == []
    counts = {kind: count for kind, count in cloud.store.counts("hetzner").items() if count}
    assert counts == {"volume": 1, "primary_ip": 2, "floating_ip": 1, "load_balancer": 1}


def test_belongings_of_a_fleet_are_those_of_all_its_clusters(cloud: Emulator, driver: NodeDriver) -> None:
    a_household(cloud, driver)
    ask(cloud, "POST", "/networks", {"name": "acme-test", "ip_range": "10.1.0.0/16", "labels": {"fleet.id": "acme"}})

    assert {item.name for item in driver.belongings({"fleet.id": "acme"})} >= {"acme-prod", "acme-test", "ours"}
    assert driver.belongings({"fleet.id": "nobody"}) == []


def test_an_address_of_a_server_of_ours_is_no_belonging(cloud: Emulator, driver: NodeDriver) -> None:
    bought(cloud, driver, a_spec())
    stranger = a_server(cloud, "stranger", {})
    for server in (cloud.store.servers("hetzner")[0].id, stranger["id"]):
        body = {"name": f"ip-{server}", "type": "ipv4", "server": int(server), "labels": MARKS}
        ask(cloud, "POST", "/floating_ips", body)

    assert [item.name for item in driver.belongings(MARKS)] == [f"ip-{stranger['id']}"]


def test_remains_of_servers_of_ours_are_no_belongings(cloud: Emulator, driver: NodeDriver) -> None:
    """They carry all five labels, and every run sweeps them."""
    owner = Owner.of("acme", "prod", "web", "prod-web-7")
    ask(cloud, "POST", "/volumes", {"name": "v", "size": 10, "location": "nbg1", "labels": owner.labels()})

    (left,) = driver.leftovers(MARKS)

    assert left == Leftover("hetzner", "disk", left.id, "v", "nbg1", note="volumes")
    assert driver.leftovers(MARKS, ["fsn1"]) == []
    assert driver.belongings(MARKS) == []
    driver.remove_leftover(left)
    assert driver.leftovers(MARKS) == []


def test_a_network_in_use_is_a_conflict_and_not_gone(cloud: Emulator, driver: NodeDriver) -> None:
    bought(cloud, driver, a_spec(network="10.64.0.0/16"))
    (network,) = driver.belongings(MARKS)

    with pytest.raises(Conflict, match="still in use"):
        driver.remove_leftover(network)


def test_the_driver_reads_belongings_or_fails(cloud: Emulator, driver: NodeDriver) -> None:
    cloud.faults.add("hetzner", "unauthorized", path="/v1/volumes")

    with pytest.raises(Auth, match="refused the token"):
        driver.belongings(MARKS)
