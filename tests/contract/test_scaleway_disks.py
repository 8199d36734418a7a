"""Scaleway charges disks apart: block volumes outlive their server unless somebody deletes them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from lab.cloud.testing import emulator
from tests.contract.case import CLUSTER, Case
from tests.contract.profiles import PROFILES
from tests.contract.test_interrupted import Axe

ON_BLOCK_VOLUME = "PLAY2-NANO"


@pytest.fixture
def case() -> Iterator[Case]:
    """Scaleway alone."""
    with emulator() as cloud:
        yield Case(PROFILES["scaleway"], cloud)


def test_a_server_on_a_block_volume_takes_it_along(case: Case) -> None:
    pool = case.pool(2, [("fr-par-1", ON_BLOCK_VOLUME)])
    assert case.run(pools=[pool]).get("msg") is None
    assert case.counts()["volume"] == 2

    pool["count"] = 1
    assert case.run(pools=[pool])["deleted"] == ["dev-eu-web-2"]

    assert case.counts()["volume"] == 1


def test_a_volume_that_was_attached_is_not_ours_and_stays(case: Case) -> None:
    case.run(2)
    second = next(server for server in case.servers() if server.name == "dev-eu-web-2")
    headers = {"X-Auth-Token": case.cloud.credentials["scaleway"]["secret_key"]}
    url = f"{case.cloud.endpoints['scaleway']}/block/v1/zones/fr-par-1/volumes"
    made = requests.post(url, json={"name": "data", "from_empty": {"size": 10**10}}, headers=headers, timeout=5)
    made.raise_for_status()

    assert case.run(1)["deleted"] == [second.name]

    left = requests.get(url, headers=headers, timeout=5).json()["volumes"]
    assert [volume["name"] for volume in left] == ["data"]


def test_a_loose_disk_with_only_some_of_our_tags_is_not_swept(case: Case) -> None:
    headers = {"X-Auth-Token": case.cloud.credentials["scaleway"]["secret_key"]}
    url = f"{case.cloud.endpoints['scaleway']}/block/v1/zones/fr-par-1/volumes"
    body = {"name": "data", "from_empty": {"size": 10**10}, "tags": ["fleet.id=lab", f"fleet.cluster={CLUSTER}"]}
    requests.post(url, json=body, headers=headers, timeout=5).raise_for_status()

    result = case.run(1)

    assert result.get("msg") is None
    assert case.counts()["volume"] == 2


def test_killed_while_removing_servers_on_block_volumes_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    index = 0
    while True:
        with emulator() as cloud:
            case = Case(PROFILES["scaleway"], cloud)
            pool = case.pool(2, [("fr-par-1", ON_BLOCK_VOLUME)])
            case.run(pools=[pool])
            pool["count"] = 1
            axe = Axe(index, after=True, writes=True)
            with axe.raised(monkeypatch):
                case.run(pools=[pool])
            if not axe.fell:
                break
            case.quiet()

            assert case.run(pools=[pool]).get("msg") is None, f"killed after writing request {index}"

            case.assert_exactly(1)
        index += 1
    assert index >= 3, "mark the disk, end the server, delete the disk"
