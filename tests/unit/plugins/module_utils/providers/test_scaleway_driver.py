"""Scaleway: servers step by step, marks, prices, and what is left when servers are gone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
import requests

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Auth,
    Capacity,
    Conflict,
    NotFound,
    Permanent,
    PlatformError,
    Transient,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.model import (
    Event,
    Firewall,
    Leftover,
    Node,
    Offer,
    Owner,
    Pending,
    ServerSpec,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import (
    prices,
    registry,
    scaleway_starting,
    scaleway_wire,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.base import NodeDriver
from lab.cloud.testing import Emulator, emulator

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJr0c5w2m1Vn8m9tDJhb0GxIFxk3sVYcDqZ0b6Rz5v9e ops@example.net"
RANGE = "10.64.0.0/16"
MARKS = {"fleet.id": "acme", "fleet.cluster": "prod"}
TAGS = ["fleet.cluster=prod", "fleet.id=acme"]
CLAIM = [*TAGS, "fleet.pool=web"]
ZONE = "/instance/v1/zones/fr-par-1"
NETWORKS = "/vpc/v2/regions/fr-par/private-networks"


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    with emulator() as running:
        yield running


@pytest.fixture
def driver(cloud: Emulator, time: Any) -> NodeDriver:
    return a_driver(cloud, time)


def a_driver(cloud: Emulator, time: Any) -> NodeDriver:
    return registry.driver("scaleway", cloud.providers["scaleway"], clock=time.clock, sleep=time.sleep)


def a_spec(name: str = "prod-web-1", kind: str = "DEV1-L", **wishes: Any) -> ServerSpec:
    owner = Owner.of("acme", "prod", "web", name)
    return ServerSpec(name, owner, Offer("scaleway", "fr-par-1", kind), user_data="#cloud-config\n", **wishes)


def ask(cloud: Emulator, method: str, path: str, body: Any = None) -> Any:
    """A request of the account's owner."""
    token = {"X-Auth-Token": cloud.credentials["scaleway"]["secret_key"]}
    answer = requests.request(method, cloud.endpoints["scaleway"] + path, json=body, headers=token, timeout=10)
    answer.raise_for_status()
    return answer.json() if answer.content else {}


def ordered(driver: NodeDriver, *specs: ServerSpec) -> list[Pending]:
    return [driver.create_node(spec, driver.ensure_prereqs(spec)) for spec in specs]


def settled(cloud: Emulator, driver: NodeDriver, pendings: list[Pending]) -> list[Event]:
    """The last event of each; the cloud comes to rest between two looks."""
    done: dict[str, Event] = {}
    for _look in range(12):
        events = driver.poll(pendings)
        done.update({event.pending.name: event for event in events if event.done})
        pendings = [event.pending for event in events if not event.done]
        if not pendings:
            return list(done.values())
        cloud.settle()
    raise AssertionError(f"still under way: {pendings}")


def listed(driver: NodeDriver, labels: dict[str, str] | None = None) -> list[Node]:
    return [node for scope in driver.scopes() for node in driver.list_nodes(scope, labels)]


def words(cloud: Emulator) -> list[str]:
    """The writing requests in short."""
    return [f"{entry.method} {entry.path.rpartition('/')[2]}" for entry in cloud.requests.writes("scaleway")]


# ---- servers, step by step


def test_a_server_boots_with_its_private_network(cloud: Emulator, driver: NodeDriver) -> None:
    spec = a_spec(network=RANGE)
    (pending,) = ordered(driver, spec)
    cloud.requests.clear()

    (first,) = driver.poll([pending])
    assert words(cloud) == ["PATCH cloud-init", "POST private_nics"], "not on before its card is ready"
    cloud.settle()
    (event,) = settled(cloud, driver, [first.pending])

    assert words(cloud)[2:] == ["POST action"]
    assert event.node is not None
    assert (event.node.state, event.node.private_ipv4[:6]) == ("running", "10.64.")
    assert event.node.public_ipv4
    assert [node.private_ipv4 for node in listed(driver, MARKS)] == [event.node.private_ipv4]


def test_a_server_without_network_takes_three_writes(cloud: Emulator, driver: NodeDriver) -> None:
    settled(cloud, driver, ordered(driver, a_spec()))

    assert words(cloud) == ["POST servers", "PATCH cloud-init", "POST action"]


@pytest.mark.parametrize("step", ["POST servers", "PATCH cloud-init", "POST private_nics", "POST action"])
@pytest.mark.parametrize("carried_out", [False, True])
def test_killed_at_any_step_the_next_run_carries_on(
    cloud: Emulator, driver: NodeDriver, time: Any, step: str, carried_out: bool
) -> None:
    spec = a_spec(network=RANGE, firewall=Firewall(), spread=True)
    refs = driver.ensure_prereqs(spec)
    method, _space, tail = step.partition(" ")
    path = f"{ZONE}/servers"
    if tail == "servers":
        if carried_out:
            driver.create_node(spec, refs)
    else:
        pending = driver.create_node(spec, refs)
        place = f"{path}/{pending.id}/{'user_data/' if tail == 'cloud-init' else ''}{tail}"
        kind = "reset-after-commit" if carried_out else "reset-before"
        cloud.faults.add("scaleway", kind, method=method, path=place)
        for _look in range(3):
            driver.poll([pending])
        cloud.faults.clear()
    cloud.settle()

    after = a_driver(cloud, time)
    nodes = listed(after, MARKS)
    pendings = [after.adopt(node, spec) for node in nodes] or ordered(after, spec)
    (event,) = settled(cloud, after, pendings)

    assert event.node is not None
    assert (event.error, event.node.state) == (None, "running")
    assert event.node.private_ipv4.startswith("10.64.")
    counts = cloud.store.counts("scaleway")
    assert (counts["server"], counts["private_nic"], counts["private_network"]) == (1, 1, 1)
    server = ask(cloud, "GET", f"{path}/{event.node.id}")["server"]
    assert (server["security_group"]["id"], server["placement_group"]["id"]) == (refs.firewall, refs.placement_group)


def test_two_runs_that_carry_on_with_one_server_join_it_once(cloud: Emulator, time: Any) -> None:
    drivers = [a_driver(cloud, time) for _run in range(4)]
    spec = a_spec(network=RANGE)
    ordered(drivers[0], spec)
    (node,) = listed(drivers[0], MARKS)

    with ThreadPoolExecutor(4) as pool:
        events = list(pool.map(lambda run: settled(cloud, run, [run.adopt(node, spec)])[0], drivers))

    assert [event.error for event in events] == [None] * 4
    assert cloud.store.counts("scaleway")["private_nic"] == 1


@pytest.mark.parametrize("error", [Capacity("Sold out."), Conflict("Not respected."), Permanent("No.")])
def test_a_server_that_cannot_be_started_is_told_with_its_node(
    driver: NodeDriver, monkeypatch: pytest.MonkeyPatch, error: PlatformError
) -> None:
    """So that it is cleared away and another offer is taken: stock is counted when a server is switched on."""
    (pending,) = ordered(driver, a_spec())

    def refuse(*_given: Any) -> None:
        raise error

    monkeypatch.setattr(scaleway_starting.Starting, "_power_on", refuse)
    (event,) = driver.poll([pending])

    assert event.node is not None
    assert (event.done, event.error, event.node.id) == (True, error, pending.id)


def test_a_card_that_cannot_join_is_an_error(
    cloud: Emulator, driver: NodeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pending,) = ordered(driver, a_spec(network=RANGE))
    failed = {"private_network_id": driver.ensure_prereqs(a_spec(network=RANGE)).network, "state": "syncing_error"}
    monkeypatch.setattr(scaleway_starting, "_card", lambda _server, _network: failed)

    (event,) = driver.poll([pending])

    assert "could not join the server prod-web-1 to its private network" in str(event.error)


def test_a_card_in_another_network_is_not_ours(cloud: Emulator, driver: NodeDriver) -> None:
    (pending,) = ordered(driver, a_spec(network=RANGE))
    other = ask(cloud, "POST", NETWORKS, {"name": "theirs", "subnets": ["192.168.0.0/24"]})
    ask(cloud, "POST", f"{ZONE}/servers/{pending.id}/private_nics", {"private_network_id": other["id"]})
    cloud.settle()

    settled(cloud, driver, [pending])

    assert cloud.store.counts("scaleway")["private_nic"] == 2


def test_a_deleted_server_takes_its_card_and_address_along(cloud: Emulator, driver: NodeDriver) -> None:
    (event,) = settled(cloud, driver, ordered(driver, a_spec(network=RANGE)))
    assert event.node is not None

    settled(cloud, driver, [driver.delete_node(event.node)])

    counts = {kind: count for kind, count in cloud.store.counts("scaleway").items() if count}
    assert counts == {"private_network": 1}


def test_a_deletion_that_is_never_taken_ends_with_a_sentence(cloud: Emulator, driver: NodeDriver) -> None:
    (event,) = settled(cloud, driver, ordered(driver, a_spec()))
    assert event.node is not None
    cloud.faults.add("scaleway", "5xx", method="POST", path=f"{ZONE}/servers")

    pending, looks = driver.delete_node(event.node), 0
    while not (event := driver.poll([pending])[0]).done:
        pending, looks = event.pending, looks + 1

    assert looks < 12
    assert isinstance(event.error, Transient)
    assert "but after 12 tries the server is still there (prod-web-1, id " in str(event.error)
    cloud.faults.clear()
    settled(cloud, driver, [driver.delete_node(listed(driver, MARKS)[0])])
    assert cloud.store.names("scaleway") == []


def test_a_deletion_that_fails_in_passing_is_ordered_again(cloud: Emulator, driver: NodeDriver) -> None:
    (event,) = settled(cloud, driver, ordered(driver, a_spec(kind="PLAY2-NANO")))
    assert event.node is not None
    cloud.faults.add("scaleway", "5xx", method="POST", path=f"{ZONE}/servers", count=4)

    (gone,) = settled(cloud, driver, [driver.delete_node(event.node)])

    assert (gone.error, gone.node) == (None, None)
    assert set(cloud.store.counts("scaleway").values()) == {0}, "its block volume is gone too"


def test_an_address_that_cannot_be_read_fails_no_list(cloud: Emulator, driver: NodeDriver) -> None:
    settled(cloud, driver, ordered(driver, a_spec(network=RANGE)))
    cloud.faults.add("scaleway", "5xx", path="/ipam")

    assert [(node.state, node.private_ipv4) for node in listed(driver, MARKS)] == [("running", "")]


# ---- how much is asked


def test_a_hundred_servers_cost_three_requests_each_and_few_looks(cloud: Emulator, driver: NodeDriver) -> None:
    """Order, user data and power on are three calls at this provider; no fewer are possible."""
    pendings = ordered(driver, *(a_spec(f"prod-web-{number}") for number in range(1, 101)))

    settled(cloud, driver, pendings)

    assert cloud.requests.count("scaleway") <= 300 + 4


def test_servers_that_are_known_to_be_single_are_looked_at_by_their_ids(cloud: Emulator, driver: NodeDriver) -> None:
    settled(cloud, driver, ordered(driver, *(a_spec(f"prod-web-{number}") for number in range(1, 8))))
    cloud.faults.add("scaleway", "boot-stall")
    begun = driver.poll(ordered(driver, *(a_spec(f"prod-web-{number}") for number in (8, 9))))
    cloud.requests.clear()

    driver.poll([event.pending for event in begun])

    (look,) = cloud.requests.entries("scaleway")
    assert "servers=" in look.path
    assert look.path.count("%2C") == 1


def test_a_list_reads_no_prices(cloud: Emulator, driver: NodeDriver) -> None:
    settled(cloud, driver, ordered(driver, a_spec()))
    cloud.requests.clear()

    (node,) = listed(driver, MARKS)

    listing = prices.listed("scaleway", "DEV1-L")
    assert listing is not None
    assert node.price_hour == listing.hour
    assert [entry.path.partition("?")[0].rpartition("/")[2] for entry in cloud.requests.entries("scaleway")] == (
        ["servers"] * len(driver.scopes())
    )


def test_a_list_uses_the_prices_that_were_read_for_an_order(
    cloud: Emulator, driver: NodeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prices, "listed", lambda _provider, _type: None)
    settled(cloud, driver, ordered(driver, a_spec()))
    assert [node.price_hour for node in listed(driver, MARKS)] == [None]

    driver.catalog(driver.caps.locations["fr-par-1"])

    assert [node.price_hour for node in listed(driver, MARKS)] == [Decimal("0.04284")]


# ---- prices


def test_prices_are_live_with_address_and_disk(cloud: Emulator, driver: NodeDriver) -> None:
    flavors = {flavor.name: flavor for flavor in driver.catalog(driver.caps.locations["fr-par-1"])}

    local, block = flavors["DEV1-L"], flavors["PLAY2-NANO"]
    assert (local.price_hour, local.server_month) == (Decimal("0.04284"), Decimal("31.27"))
    assert (local.ipv4_month, local.disk_month, local.priced) == (Decimal("2.92"), Decimal("2.5696"), "")
    assert (block.ipv4_month, block.disk_month, block.priced) == (Decimal("2.92"), Decimal("0.8"), "")
    assert local.month == Decimal("36.7596")


def test_price_tables_are_read_once_and_the_stock_each_time(cloud: Emulator, driver: NodeDriver) -> None:
    place = driver.caps.locations["fr-par-1"]
    assert all(flavor.available for flavor in driver.catalog(place))
    cloud.faults.add("scaleway", "capacity", type="DEV1-L", visible=True)
    cloud.requests.clear()

    flavors = {flavor.name: flavor.available for flavor in driver.catalog(place)}

    assert flavors["DEV1-L"] is False
    assert [entry.path.partition("?")[0] for entry in cloud.requests.entries("scaleway")] == [
        f"{ZONE}/products/servers/availability"
    ]


def test_a_catalogue_that_cannot_be_read_is_replaced_by_the_dated_list(cloud: Emulator, driver: NodeDriver) -> None:
    cloud.faults.add("scaleway", "5xx", path="/product-catalog")

    flavors = {flavor.name: flavor for flavor in driver.catalog(driver.caps.locations["fr-par-1"])}

    assert {flavor.priced for flavor in flavors.values()} == {prices.LISTS["scaleway"].as_of}
    assert (flavors["PLAY2-NANO"].ipv4_month, flavors["PLAY2-NANO"].disk_month) == (Decimal("2.92"), Decimal("0.80"))
    assert flavors["DEV1-L"].price_hour == Decimal("0.04284")


def test_types_that_cannot_be_read_are_an_error(cloud: Emulator, driver: NodeDriver) -> None:
    cloud.faults.add("scaleway", "unauthorized", path=f"{ZONE}/products")

    with pytest.raises(Auth):
        driver.catalog(driver.caps.locations["fr-par-1"])


def a_product(unit: str, nanos: Any, words: str, **properties: Any) -> dict[str, Any]:
    return {
        "sku": words,
        "product": words,
        "price": {"retail_price": {"currency_code": "EUR", "units": 0, "nanos": nanos}},
        "properties": properties,
        "unit_of_measure": {"unit": unit, "size": 1},
    }


@pytest.mark.parametrize(
    ("product", "expected"),
    [
        pytest.param(a_product("ip", 4_000_000, "Flexible IPv4"), ("2.92", None, None), id="an address"),
        pytest.param(a_product("ip", 4_000_000, "IPv6"), (None, None, None), id="another family"),
        pytest.param(
            a_product("ip", 1, "IPv4", load_balancer={"ipv4": {}}), (None, None, None), id="of a load balancer"
        ),
        pytest.param(
            a_product("gigabyte", 100, "SBS 15K", block_storage={"volume": {}}), (None, None, None), id="a faster disk"
        ),
        pytest.param(
            a_product("gigabyte", 100, "SBS 5K", block_storage={"snapshot": {}}), (None, None, None), id="a snapshot"
        ),
        pytest.param(a_product("ip", "many", "IPv4"), (None, None, None), id="no number"),
        pytest.param({"sku": "?", "properties": None, "price": None}, (None, None, None), id="nothing at all"),
    ],
)
def test_only_what_our_servers_have_is_priced(product: dict[str, Any], expected: tuple[str | None, ...]) -> None:
    found = scaleway_wire.to_extras([product])

    amounts = (found.ipv4, found.local_gb, found.block_gb)
    assert tuple(None if amount is None else str(amount) for amount in amounts) == expected


# ---- marks


def by_hand(cloud: Emulator, driver: NodeDriver, tags: list[str]) -> Node:
    body = {"name": "by-hand", "commercial_type": "DEV1-S", "image": "ubuntu_noble", "tags": tags}
    server = ask(cloud, "POST", f"{ZONE}/servers", body)["server"]
    ask(cloud, "POST", f"{ZONE}/servers/{server['id']}/action", {"action": "poweron"})
    cloud.settle()
    return next(node for node in listed(driver) if node.id == server["id"])


def test_marking_keeps_what_else_is_written_on_a_server(cloud: Emulator, driver: NodeDriver) -> None:
    node = by_hand(cloud, driver, [*CLAIM, "plain", "team=ops", "fleet.token=stale"])
    owner = node.claim()
    assert owner is not None

    marked = driver.mark(node, owner)

    assert (marked.owner, marked.state, marked.price_hour) == (owner, "running", node.price_hour)
    tags = cloud.store.servers("scaleway")[0].tags
    assert sorted(tags) == sorted(["plain", "team=ops", *(f"{key}={value}" for key, value in owner.labels().items())])


def test_a_server_that_found_another_owner_meanwhile_is_not_marked(cloud: Emulator, driver: NodeDriver) -> None:
    node = by_hand(cloud, driver, CLAIM)
    other = Owner.of("other", "prod", "web", "by-hand").labels()
    tags = [f"{key}={value}" for key, value in other.items()]
    ask(cloud, "PATCH", f"{ZONE}/servers/{node.id}", {"tags": tags})

    with pytest.raises(Conflict, match="already belongs to another pool or fleet"):
        driver.mark(node, Owner.of("acme", "prod", "web", "by-hand"))

    ask(cloud, "POST", f"{ZONE}/servers/{node.id}/action", {"action": "terminate"})
    cloud.settle()
    with pytest.raises(NotFound, match="is not at Scaleway any more"):
        driver.mark(node, Owner.of("acme", "prod", "web", "by-hand"))


# ---- what is no server


def a_household(cloud: Emulator, driver: NodeDriver) -> None:
    """Everything that a cluster can have beside servers, and the same of somebody else."""
    driver.ensure_prereqs(a_spec(network=RANGE, firewall=Firewall(), spread=True, ssh_keys=(KEY,)))
    for name, tags in (("ours", TAGS), ("theirs", ["fleet.id=other", "fleet.cluster=prod"])):
        ask(
            cloud,
            "POST",
            "/block/v1/zones/nl-ams-1/volumes",
            {"name": name, "from_empty": {"size": 10**10}, "tags": tags},
        )
        ask(cloud, "POST", f"{ZONE}/volumes", {"name": f"{name}-local", "size": 10**10, "tags": tags})
        ask(cloud, "POST", f"{ZONE}/ips", {"tags": tags})
        ask(cloud, "POST", "/lb/v1/zones/fr-par-2/lbs", {"name": name, "type": "LB-S", "tags": tags})


def test_all_belongings_are_found_and_go_in_the_order_they_are_told(cloud: Emulator, driver: NodeDriver) -> None:
    a_household(cloud, driver)

    found = driver.belongings(MARKS)

    assert [(item.kind, item.name, item.location, item.billable, item.made_by_us) for item in found] == [
        ("load_balancer", "ours", "fr-par-2", True, False),
        ("address", found[1].name, "fr-par-1", True, False),
        ("disk", "ours-local", "fr-par-1", True, False),
        ("disk", "ours", "nl-ams-1", True, False),
        ("placement_group", "acme-prod-web", "fr-par-1", False, True),
        ("firewall", "acme-prod-web", "fr-par-1", False, True),
        ("network", "acme-prod", "fr-par", False, True),
        ("ssh_key", "acme-prod-293464b2", "", False, True),
    ]
    assert found[1].name.count(".") == 3, "an address is called what it is"
    for item in found:
        driver.remove_leftover(item)
        driver.remove_leftover(item)
    assert driver.belongings(MARKS) == []
    counts = {kind: count for kind, count in cloud.store.counts("scaleway").items() if count}
    assert counts == {"volume": 2, "ip": 1, "load_balancer": 1, "load_balancer_ip": 1}


def test_belongings_of_a_fleet_are_those_of_all_its_clusters(cloud: Emulator, driver: NodeDriver) -> None:
    a_household(cloud, driver)
    ask(cloud, "POST", NETWORKS, {"name": "acme-test", "subnets": ["10.1.0.0/16"], "tags": ["fleet.id=acme"]})

    found = {(item.kind, item.name) for item in driver.belongings({"fleet.id": "acme"})}

    assert found >= {("network", "acme-prod"), ("network", "acme-test"), ("ssh_key", "acme-prod-293464b2")}
    assert driver.belongings({"fleet.id": "nobody"}) == []


def test_an_address_of_a_server_of_ours_is_no_belonging(cloud: Emulator, driver: NodeDriver) -> None:
    settled(cloud, driver, ordered(driver, a_spec()))
    stranger = by_hand(cloud, driver, [])
    for server in (cloud.store.servers("scaleway")[0].id, stranger.id):
        ask(cloud, "POST", f"{ZONE}/ips", {"server": server, "tags": TAGS})

    (found,) = driver.belongings(MARKS)

    assert found.name == next(node.public_ipv4 for node in listed(driver) if node.id == stranger.id)


def test_remains_of_servers_of_ours_are_no_belongings(cloud: Emulator, driver: NodeDriver) -> None:
    """They carry all five tags, and every run sweeps them."""
    owner = Owner.of("acme", "prod", "web", "prod-web-7")
    tags = [f"{key}={value}" for key, value in owner.labels().items()]
    ask(cloud, "POST", f"{ZONE}/volumes", {"name": "l", "size": 10**10, "tags": tags})
    ask(cloud, "POST", "/block/v1/zones/fr-par-1/volumes", {"name": "b", "from_empty": {"size": 10**10}, "tags": tags})

    found = driver.leftovers(MARKS, ["fr-par-1"])

    assert [(left.kind, left.name, left.note) for left in found] == [
        ("disk", "l", "l_ssd"),
        ("disk", "b", "sbs_volume"),
    ]
    assert all(isinstance(left, Leftover) and left.made_by_us and left.billable for left in found)
    assert driver.leftovers(MARKS, ["nl-ams-1"]) == []
    assert driver.belongings(MARKS) == []
    for left in found:
        driver.remove_leftover(left)
    assert driver.leftovers(MARKS) == []


def test_looking_for_remains_asks_each_kind_of_disk_once_in_a_zone(cloud: Emulator, driver: NodeDriver) -> None:
    driver.leftovers(MARKS, ["fr-par-1", "nl-ams-1"])

    assert cloud.requests.count("scaleway") == 4


def test_a_network_in_use_is_a_conflict_and_not_gone(cloud: Emulator, driver: NodeDriver) -> None:
    settled(cloud, driver, ordered(driver, a_spec(network=RANGE)))
    (network,) = driver.belongings(MARKS)

    with pytest.raises(Conflict, match="in use"):
        driver.remove_leftover(network)


def test_belongings_are_all_read_or_it_fails(cloud: Emulator, driver: NodeDriver) -> None:
    cloud.faults.add("scaleway", "unauthorized", path="/lb/v1/zones/it-mil-1")

    with pytest.raises(Auth, match="refused the token"):
        driver.belongings(MARKS)
