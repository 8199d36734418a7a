"""STACKIT's servers and the public addresses that they get: one each, whatever happened before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Ambiguous, Capacity, Permanent, Quota
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Leftover, Offer, Owner
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import stackit, stackit_wire
from tests.contract.clock import HurriedClock
from tests.unit.plugins.module_utils.providers.stackit_account import LABELS, Account, account, spec


@pytest.fixture
def project() -> Iterator[Account]:
    with account() as opened:
        yield opened


def _active(project: Account, server_id: str) -> dict[str, Any]:
    """The server once it is on; nobody looks after it meanwhile."""
    for _look in range(400):
        found = next(item for item in project.items("servers") if item["id"] == server_id)
        if found["status"] == "ACTIVE":
            return found
        time.sleep(0.005)
    raise AssertionError("the server does not come up")


# ---- one public address each


def test_a_server_gets_one_public_address_that_carries_its_labels(project: Account) -> None:
    node = project.made()

    (address,) = project.items("public-ips")
    (server,) = project.items("servers")
    assert address["labels"] == spec().owner.labels()
    assert address["networkInterface"] == server["nics"][0]["nicId"]
    assert (node.state, node.public_ipv4) == ("running", address["ip"])
    assert len(project.requests("POST", "/public-ips")) == 1


def test_a_server_that_is_on_without_an_address_is_still_coming_and_gets_one(project: Account) -> None:
    driver = project.driver()
    pending = driver.create_node(spec(), driver.ensure_prereqs(spec()))
    _active(project, pending.id)  # and here the run was killed

    (node,) = project.driver().list_nodes(stackit_wire.REGIONS["eu01"], LABELS)
    assert node.state == "creating"
    (event,) = project.settle(project.driver(), [project.driver().adopt(node, spec())])

    assert (event.error, event.node and event.node.public_ipv4 != "") == (None, True)
    assert len(project.items("public-ips")) == 1


def test_the_address_that_an_interrupted_run_left_is_taken_by_the_next_server_of_that_name(project: Account) -> None:
    left = project.ask("POST", "public-ips", {"labels": spec().owner.labels()})

    project.made()

    (address,) = project.items("public-ips")
    assert address["id"] == left["id"]
    assert address["networkInterface"]


def test_an_address_whose_order_got_no_answer_is_found_and_not_ordered_again(project: Account) -> None:
    project.cloud.faults.add("stackit", "reset-after-commit", method="POST", path=_path("public-ips"), count=1)

    project.made()

    assert len(project.items("public-ips")) == 1


def test_while_the_list_does_not_show_an_ordered_address_it_is_not_ordered_again() -> None:
    owner = spec().owner
    server = {
        "id": "s",
        "name": "dev-web-1",
        "status": "ACTIVE",
        "labels": owner.labels(),
        "nics": [{"nicId": "n", "ipv4": "10.0.0.2"}],
    }
    asked: list[tuple[str, str]] = []

    class Lagging:
        """An API whose lists are behind the things themselves."""

        def servers(self, region: str, labels: Any = None) -> Any:
            return [server]

        def items(self, path: str, labels: Any = None, **query: str) -> Any:
            return []

        def one(self, path: str, **query: str) -> Any:
            asked.append(("GET", path))
            return {"id": "ip"}

        def send(self, method: str, path: str, body: Any = None) -> Any:
            asked.append((method, path))
            return {"id": "ip"}

    clock = HurriedClock()
    driver = stackit.StackitDriver(Lagging(), None, clock=clock.clock, sleep=clock.sleep)  # type: ignore[arg-type]
    pending = driver.adopt(stackit_wire.to_node(server, "eu01"), spec())
    for _look in range(3):
        (event,) = driver.poll([pending])
        pending = event.pending

    assert not event.done
    assert asked == [("POST", "/regions/eu01/public-ips"), *[("GET", "/regions/eu01/public-ips/ip")] * 2]


def test_public_addresses_are_looked_at_only_while_somebody_waits_for_one(project: Account) -> None:
    driver = project.driver()
    pendings = [driver.create_node(spec(n), driver.ensure_prereqs(spec(n))) for n in range(1, 6)]
    for pending in pendings:
        _active(project, pending.id)
    project.cloud.requests.clear()

    driver.poll(pendings)
    looked = [(entry.method, entry.path.rpartition("/")[2].partition("?")[0]) for entry in project.requests("GET")]
    assert sorted(looked) == [("GET", "public-ips"), ("GET", "servers")]
    assert len(project.requests("POST")) == 5

    project.cloud.requests.clear()
    assert all(event.done for event in driver.poll(pendings))
    assert [entry.method for entry in project.requests()] == ["GET"], "one list shows that all are ready"


# ---- what is left behind


def test_an_address_without_a_server_is_left_over_and_removed(project: Account) -> None:
    left = project.ask("POST", "public-ips", {"labels": spec().owner.labels()}, "eu02")
    project.ask("POST", "public-ips", {"labels": {"owner": "somebody"}})
    driver = project.driver()

    assert driver.leftovers(LABELS, ["eu01-1", "eu01-2"]) == []
    (found,) = driver.leftovers(LABELS)
    assert found == Leftover("stackit", "address", left["id"], left["ip"], "eu02")
    driver.remove_leftover(found)

    assert project.items("public-ips", "eu02") == []
    assert len(project.items("public-ips")) == 1
    driver.remove_leftover(found)


def test_an_address_that_a_server_still_needs_is_not_left_over(project: Account) -> None:
    driver = project.driver()
    pending = driver.create_node(spec(), driver.ensure_prereqs(spec()))
    project.ask("POST", "public-ips", {"labels": spec().owner.labels()})

    assert project.driver().leftovers(LABELS) == []
    project.settle(driver, [pending])
    assert len(project.items("public-ips")) == 1

    project.ask("POST", "public-ips", {"labels": spec().owner.labels()})
    assert len(project.driver().leftovers(LABELS)) == 1, "a second one is of no use to anybody"


def test_a_leftover_that_a_server_has_taken_meanwhile_stays(project: Account) -> None:
    project.ask("POST", "public-ips", {"labels": spec().owner.labels()})
    (found,) = project.driver().leftovers(LABELS)
    project.made()

    project.driver().remove_leftover(found)

    assert [address["id"] for address in project.items("public-ips")] == [found.id]


def test_a_server_takes_its_address_along_but_not_one_that_was_moved_elsewhere(project: Account) -> None:
    first, second = project.made(), project.made(spec(2))
    (moved,) = [item for item in project.items("public-ips") if item["labels"]["fleet.node"] == second.name]
    (own,) = [item for item in project.items("public-ips") if item["labels"]["fleet.node"] == first.name]
    nic = project.ask("POST", f"networks/{project.items('networks')[0]['id']}/nics", {"name": "by-hand"})
    project.ask("PATCH", f"public-ips/{moved['id']}", {"networkInterface": nic["id"]})
    driver = project.driver()

    events = project.settle(driver, [driver.delete_node(node) for node in (first, second)])

    assert [event.error for event in events] == [None, None]
    assert [item["id"] for item in project.items("public-ips")] == [moved["id"]]
    assert own["id"] != moved["id"]


def test_belongings_leave_out_the_addresses_of_servers_that_are_there(project: Account) -> None:
    project.made()
    foreign = project.ask("POST", "public-ips", {"labels": {"fleet.id": "lab", "fleet.cluster": "dev"}})
    disk = project.ask(
        "POST", "volumes", {"availabilityZone": "eu01-1", "size": 10, "name": "data", "labels": {"fleet.id": "lab"}}
    )
    driver = project.driver()

    found = {item.kind: item for item in driver.belongings({"fleet.id": "lab"})}

    assert set(found) == {"address", "disk", "network"}
    assert (found["address"].id, found["address"].made_by_us, found["address"].billable) == (foreign["id"], False, True)
    assert (found["disk"].id, found["disk"].made_by_us, found["disk"].name) == (disk["id"], False, "data")
    assert (found["network"].made_by_us, found["network"].billable) == (True, False)


# ---- what can go wrong with a server


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        pytest.param("capacity", Capacity, id="no host has room"),
        pytest.param("boot-error", Permanent, id="it does not boot"),
    ],
)
def test_a_server_that_failed_ends_with_its_node_and_the_reason(
    project: Account, fault: str, kind: type[Exception]
) -> None:
    project.cloud.faults.add("stackit", fault)
    driver = project.driver()

    (event,) = project.settle(driver, [driver.create_node(spec(), driver.ensure_prereqs(spec()))])

    assert event.error.__class__ is kind
    assert event.node is not None
    assert event.node.state == "error"
    assert project.items("public-ips") == [], "what does not run needs no address"


def test_a_server_without_room_for_its_address_gives_way_to_the_next_offer(
    project: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = project.driver()
    pending = driver.create_node(spec(), driver.ensure_prereqs(spec()))
    _active(project, pending.id)
    send = type(driver._api).send

    def refuse(api: Any, method: str, path: str, body: Any = None) -> Any:
        if path.endswith("/public-ips"):
            raise Quota("Quota exceeded for floating IPs.")
        return send(api, method, path, body)

    monkeypatch.setattr(type(driver._api), "send", refuse)
    (event,) = driver.poll([pending])

    assert (event.done, type(event.error), event.node and event.node.id) == (True, Quota, pending.id)


def test_a_server_that_does_not_stay_on_is_given_up_after_five_starts(project: Account) -> None:
    node = project.made()
    driver = project.driver()
    pending = driver.adopt(node, spec())
    for tries in range(1, 6):
        project.ask("POST", f"servers/{node.id}/stop")
        project.cloud.settle()
        (event,) = driver.poll([pending])
        pending = event.pending
        assert (event.done, pending.step) == (False, f"started:{tries}")
        project.cloud.settle()
    project.ask("POST", f"servers/{node.id}/stop")
    project.cloud.settle()

    (event,) = driver.poll([pending])

    assert event.done
    assert "does not keep the server dev-web-1 running" in str(event.error)


def test_the_younger_of_two_servers_with_one_token_goes_with_what_it_has(project: Account) -> None:
    first, second = project.driver(), project.driver()
    older = first.create_node(spec(), first.ensure_prereqs(spec()))
    younger = second.create_node(spec(), second.ensure_prereqs(spec()))
    assert older.id != younger.id

    (event,) = project.settle(second, [younger])

    assert event.node is not None
    assert event.node.id == older.id
    assert [server["id"] for server in project.items("servers")] == [older.id]
    assert len(project.items("public-ips")) == 1


def test_an_order_that_is_confirmed_without_a_name_is_looked_up(
    project: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = project.driver()
    refs = driver.ensure_prereqs(spec())
    monkeypatch.setattr(type(driver._api), "send", lambda *_arguments: {})

    with pytest.raises(Ambiguous, match="without naming it"):
        driver.create_node(spec(), refs)


def test_our_own_label_protects_a_server_and_is_named(project: Account) -> None:
    node = project.made()
    project.ask("PATCH", f"servers/{node.id}", {"labels": {"fleet.protect": "true"}})

    (listed,) = project.driver().list_nodes(stackit_wire.REGIONS["eu01"], LABELS)
    assert listed.protected
    with pytest.raises(Exception, match=r"is protected by its label fleet\.protect"):
        project.driver().delete_node(listed)
    assert len(project.items("servers")) == 1


def test_a_disk_is_as_large_as_its_image_needs(project: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = project.driver()
    items = type(driver._api).items

    def large(api: Any, path: str, labels: Any = None, **query: str) -> Any:
        found = items(api, path, labels, **query)
        return [{**item, "minDiskSize": 35} for item in found] if path.endswith("/images") else found

    monkeypatch.setattr(type(driver._api), "items", large)
    driver.create_node(spec(), driver.ensure_prereqs(spec()))

    (disk,) = project.items("volumes")
    assert disk["size"] == 35


def test_each_region_is_asked_for_its_own_servers(project: Account) -> None:
    driver = project.driver()
    wishes = [spec(1), spec(2, offer=Offer("stackit", "eu02-3", "c1.2"))]
    pendings = [driver.create_node(wish, driver.ensure_prereqs(wish)) for wish in wishes]

    events = project.settle(driver, pendings)

    assert [(event.node.region, event.node.country, event.node.zone) for event in events if event.node] == [
        ("eu01", "DE", "eu01-1"),
        ("eu02", "AT", "eu02-3"),
    ]
    nodes = [node for scope in driver.scopes() for node in driver.list_nodes(scope, LABELS)]
    assert sorted(node.region for node in nodes) == ["eu01", "eu02"]
    assert project.settle(driver, [driver.delete_node(node) for node in nodes])
    assert (project.items("public-ips"), project.items("public-ips", "eu02")) == ([], [])


def test_marking_keeps_a_server_and_its_address_as_they_are(project: Account) -> None:
    node = project.made()
    project.ask("PATCH", f"servers/{node.id}", {"labels": {"team": "ops", "fleet.token": None}})
    owner = Owner.of("lab", "dev", "api", "dev-web-1")

    marked = project.driver().mark(replace(node, owner=None), owner)

    assert (marked.owner, marked.labels["team"], marked.state) == (owner, "ops", "running")
    (server,) = project.items("servers")
    assert server["labels"] == dict(marked.labels)


def _path(kind: str) -> str:
    return f"/v2/projects/00000000-0000-4000-8000-000000000005/regions/eu01/{kind}"
