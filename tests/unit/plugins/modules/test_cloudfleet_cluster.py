"""The modules for Cloudfleet against the emulated service: predict, change, change nothing, delete."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils import cloudfleet_lifecycle, waiting
from ansible_collections.sovereign.fleet.plugins.module_utils.cloudfleet import Cloudfleet
from ansible_collections.sovereign.fleet.plugins.modules import cloudfleet_cluster, cloudfleet_join_info
from lab.cloud.testing import Emulator, emulator

POOLS = [
    {
        "name": "workers",
        "count": 1,
        "offers": [
            {"provider": "hetzner", "location": "nbg1", "type": "cx33"},
            {"provider": "scaleway", "location": "fr-par-1", "type": "DEV1-L"},
        ],
    }
]


class Rig:
    """The modules with an account at the emulator."""

    def __init__(self, cloud: Emulator, folder: Path) -> None:
        self.cloud = cloud
        self.kubeconfig = folder / "development/kubeconfig"
        self.providers = {"cloudfleet": dict(cloud.providers["cloudfleet"])}

    def cluster(self, *, check_mode: bool = False, **changes: Any) -> dict[str, Any]:
        params = {
            "name": "development",
            "region": "europe-central-1a",
            "version": "1.36",
            "tier": "basic",
            "state": "present",
            "kubeconfig": str(self.kubeconfig),
            "wait": True,
            "timeout": 30,
            "providers": self.providers,
        }
        self.cloud.requests.clear()
        return cloudfleet_cluster.run({**params, **changes}, check_mode)

    def join(self, *, check_mode: bool = False, **changes: Any) -> dict[str, Any]:
        params = {"cluster": "development", "pools": POOLS, "providers": self.providers}
        return cloudfleet_join_info.run({**params, **changes}, check_mode)

    def writes(self) -> list[str]:
        return [entry.method for entry in self.cloud.requests.writes("cloudfleet")]


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator shows an order at once, and looks at it need no pause."""
    monkeypatch.setattr(cloudfleet_lifecycle, "PAUSE", 0.01)
    monkeypatch.setattr(waiting, "FIRST_INTERVAL", 0.02)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with emulator() as cloud:
        yield Rig(cloud, tmp_path)


def test_check_mode_predicts_a_run_creates_and_a_second_run_changes_nothing(rig: Rig) -> None:
    predicted = rig.cluster(check_mode=True)
    assert (predicted["changed"], predicted["cluster"], rig.writes()) == (True, {}, [])
    assert "version_channel: 1.36.x-cfke.x" in predicted["diff"][0]["after"]
    assert not rig.kubeconfig.exists()

    created = rig.cluster()
    assert (created["changed"], created["cluster"]["status"], rig.writes()) == (True, "deployed", ["POST"])
    assert rig.kubeconfig.stat().st_mode & 0o777 == 0o600

    again = rig.cluster()
    assert (again["changed"], rig.writes()) == (False, [])
    assert rig.cloud.requests.count("cloudfleet") == 2


def test_a_change_is_predicted_and_made_by_one_update(rig: Rig) -> None:
    rig.cluster()
    predicted = rig.cluster(check_mode=True, tier="pro")
    assert (predicted["changed"], rig.writes()) == (True, [])
    changed = rig.cluster(tier="pro")
    assert (changed["cluster"]["tier"], rig.writes()) == ("pro", ["PUT"])
    assert predicted["diff"] == changed["diff"]
    assert rig.cluster(tier="pro")["changed"] is False


def test_a_changed_kubeconfig_is_written_anew_and_never_shown(rig: Rig) -> None:
    rig.cluster()
    content = rig.kubeconfig.read_text()
    rig.kubeconfig.write_text("something else")
    assert rig.cluster(check_mode=True)["changed"] is True
    assert rig.kubeconfig.read_text() == "something else"
    result = rig.cluster()
    assert rig.kubeconfig.read_text() == content
    assert content not in str(result)
    assert "something else" not in str(result)


def test_deleting_twice(rig: Rig) -> None:
    rig.cluster()
    assert rig.cluster(state="absent", check_mode=True)["changed"] is True
    gone = rig.cluster(state="absent")
    assert (gone["changed"], rig.writes()) == (True, ["DELETE"])
    assert rig.cluster(state="absent")["changed"] is False


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"region": "mars"}, "region must be one of europe-central-1a", id="the words of the service"),
        pytest.param({"providers": {}}, "providers.cloudfleet.token_id", id="no credentials"),
        pytest.param(
            {"providers": {"cloudfleet": {"tokn": "x"}}}, "Unknown key providers.cloudfleet.tokn", id="a typo"
        ),
    ],
)
def test_a_failure_is_one_sentence(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], words: str
) -> None:
    for name in ("CLOUDFLEET_ACCESS_TOKEN_ID", "CLOUDFLEET_ACCESS_TOKEN_SECRET", "CLOUDFLEET_ORGANIZATION_ID"):
        monkeypatch.delenv(name, raising=False)
    result = rig.cluster(**changes)
    assert result["failed"] is True
    assert words in result["msg"]
    assert rig.cloud.credentials["cloudfleet"]["token_secret"] not in str(result)


def test_an_answer_that_is_lost_does_not_make_a_second_cluster(rig: Rig) -> None:
    rig.cloud.faults.add("cloudfleet", "reset-after-commit", count=1, method="POST")
    assert rig.cluster()["cluster"]["status"] == "deployed"
    assert rig.cloud.store.counts("cloudfleet")["cluster"] == 1


@pytest.mark.parametrize("lost", [0, 1, 3])
@pytest.mark.parametrize("runs", [2, 8])
def test_runs_at_the_same_time_end_with_one_cluster_and_its_kubeconfig(tmp_path: Path, runs: int, lost: int) -> None:
    with emulator(create_seconds=0.2, latency_ms=40) as cloud:
        rigs = [Rig(cloud, tmp_path / str(number)) for number in range(runs)]
        if lost:
            cloud.faults.add("cloudfleet", "reset-after-commit", count=lost, method="POST")
        start = threading.Barrier(runs)

        def site(rig: Rig) -> dict[str, Any]:
            start.wait()
            return rig.cluster()

        with ThreadPoolExecutor(runs) as pool:
            results = list(pool.map(site, rigs))
        cloud.settle()

        assert rigs[0].writes().count("POST") > 1, "nobody got in anybody's way"
        assert [result.get("msg") for result in results] == [None] * runs
        assert cloud.store.counts("cloudfleet")["cluster"] == 1
        assert len({result["cluster"]["id"] for result in results}) == 1
        assert len({rig.kubeconfig.read_text() for rig in rigs}) == 1
        assert rigs[0].cluster()["changed"] is False


def test_two_clusters_of_one_name_are_told_and_neither_is_deleted(rig: Rig) -> None:
    client = Cloudfleet(rig.cloud.providers["cloudfleet"])
    fields = {"name": "development", "region": "europe-central-1a", "version_channel": "1.36.x-cfke.x"}
    ids = [client.create(fields) for _number in range(2)]
    rig.cloud.settle()

    used = rig.cluster()
    assert (used["cluster"]["id"], used.get("msg")) == (ids[0], None)
    (warning,) = used["warnings"]
    assert f"The oldest one ({ids[0]}) is used; delete {ids[1]} in the Cloudfleet console" in warning
    refused = rig.cluster(state="absent")
    assert (refused["failed"], refused["code"], rig.writes()) == (True, "several", [])
    assert rig.cloud.store.counts("cloudfleet")["cluster"] == 2


def test_join_information_for_every_place(rig: Rig) -> None:
    rig.cluster()
    texts = rig.join()["user_data"]
    assert sorted(texts) == ["workers/hetzner/nbg1", "workers/scaleway/fr-par-1"]
    assert all(texts.values())


def test_join_information_without_a_cluster(rig: Rig) -> None:
    assert rig.join(check_mode=True) == {"changed": False, "user_data": {}}
    assert "no cluster named development" in rig.join()["msg"]
    assert rig.join(pools=[]) == {"changed": False, "user_data": {}}
