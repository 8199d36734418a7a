"""Odd but legitimate answers of OpenStack, and what becomes of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Capacity,
    NotFound,
    Permanent,
    PlatformError,
    Quota,
    RateLimited,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import openstack_wire as wire
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.transport import Refusal
from tests.unit.plugins.module_utils.providers.openstack_project import PRESET, server, spec

# ---- servers


@pytest.mark.parametrize(
    ("status", "task", "state"),
    [
        ("BUILD", "spawning", "creating"),
        ("ACTIVE", None, "running"),
        ("ACTIVE", "deleting", "deleting"),
        ("ERROR", "deleting", "deleting"),
        ("SHUTOFF", None, "stopped"),
        ("SHUTOFF", "powering-on", "creating"),
        ("SHELVED_OFFLOADED", None, "stopped"),
        ("SHELVED_OFFLOADED", "unshelving", "creating"),
        ("ERROR", None, "error"),
        ("SOFT_DELETED", None, "deleting"),
        ("HARD_REBOOT", None, "unknown"),
        ("SOMETHING_NEW", None, "unknown"),
    ],
)
def test_what_is_being_done_to_a_server_counts_more_than_where_it_stands(status: str, task: Any, state: str) -> None:
    assert wire.state_of({"status": status, "OS-EXT-STS:task_state": task}) == state


def test_every_server_that_is_off_can_be_woken() -> None:
    stopped = [status for status, state in wire._STATES.items() if state == "stopped"]

    assert sorted(stopped) == sorted(wire.WAKING)


def test_a_server_that_is_only_just_there_is_read() -> None:
    node = wire.to_node(PRESET, {"id": "a", "status": "BUILD", "addresses": None, "metadata": None}, "r1")

    assert (node.state, node.public_ipv4, node.private_ipv4, node.owner, node.type) == ("creating", "", "", None, "")
    assert (node.location, node.zone, node.region, node.country) == ("r1", "r1", "R", "FI")
    assert node.provider_id == "openstack:///a"


def test_addresses_are_told_apart_by_network_kind_and_range() -> None:
    addresses = {
        "inside": [
            {"addr": "10.64.0.7", "version": 4, "OS-EXT-IPS:type": "fixed"},
            {"addr": "198.18.3.3", "version": 4, "OS-EXT-IPS:type": "floating"},
        ],
        "elsewhere": [{"addr": "fd00::7", "version": 6}],
    }
    node = wire.to_node(PRESET, server("a", addresses=addresses), "r1")
    assert (node.private_ipv4, node.public_ipv4, node.public_ipv6) == ("10.64.0.7", "198.18.3.3", "")

    # The range of benchmarks is not global, but what hangs on the public network is public.
    direct = {"outside": [{"addr": "2a01::1", "version": 6}, {"addr": "198.18.0.9", "version": 4}]}
    node = wire.to_node(PRESET, server("a", addresses=direct), "r1")
    assert (node.private_ipv4, node.public_ipv4, node.public_ipv6) == ("", "198.18.0.9", "2a01::1")


def test_a_zone_is_told_where_zones_are_real() -> None:
    zone = {"OS-EXT-AZ:availability_zone": "wide-b"}

    assert wire.to_node(PRESET, server("a", **zone), "wide").zone == "wide-b"
    assert wire.to_node(PRESET, server("a"), "wide").zone == "wide"
    assert wire.to_node(PRESET, server("a", **zone), "r1").zone == "r1"


def test_volumes_that_go_with_the_server_are_its_own_and_a_lock_protects() -> None:
    volumes = [{"id": "root", "delete_on_termination": True}, {"id": "data", "delete_on_termination": False}]

    node = wire.to_node(PRESET, server("a", locked=True, **{"os-extended-volumes:volumes_attached": volumes}), "r1")

    assert (node.disks, node.protected) == (("data",), True)


def test_a_flavor_without_a_disk_of_its_own_is_not_to_be_had() -> None:
    item = {"name": "small", "vcpus": 2, "ram": 3072, "disk": 20}

    assert wire.to_flavor(PRESET, item).available
    assert wire.to_flavor(PRESET, item).memory_gib == Decimal(3)
    assert not wire.to_flavor(PRESET, {**item, "disk": 0}).available
    assert not wire.to_flavor(PRESET, {**item, "OS-FLV-DISABLED:disabled": True}).available


# ---- refusals


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        pytest.param(404, {"itemNotFound": {"code": 404, "message": "no"}}, "itemNotFound", "no", id="Nova"),
        pytest.param(
            409, {"NeutronError": {"type": "InUse", "message": "no", "detail": "why"}}, "InUse", "no why", id="Neutron"
        ),
        pytest.param(400, {"NeutronError": "no"}, "", "no", id="Neutron, long ago"),
        pytest.param(
            404,
            {"message": "no<br /><br />\n", "code": "404 Not Found", "title": "Not Found"},
            "Not Found",
            "no",
            id="Glance",
        ),
        pytest.param(
            400, {"faultcode": "Client", "faultstring": "no", "debuginfo": None}, "Client", "no", id="Octavia"
        ),
        pytest.param(
            403, {"error": {"code": 403, "title": "Forbidden", "message": "no"}}, "Forbidden", "no", id="Keystone"
        ),
        pytest.param(403, {"class": "Client::Forbidden", "message": "no"}, "Client::Forbidden", "no", id="prices"),
        pytest.param(
            401, {"unauthorized": {"message": "no"}}, wire.UNAUTHORIZED, "no", id="any service without a token"
        ),
        pytest.param(406, {"computeFault": {"message": "no"}}, wire.NOT_ACCEPTABLE, "no", id="a microversion too new"),
        pytest.param(502, None, "", "", id="a page of HTML"),
        pytest.param(500, ["what"], "", "", id="a list"),
        pytest.param(500, {"odd": "body"}, "", "", id="nothing known"),
    ],
)
def test_every_service_is_understood(status: int, body: Any, code: str, message: str) -> None:
    refusal = wire.read(status, body)

    assert (refusal.code, refusal.message.strip()) == (code, message)


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (403, "forbidden", "Quota exceeded for instances: Requested 1, but already used 20 of 20 instances", Quota),
        (403, "forbidden", "Quota exceeded, too many servers in group", Quota),
        (403, "forbidden", "Maximum number of ports exceeded", Quota),
        (413, "overLimit", "Quota exceeded for cores", Quota),
        (409, "OverQuota", "Quota exceeded for resources: ['security_group'].", Quota),
        (413, "overLimit", "This request was rate-limited.", RateLimited),
        (429, "overLimit", "This request was rate-limited.", RateLimited),
        (400, "badRequest", "No fixed IP addresses available for network: n", Capacity),
        (409, "IpAddressGenerationFailure", "No more IP addresses available on network n.", Capacity),
        (403, "forbidden", "Policy doesn't allow os_compute_api:servers:create to be performed.", None),
        (409, "conflictingRequest", "Instance a is locked", None),
    ],
)
def test_refusals_have_the_class_that_says_what_may_be_done(
    status: int, code: str, message: str, kind: type[PlatformError] | None
) -> None:
    assert wire.classify(Refusal(status, code, message)) is kind


def test_a_value_that_nova_repeats_is_not_repeated_by_us() -> None:
    message = "Invalid input for field/attribute user_data. Value: am9pbi10b2tlbg==.\n 'am9pbi10b2tlbg==' is too long"

    refusal = wire.read(400, {"badRequest": {"code": 400, "message": message}})

    assert refusal.message == "Invalid input for field/attribute user_data."


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("No valid host was found. There are not enough hosts available.", Capacity),
        ("Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures", Capacity),
        ("Quota exceeded for ports", Quota),
        ("Image 7 could not be found.", NotFound),
        ("Build of instance a aborted: the disk is broken", Permanent),
        ("", Permanent),
    ],
)
def test_why_a_build_failed_decides_whether_another_offer_is_taken(message: str, kind: type[PlatformError]) -> None:
    error = wire.build_error(PRESET, server("a", fault={"message": message} if message else None))

    assert error.__class__ is kind
    assert str(error).startswith("North could not build the server dev-eu-web-1: ")
    assert (message.rstrip(".") or "no reason given") in str(error)
    assert error.provider == "north"


@pytest.mark.parametrize(
    ("said", "for_sale"),
    [
        ("Flavor 7 could not be found.", False),
        ("Can not find requested image", False),
        ("The requested availability zone is not available", False),
        ("Invalid key_name provided.", True),
    ],
)
def test_what_is_not_sold_is_a_reason_to_take_the_next_offer(said: str, for_sale: bool) -> None:
    wrong = Permanent(said, provider="north", code="badRequest")

    gone = wire.gone_from_sale(PRESET, wrong, spec())

    assert (gone is None) is for_sale
    assert gone is None or str(gone) == f"{said} The offer was north/r1/small."


def test_a_path_that_is_not_there_does_not_mean_that_the_server_is_gone() -> None:
    assert wire.is_gone(NotFound("gone", code="itemNotFound"))
    assert not wire.is_gone(NotFound("a proxy's page", code="404"))
    assert not wire.is_gone(NotFound("the region is not ours any more", code="unknown_region"))
