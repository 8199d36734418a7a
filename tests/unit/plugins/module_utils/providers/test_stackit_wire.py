"""Odd but legitimate answers of STACKIT, and what becomes of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Auth,
    Capacity,
    Conflict,
    NotFound,
    Permanent,
    Quota,
    Transient,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Offer, Owner, ServerSpec
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import stackit_wire as stackit
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.transport import Refusal

OWNER = Owner.of("lab", "dev", "web", "dev-web-1")
SPEC = ServerSpec("dev-web-1", OWNER, Offer("stackit", "eu01-1", "g1.2", "Debian 12"))


@pytest.mark.parametrize(
    "nics",
    [
        pytest.param(None, id="null"),
        pytest.param([], id="none yet"),
        pytest.param([{"nicId": "n", "networkName": "", "mac": "", "ipv4": ""}], id="one with empty texts"),
        pytest.param([None], id="one that is null"),
    ],
)
def test_a_server_that_is_still_being_made_is_read(nics: Any) -> None:
    server = {"id": "s", "name": "n", "status": "CREATING", "machineType": "g1.2", "nics": nics, "labels": None}

    node = stackit.to_node(server, "eu01")

    assert (node.state, node.public_ipv4, node.private_ipv4, node.location) == ("creating", "", "", "eu01")
    assert (node.region, node.country, node.provider_id, node.disks) == ("eu01", "DE", "stackit://s", ())
    assert stackit.ready_nic(server) == ""


def test_a_running_server_is_read_with_all_its_addresses() -> None:
    server = {
        "id": "s",
        "name": "n",
        "status": "ACTIVE",
        "availabilityZone": "eu02-m",
        "nics": [
            {"nicId": "a", "ipv4": "10.0.0.2", "ipv6": "2001:db8::2"},
            {"nicId": "b", "ipv4": "10.1.0.2", "publicIp": "192.0.2.7"},
        ],
        "labels": {**OWNER.labels(), "fleet.protect": "true", "level": 3},
        "createdAt": "2026-11-21T10:00:00Z",
    }

    node = stackit.to_node(server, "eu02", Decimal("0.1"))

    assert (node.public_ipv4, node.public_ipv6, node.private_ipv4) == ("192.0.2.7", "2001:db8::2", "10.0.0.2")
    assert (node.zone, node.region, node.country, node.price_hour) == ("eu02-m", "eu02", "AT", Decimal("0.1"))
    assert (node.state, node.owner, node.protected, node.labels["level"]) == ("running", OWNER, True, "3")


@pytest.mark.parametrize(
    ("status", "labels", "state"),
    [
        pytest.param("ACTIVE", OWNER.labels(), "creating", id="ours and on, without a public address"),
        pytest.param("ACTIVE", {}, "running", id="on, without a public address, and not ours"),
        pytest.param("MIGRATING", {}, "running", id="moving to another host"),
        pytest.param("STOPPING", {}, "creating", id="on its way off: wait, then start it"),
        pytest.param("DEALLOCATED", {}, "stopped", id="off and without a host"),
        pytest.param("INACTIVE", OWNER.labels(), "stopped", id="off"),
        pytest.param("RESCUE", OWNER.labels(), "unknown", id="in somebody's hands"),
        pytest.param("DELETING", {}, "deleting", id="on its way out"),
        pytest.param("ERROR", OWNER.labels(), "error", id="broken"),
        pytest.param("SOMETHING-NEW", {}, "unknown", id="a state that is not known"),
    ],
)
def test_a_state_is_told_in_our_words(status: str, labels: dict[str, str], state: str) -> None:
    assert stackit.to_node({"id": "s", "status": status, "labels": labels}, "eu01").state == state


@pytest.mark.parametrize(
    ("boot", "foreign"),
    [
        pytest.param({"id": "root", "deleteOnTermination": True}, ("data",), id="goes with the server"),
        pytest.param({"id": "root"}, ("data",), id="an answer that does not tell"),
        pytest.param({"id": "root", "deleteOnTermination": False}, ("root", "data"), id="stays when the server goes"),
        pytest.param(None, ("root", "data"), id="no boot volume"),
    ],
)
def test_disks_that_stay_when_the_server_goes_are_foreign(boot: Any, foreign: tuple[str, ...]) -> None:
    server = {"id": "s", "status": "ACTIVE", "bootVolume": boot, "volumes": ["root", "data"]}

    assert stackit.to_node(server, "eu01").disks == foreign


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        pytest.param("No valid host was found. There are not enough hosts available.", Capacity, id="no room"),
        pytest.param("Quota exceeded for cores: Requested 4", Quota, id="over the quota"),
        pytest.param("Build of instance aborted", Permanent, id="anything else"),
        pytest.param(None, Permanent, id="no reason given"),
    ],
)
def test_a_broken_server_says_why(message: str | None, kind: type[Exception]) -> None:
    error = stackit.failure_of({"name": "dev-web-1", "errorMessage": message})

    assert error.__class__ is kind
    assert str(error).startswith("STACKIT could not make the server dev-web-1: ")
    assert str(error).endswith(".")
    assert not str(error).endswith("..")


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        pytest.param(403, {"code": 403, "msg": "Quota exceeded for ram"}, Quota, "Quota exceeded for ram", id="quota"),
        pytest.param(429, {"code": 429, "msg": "quota of public ips"}, Quota, "quota of public ips", id="as 429"),
        pytest.param(403, {"code": 403, "msg": "Forbidden"}, None, "Forbidden", id="not allowed"),
        pytest.param(401, {"message": "quota of logins"}, None, "quota of logins", id="the gateway's own shape"),
        pytest.param(500, {"msg": "quota service is down"}, None, "quota service is down", id="its fault, not ours"),
        pytest.param(502, None, None, "", id="no JSON"),
    ],
)
def test_a_refusal_is_read_and_classed(status: int, body: Any, kind: type[Exception] | None, message: str) -> None:
    refusal = stackit.read(status, body)

    assert (refusal.message, stackit.classify(refusal)) == (message, kind)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        pytest.param(Permanent("machine type g9.9 not found"), NotFound, id="a type that is not sold"),
        pytest.param(NotFound("image 12 not found"), NotFound, id="an image that is gone"),
        pytest.param(NotFound("network 12 not found"), Transient, id="a network that was removed in between"),
        pytest.param(Permanent("userData is too long"), Permanent, id="a wrong value"),
    ],
)
def test_only_what_is_not_sold_leads_to_the_next_offer(error: Any, kind: type[Exception]) -> None:
    refused = stackit.refused_order(error, SPEC)

    assert refused.__class__ is kind
    if kind is NotFound:
        assert "stackit/eu01-1/g1.2 with image Debian 12" in str(refused)


def test_of_several_servers_with_one_token_the_oldest_that_is_sound_is_kept() -> None:
    def server(name: str, status: str, second: int) -> dict[str, Any]:
        created = f"2026-11-21T10:00:0{second}Z"
        return {"id": name, "status": status, "createdAt": created, "labels": OWNER.labels()}

    broken, leaving, old, same, new = (
        server("broken", "ERROR", 0),
        server("leaving", "DELETING", 0),
        server("old", "CREATING", 1),
        server("same", "ACTIVE", 1),
        server("new", "ACTIVE", 2),
    )

    assert stackit.first_of(OWNER, [broken, leaving, new, old, same]) is old
    assert stackit.first_of(OWNER, [broken, leaving]) is broken
    assert stackit.first_of(Owner.of("lab", "dev", "web", "dev-web-2"), [old]) is None


def test_user_data_of_the_largest_size_fit_the_limit_in_base64() -> None:
    assert -(-stackit.CAPS.max_user_data // 3) * 4 <= stackit.LARGEST_USER_DATA


def test_classes_of_our_own_need_no_status() -> None:
    assert stackit.classify(Refusal(404, "", "server 12 not found")) is None
    assert stackit.classify(Refusal(400, "", "No valid host was found")) is Capacity
    assert {Auth, Conflict} & {stackit.classify(Refusal(status, "", "x")) for status in (401, 403, 409)} == set()
