"""The client of Cloudfleet and the life of a cluster there, over real HTTP."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.cloudfleet import Cloudfleet
from ansible_collections.sovereign.fleet.plugins.module_utils.cloudfleet_join import joins, user_data
from ansible_collections.sovereign.fleet.plugins.module_utils.cloudfleet_lifecycle import (
    ClusterLifecycle,
    WantedCluster,
    differences,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Ambiguous,
    Auth,
    Conflict,
    NotFound,
    Permanent,
    PlatformError,
    Quota,
    Transient,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Offer, Pool
from tests.unit.plugins.cloudfleet_server import CloudfleetServer
from tests.unit.plugins.conftest import Time

WANTED = WantedCluster("development", "europe-central-1a", "basic", "1.36")


@pytest.fixture
def server() -> Iterator[CloudfleetServer]:
    with CloudfleetServer() as running:
        yield running


@pytest.fixture
def client(server: CloudfleetServer, time: Time) -> Cloudfleet:
    return Cloudfleet(server.settings, timeout=5, sleep=time.sleep)


@pytest.fixture
def lifecycle(client: Cloudfleet, time: Time) -> ClusterLifecycle:
    return ClusterLifecycle(client, 60, sleep=time.sleep, clock=time.clock)


def test_requests_carry_credentials_and_organization(server: CloudfleetServer, client: Cloudfleet) -> None:
    assert client.clusters() == []
    assert server.headers["Authorization"] == "Basic " + base64.b64encode(b"id:hunter2").decode()
    assert server.headers["X-Organization-Id"] == "org"


def test_a_cluster_is_found_by_name(server: CloudfleetServer, client: Cloudfleet) -> None:
    server.add("other")
    server.add("development")
    found = client.find("development")
    assert found is not None
    assert (found.id, found.deployed, found.version) == ("id-2", True, "1.36.3-cfke.1")
    assert client.find("nobody") is None


@pytest.mark.parametrize(
    ("first", "second", "oldest"),
    [
        pytest.param("2026-11-21T10:00:01Z", "2026-11-21T10:00:00Z", "id-2", id="by the time it was made"),
        pytest.param("2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z", "id-1", id="of the same moment, by id"),
        pytest.param("", "", "id-1", id="of an unknown moment, by id"),
    ],
)
def test_of_several_clusters_everybody_finds_the_oldest(
    server: CloudfleetServer, client: Cloudfleet, first: str, second: str, oldest: str
) -> None:
    server.add("development", created_at=first)
    server.add("development", created_at=second)
    found = client.find("development")
    assert found is not None
    assert found.id == oldest


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        pytest.param(
            (401, '{"error": {"code": "x", "message": "bad token."}}'), Auth, "bad token. Check", id="bad token"
        ),
        pytest.param((402, '{"error": {"code": "x", "message": "no billing"}}'), Quota, "no billing", id="no money"),
        pytest.param(
            (422, '{"error": {"code": "x", "message": "no"}}'), Permanent, "refused GET /clusters: no", id="no"
        ),
        pytest.param((502, "<html>Bad Gateway</html>"), Transient, "HTTP 502", id="a gateway's page"),
        pytest.param((200, "<html>Login</html>"), Permanent, "something else than JSON", id="a login page"),
        pytest.param((301, ""), Permanent, "HTTP 301", id="a redirect"),
        pytest.param((200, '"text"'), Permanent, "a list of clusters", id="another shape"),
        pytest.param((200, "[{}]"), Permanent, "objects with an id", id="objects of another shape"),
        pytest.param("reset", Transient, "No answer from Cloudfleet", id="no answer"),
    ],
)
def test_every_failure_is_one_sentence_without_secrets(
    server: CloudfleetServer,
    client: Cloudfleet,
    answer: tuple[int, str] | str,
    kind: type[PlatformError],
    words: str,
) -> None:
    server.script = lambda _request: answer
    with pytest.raises(kind, match=words) as caught:
        client.clusters()
    assert caught.value.provider == "cloudfleet"
    assert "hunter2" not in str(caught.value)
    assert ".." not in str(caught.value)


def test_reading_is_repeated_and_ordering_is_not(server: CloudfleetServer, client: Cloudfleet) -> None:
    answers = iter([(503, ""), (429, ""), None])
    server.script = lambda _request: next(answers)
    assert client.clusters() == []
    server.requests.clear()
    server.script = lambda _request: (502, "")
    with pytest.raises(Ambiguous):
        client.create(WANTED.fields())
    assert server.requests == ["POST /v1/clusters"]


def test_an_update_repeats_every_editable_field_and_no_other(server: CloudfleetServer, client: Cloudfleet) -> None:
    cluster_id = server.add("development", release_channel="stable")
    cluster = client.cluster(cluster_id)
    client.replace(cluster, {"tier": "pro"})
    assert server.bodies == [
        {
            "name": "development",
            "tier": "pro",
            "region": "europe-central-1a",
            "version_channel": "1.36.x-cfke.x",
            "release_channel": "stable",
        }
    ]


def test_a_new_cluster_is_waited_for(server: CloudfleetServer, lifecycle: ClusterLifecycle) -> None:
    server.looks_until_deployed = 3
    cluster = lifecycle.create(WANTED)
    assert cluster.status == "creating"
    assert lifecycle.wait_deployed(cluster).deployed
    assert server.bodies == [
        {"name": "development", "region": "europe-central-1a", "tier": "basic", "version_channel": "1.36.x-cfke.x"}
    ]


def test_a_cluster_that_stays_in_creation_is_told(server: CloudfleetServer, lifecycle: ClusterLifecycle) -> None:
    server.looks_until_deployed = 1000
    with pytest.raises(
        Transient, match="Waited 60 s for cluster development to be deployed; last seen: status creating"
    ):
        lifecycle.wait_deployed(lifecycle.create(WANTED))


def test_a_cluster_that_fails_to_come_up_is_told_at_once(
    server: CloudfleetServer, client: Cloudfleet, lifecycle: ClusterLifecycle, time: Time
) -> None:
    cluster = client.cluster(server.add("development", status="updating"))
    server.clusters[cluster.id]["status"] = "disabled"
    with pytest.raises(Conflict, match="is disabled at Cloudfleet"):
        lifecycle.wait_deployed(cluster)
    assert time.slept == []


def test_an_order_whose_answer_is_lost_makes_one_cluster(server: CloudfleetServer, lifecycle: ClusterLifecycle) -> None:
    server.script = lambda request: "reset" if request.startswith("POST") else None
    assert lifecycle.create(WANTED).name == "development"
    assert len(server.clusters) == 1


def test_an_order_that_was_not_taken_is_made_again(server: CloudfleetServer, lifecycle: ClusterLifecycle) -> None:
    answers = iter([(502, ""), None])
    server.script = lambda request: next(answers) if request.startswith("POST") else None
    assert lifecycle.create(WANTED).name == "development"
    assert len(server.clusters) == 1


def _later(server: CloudfleetServer, name: str, **fields: str) -> Callable[[float], None]:
    """Somebody else's cluster appears while we pause."""
    left = [lambda: server.add(name, **fields)]

    def sleep(_seconds: float) -> None:
        if left:
            left.pop()()

    return sleep


def test_a_younger_cluster_of_ours_gives_way_to_an_older_one(server: CloudfleetServer, client: Cloudfleet) -> None:
    server.looks_until_deployed = 0
    older = {"created_at": "2026-11-21T10:00:00Z"}
    server.defaults = {"created_at": "2026-11-21T10:00:01Z"}
    lifecycle = ClusterLifecycle(client, 60, sleep=_later(server, "development", **older), clock=lambda: 0.0)

    cluster = lifecycle.create(WANTED, wait=True)

    assert cluster.id == "id-2"
    assert list(server.clusters) == ["id-2"]


def test_a_younger_cluster_of_somebody_else_is_theirs_to_take_back(
    server: CloudfleetServer, client: Cloudfleet
) -> None:
    younger = {"created_at": "2026-11-21T10:00:02Z"}
    server.defaults = {"created_at": "2026-11-21T10:00:01Z"}
    lifecycle = ClusterLifecycle(client, 60, sleep=_later(server, "development", **younger), clock=lambda: 0.0)

    assert lifecycle.create(WANTED, wait=True).id == "id-1"
    assert list(server.clusters) == ["id-1", "id-2"]
    assert not [request for request in server.requests if request.startswith("DELETE")]


def test_an_older_cluster_that_shows_itself_late_wins_all_the_same(
    server: CloudfleetServer, client: Cloudfleet
) -> None:
    server.defaults = {"created_at": "2026-11-21T10:00:01Z"}
    server.looks_until_deployed = 2
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:  # the first look at the new cluster
            server.add("development", created_at="2026-11-21T10:00:00Z")

    cluster = ClusterLifecycle(client, 60, sleep=sleep, clock=lambda: 0.0).create(WANTED, wait=True)

    assert cluster.id == "id-2"
    assert list(server.clusters) == ["id-2"]


def test_a_cluster_of_ours_whose_answer_was_lost_gives_way_too(server: CloudfleetServer, client: Cloudfleet) -> None:
    server.script = lambda request: "reset" if request.startswith("POST") else None
    server.defaults = {"created_at": "2026-11-21T10:00:01Z"}
    older = {"created_at": "2026-11-21T10:00:00Z"}
    lifecycle = ClusterLifecycle(client, 60, sleep=_later(server, "development", **older), clock=lambda: 0.0)

    assert lifecycle.create(WANTED).id == "id-2"
    assert list(server.clusters) == ["id-2"]


def test_who_waits_for_a_cluster_that_gives_way_goes_on_with_the_older_one(
    server: CloudfleetServer, client: Cloudfleet, lifecycle: ClusterLifecycle
) -> None:
    seen = client.cluster(server.add("development", status="updating"))
    older = server.add("development")
    del server.clusters[seen.id]

    assert lifecycle.wait_deployed(seen).id == older


def test_an_update_that_meets_another_one_changes_what_that_left_open(
    server: CloudfleetServer, client: Cloudfleet, lifecycle: ClusterLifecycle
) -> None:
    cluster = client.cluster(server.add("development"))
    busy = iter([(409, '{"error": {"code": "x", "message": "it is updating"}}'), None])
    server.script = lambda request: next(busy) if request.startswith("PUT") else None
    server.clusters[cluster.id]["tier"] = "pro"

    changed = lifecycle.update(cluster, {"tier": "pro", "version_channel": "1.37.x-cfke.x"})

    assert (changed.tier, changed.fields["version_channel"]) == ("pro", "1.37.x-cfke.x")


def test_orders_end(server: CloudfleetServer, lifecycle: ClusterLifecycle) -> None:
    server.script = lambda request: (502, "") if request.startswith("POST") else None
    with pytest.raises(Permanent, match="after 3 orders"):
        lifecycle.create(WANTED)


def test_deleting_waits_and_may_be_repeated(
    server: CloudfleetServer, client: Cloudfleet, lifecycle: ClusterLifecycle
) -> None:
    cluster = client.cluster(server.add("development"))
    lifecycle.delete(cluster, wait=True)
    lifecycle.delete(cluster, wait=True)
    assert server.clusters == {}
    with pytest.raises(NotFound):
        client.cluster(cluster.id)


@pytest.mark.parametrize(
    ("fields", "wanted", "changes"),
    [
        pytest.param({}, WANTED, {}, id="as it is"),
        pytest.param({}, WantedCluster("development", "europe-central-1a", "pro", "1.36"), {"tier": "pro"}, id="tier"),
        pytest.param(
            {},
            WantedCluster("development", "europe-central-1a", "basic", "1.37"),
            {"version_channel": "1.37.x-cfke.x"},
            id="version",
        ),
        pytest.param(
            {"version_channel": "1.x.x-cfke.x"},
            WantedCluster("development", "europe-central-1a", "basic", "1.x.x-cfke.x"),
            {},
            id="a whole channel",
        ),
    ],
)
def test_differences(
    server: CloudfleetServer, client: Cloudfleet, fields: dict[str, str], wanted: WantedCluster, changes: dict[str, str]
) -> None:
    assert differences(wanted, client.cluster(server.add("development", **fields))) == changes


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"region": "northamerica-central-1"}, "cannot move"), ({"status": "disabled"}, "is disabled at Cloudfleet")],
)
def test_what_cannot_be_changed_is_refused(
    server: CloudfleetServer, client: Cloudfleet, fields: dict[str, str], words: str
) -> None:
    cluster = client.cluster(server.add("development", **fields))
    with pytest.raises(Conflict, match=words):
        differences(WANTED, cluster)


POOLS = (
    Pool(
        "h", 1, (Offer("hetzner", "nbg1", "cx33"), Offer("hetzner", "fsn1", "cx33"), Offer("hetzner", "fsn1", "cx43"))
    ),
    Pool("s", 1, (Offer("scaleway", "fr-par-1", "DEV1-L"),), labels={"tier": "web"}),
)


def test_join_information_is_asked_once_per_pool_and_place(server: CloudfleetServer, client: Cloudfleet) -> None:
    cluster_id = server.add("development")
    texts = user_data(client, cluster_id, joins(POOLS))
    assert texts == {
        "h/hetzner/nbg1": "#cloud-config for nbg1",
        "h/hetzner/fsn1": "#cloud-config for fsn1",
        "s/scaleway/fr-par-1": "#cloud-config for fr-par-1",
    }
    labels = {
        query["zone"]: dict(pair.split("=") for pair in query["node_labels"].split(",")) for query in server.queries
    }
    assert labels["fr-par-1"]["tier"] == "web"
    assert labels["fr-par-1"]["node.cloudprovider"] == "scaleway"
    assert labels["nbg1"]["node.kubernetes.io/instance-type"] == "cx33"
    assert "node.kubernetes.io/instance-type" not in labels["fsn1"]
    assert not any(key.startswith("topology") for found in labels.values() for key in found)


def test_the_first_refusal_of_join_information_is_raised(server: CloudfleetServer, client: Cloudfleet) -> None:
    cluster_id = server.add("development")
    server.script = lambda request: (
        (409, '{"error": {"code": "x", "message": "not deployed"}}') if "join" in request else None
    )
    with pytest.raises(Conflict, match="not deployed"):
        user_data(client, cluster_id, joins(POOLS))
