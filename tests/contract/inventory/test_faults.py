"""A cloud that is missing is never missing silently, whatever is wrong with its API."""

from __future__ import annotations

from typing import Any

import pytest

from lab.cloud.testing import Emulator, emulator
from tests.contract.inventory.test_command import HOSTS
from tests.unit.plugins.inventory.reading import Reader, stale_hosts

SHORT = 0.5

# Each for all requests to a cloud, and none of them heals by itself.
FAULTS = [
    pytest.param("outage", {}, id="refused connection"),
    pytest.param("stall", {}, id="no answer"),
    pytest.param("reset-before", {}, id="connection reset"),
    pytest.param("cut-json", {}, id="cut answer"),
    pytest.param("html-502", {}, id="proxy's error page"),
    pytest.param("html-200", {}, id="page of HTML with status 200"),
    pytest.param("5xx", {"status": 500}, id="error 500"),
    pytest.param("5xx", {"status": 503}, id="error 503"),
    pytest.param("429", {"retry_after": 3600}, id="rate limit for an hour"),
    pytest.param("429", {}, id="rate limit without a word on how long"),
    pytest.param("unauthorized", {}, id="refused token"),
]


@pytest.mark.parametrize("provider", ["hetzner", "scaleway"])
@pytest.mark.parametrize(("kind", "options"), FAULTS)
def test_hosts_are_marked_if_known_and_the_command_ends_if_not(
    reader: Reader, cloud: Emulator, provider: str, kind: str, options: dict[str, Any]
) -> None:
    cloud.faults.add(provider, kind, **options)
    assert f"{provider} did not list its servers" in reader.refused(timeout=SHORT)
    cloud.faults.clear()
    assert stale_hosts(reader.read()) == set()
    cloud.faults.add(provider, kind, **options)
    inventory = reader.read(timeout=SHORT)
    assert set(inventory.hosts) == HOSTS
    assert stale_hosts(inventory) == {name for name in HOSTS if provider in name}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        pytest.param("5xx", {"status": 503, "count": 1}, id="error 503 once"),
        pytest.param("reset-before", {"count": 1}, id="connection reset once"),
        pytest.param("429", {"retry_after": 1, "count": 1}, id="rate limit for a second"),
    ],
)
def test_what_passes_is_not_noticed(reader: Reader, cloud: Emulator, kind: str, options: dict[str, Any]) -> None:
    cloud.faults.add("hetzner", kind, **options)
    assert stale_hosts(reader.read()) == set()
    assert reader.spoken.warnings == []


def test_a_page_in_the_middle_that_fails_is_not_a_shorter_list(reader: Reader) -> None:
    with emulator(seeded={"hetzner": 120}) as many:
        reader.options = {"providers": {"hetzner": dict(many.providers["hetzner"])}}
        assert len(reader.read().hosts) == 120
        many.faults.add("hetzner", "5xx", query="page=2")
        assert len(stale_hosts(reader.read(timeout=SHORT))) == 120
        many.faults.clear()
        assert stale_hosts(reader.read()) == set()
