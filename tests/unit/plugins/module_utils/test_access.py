"""Networks and firewalls as people write them: what is meant, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.access import parse_firewall, parse_network
from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Permanent
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Firewall, Opening

OFFICE = "203.0.113.0/24"


def test_nothing_written_is_nothing_wished() -> None:
    assert parse_network("network", None) == ""
    assert parse_firewall("firewall", None) is None


def test_an_empty_firewall_lets_nothing_in() -> None:
    assert parse_firewall("firewall", {}) == Firewall(())


def test_ssh_from_an_office_is_one_opening() -> None:
    assert parse_firewall("firewall", {"ssh_from": [OFFICE]}) == Firewall((Opening("tcp", "22", (OFFICE,)),))


def test_ssh_from_anywhere_must_be_said_in_so_many_words() -> None:
    wished = parse_firewall("firewall", {"ssh_from_anywhere": True})

    assert wished == Firewall((Opening("tcp", "22", ("0.0.0.0/0", "::/0")),))


def test_a_service_may_be_open_to_the_world() -> None:
    entry = {"protocol": "tcp", "ports": "443", "sources": ["0.0.0.0/0"]}

    assert parse_firewall("firewall", {"inbound": [entry]}) == Firewall((Opening("tcp", "443", ("0.0.0.0/0",)),))


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        pytest.param({"ssh_from": ["0.0.0.0/0"]}, "opens SSH to the world (tcp/22 from 0.0.0.0/0)", id="the world"),
        pytest.param(
            {"ssh_from": ["0.0.0.0/1", "128.0.0.0/1"]}, "opens SSH to the world", id="the world in two halves"
        ),
        pytest.param({"ssh_from": ["::/0"]}, "opens SSH to the world", id="the new world"),
        pytest.param(
            {"inbound": [{"protocol": "tcp", "ports": "20-30", "sources": ["0.0.0.0/0"]}]},
            "opens SSH to the world (tcp/20-30 from 0.0.0.0/0)",
            id="port 22 among others",
        ),
        pytest.param({"ssh_from": [OFFICE], "ssh_from_anywhere": True}, "contradict each other", id="both"),
        pytest.param({"ssh_from": ["office"]}, "firewall.ssh_from[0] is 'office'; allowed: an address", id="no range"),
        pytest.param({"ssh_from": ["203.0.113.7/24"]}, "firewall.ssh_from[0] is '203.0.113.7/24'", id="host bits"),
        pytest.param({"ssh": [OFFICE]}, "Unknown key firewall.ssh; allowed are: ssh_from,", id="an unknown key"),
        pytest.param({"ssh_from_anywhere": "yes"}, "firewall.ssh_from_anywhere is 'yes'", id="no truth value"),
        pytest.param(
            {"inbound": [{"protocol": "sctp", "ports": "1", "sources": [OFFICE]}]},
            "firewall.inbound[0].protocol is 'sctp'; allowed: tcp, udp, icmp.",
            id="a protocol",
        ),
        pytest.param(
            {"inbound": [{"protocol": "udp", "ports": "70000", "sources": [OFFICE]}]},
            "firewall.inbound[0].ports is '70000'",
            id="a port",
        ),
        pytest.param(
            {"inbound": [{"protocol": "udp", "ports": "9-8", "sources": [OFFICE]}]},
            "firewall.inbound[0].ports is '9-8'",
            id="ports the wrong way round",
        ),
        pytest.param(
            {"inbound": [{"protocol": "icmp", "ports": "8", "sources": [OFFICE]}]}, "icmp has no ports", id="icmp"
        ),
        pytest.param(
            {"inbound": [{"protocol": "udp", "ports": "53", "sources": []}]},
            "firewall.inbound[0].sources is []; allowed: at least one",
            id="nobody",
        ),
    ],
)
def test_a_firewall_that_cannot_be_meant_is_refused(written: Any, sentence: str) -> None:
    with pytest.raises(Permanent) as caught:
        parse_firewall("firewall", written)

    assert sentence in str(caught.value)


@pytest.mark.parametrize("written", ["10.0.0.1/16", "8.8.8.0/24", "10.0.0.0/30", "ten", "fd00::/64", 7])
def test_a_network_that_cannot_be_meant_is_refused(written: Any) -> None:
    with pytest.raises(Permanent, match="allowed: the IPv4 range of a private network"):
        parse_network("network", written)


def test_a_network_is_kept_as_written() -> None:
    assert parse_network("network", "10.64.0.0/16") == "10.64.0.0/16"
