"""What an inventory makes of faults that pass, and of a list of which a page is missing.

A cloud that stays broken is the business of tests/faults: known hosts are marked, unknown ones end the command.
"""

from __future__ import annotations

from typing import Any

import pytest

from lab.cloud.testing import Emulator, emulator
from tests.contract.inventory.conftest import NAMES
from tests.contract.profiles import PROFILES
from tests.unit.plugins.inventory.reading import Reader, stale_hosts

SHORT = 0.5


@pytest.mark.parametrize("provider", NAMES)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        pytest.param("5xx", {"status": 503, "count": 1}, id="error 503 once"),
        pytest.param("reset-before", {"count": 1}, id="connection reset once"),
        pytest.param("429", {"retry_after": 1, "count": 1}, id="rate limit for a second"),
    ],
)
def test_what_passes_is_not_noticed(
    reader: Reader, cloud: Emulator, provider: str, kind: str, options: dict[str, Any]
) -> None:
    cloud.faults.add(PROFILES[provider].cloud, kind, **options)
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
