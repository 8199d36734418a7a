"""Odd but legitimate answers of the providers, and what becomes of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.providers import hetzner_wire as hetzner
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import scaleway_wire as scaleway


def test_a_hetzner_server_without_addresses_or_prices_is_read() -> None:
    server = {
        "id": 7,
        "name": "n",
        "status": "initializing",
        "public_net": {"ipv4": None, "ipv6": None},
        "location": None,
    }

    node = hetzner.to_node(server)

    assert (node.id, node.state, node.public_ipv4, node.public_ipv6, node.location) == ("7", "creating", "", "", "")
    assert (node.price_hour, node.owner, node.provider_id) == (None, None, "hcloud://7")


def test_a_hetzner_server_has_the_first_address_of_its_network_and_the_price_of_its_place() -> None:
    server: dict[str, Any] = {
        "id": 7,
        "name": "n",
        "status": "running",
        "public_net": {"ipv4": {"ip": "192.0.2.7"}, "ipv6": {"ip": "2001:db8:7::/64"}},
        "private_net": [{"ip": "10.0.0.2"}],
        "location": {"name": "new1", "network_zone": "eu-new", "country": "XX"},
        "server_type": {"name": "cx33", "prices": [{"location": "new1", "price_hourly": {"net": "0.0130000000"}}]},
        "volumes": [11, 12],
        "protection": {"delete": True},
    }

    node = hetzner.to_node(server)

    assert (node.public_ipv4, node.public_ipv6, node.private_ipv4) == ("192.0.2.7", "2001:db8:7::1", "10.0.0.2")
    assert (node.region, node.country, node.price_hour) == ("eu-new", "XX", Decimal("0.013"))
    assert (node.disks, node.protected) == (("11", "12"), True)


@pytest.mark.parametrize(
    ("places", "available"),
    [
        pytest.param([{"name": "nbg1", "available": True}], True, id="to be had"),
        pytest.param([{"name": "nbg1", "available": False}], False, id="not to be had"),
        pytest.param([{"name": "fsn1", "available": True}], False, id="only elsewhere"),
        pytest.param([], True, id="an answer that does not tell"),
    ],
)
def test_a_hetzner_type_is_available_where_the_answer_says_so(places: list[dict[str, Any]], available: bool) -> None:
    item = {"name": "cx33", "prices": [{"location": "nbg1", "price_hourly": {"net": "0.01"}}], "locations": places}

    flavor = hetzner.to_flavor(item, "nbg1")

    assert flavor is not None
    assert flavor.available is available


def test_a_hetzner_type_without_price_and_place_is_not_sold_there() -> None:
    assert hetzner.to_flavor({"name": "cx33", "prices": [], "locations": [{"name": "fsn1"}]}, "nbg1") is None


def test_a_scaleway_server_is_read_with_addresses_old_and_new() -> None:
    new = {
        "id": "a",
        "state": "stopped in place",
        "zone": "nl-ams-1",
        "public_ips": [{"family": "inet6", "address": "2001:db8::7"}, {"family": "inet", "address": "192.0.2.7"}],
        "private_nics": [{"id": "nic"}],
        "tags": ["plain", "key=value=more"],
        "volumes": {"0": {"id": "root", "volume_type": "sbs_volume"}, "1": {"id": "data", "volume_type": "sbs_volume"}},
    }

    node = scaleway.to_node(new, "fr-par-1", {}, {"nic": "10.0.0.2"})

    assert (node.state, node.zone, node.region, node.country) == ("stopped", "nl-ams-1", "nl-ams", "NL")
    assert (node.public_ipv4, node.public_ipv6, node.private_ipv4) == ("192.0.2.7", "2001:db8::7", "10.0.0.2")
    assert (node.labels, node.disks) == ({"plain": "", "key": "value=more"}, ("data",))
    assert node.provider_id == "scaleway://instance/nl-ams-1/a"

    old = {"id": "a", "state": "stopping", "public_ip": {"address": "192.0.2.8"}, "public_ips": []}
    assert scaleway.to_node(old, "fr-par-1").public_ipv4 == "192.0.2.8"
    assert scaleway.to_node(old, "fr-par-1").state == "unknown"


def test_a_scaleway_type_is_read_in_gib_and_out_of_stock_when_short() -> None:
    item = {"ncpus": 4, "ram": 8 * 2**30, "hourly_price": 0.04284}

    assert scaleway.to_flavor("DEV1-L", item, {"availability": "scarce"}).available
    flavor = scaleway.to_flavor("DEV1-L", item, {"availability": "shortage"})
    assert (flavor.available, flavor.memory_gib, flavor.price_hour) == (False, Decimal(8), Decimal("0.04284"))
    assert not scaleway.to_flavor("DEV1-L", {**item, "end_of_service": True}, {}).available


def test_a_scaleway_refusal_is_quoted_with_its_fields() -> None:
    body = {"type": "invalid_request_error", "message": "Validation Error", "fields": {"tags": ["too many"]}}

    assert scaleway.read(400, body).message == "Validation Error; tags: too many"
