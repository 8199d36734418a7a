"""What happens in the cluster while a case plays: kubelets come late or never, APIs refuse, files go missing."""

from __future__ import annotations

from collections.abc import Callable

from tests.faults.cluster import LEASE, LEASES, Cluster
from tests.faults.scorecard import Act
from tests.faults.stage import Stage
from tests.unit.plugins.kubernetes_server import Answer, status

HOUR = 3600.0
HOLDER = "kim@laptop/4711/abcd-0123"
"""A run on another machine."""


def in_cluster(act: Callable[[Stage, Cluster], object]) -> Act:
    """Something that happens in the cluster."""

    def acted(stage: Stage) -> None:
        assert stage.cluster is not None
        act(stage, stage.cluster)

    return acted


def joins_after(seconds: float) -> Act:
    """Kubelets register so late."""

    def act(stage: Stage, cluster: Cluster) -> None:
        cluster.joins = {stage.facts[f"node{number}"]: stage.time.clock() + seconds for number in (1, 2)}

    return in_cluster(act)


def ready_after(seconds: float) -> Act:
    """Nodes are Ready so late."""

    def act(stage: Stage, cluster: Cluster) -> None:
        cluster.ready = {stage.facts[f"node{number}"]: stage.time.clock() + seconds for number in (1, 2)}

    return in_cluster(act)


def falls_silent(*numbers: int) -> Act:
    """The kubelets of these servers have not been Ready for an hour."""

    def act(stage: Stage, cluster: Cluster) -> None:
        for number in numbers:
            cluster.falls_silent(stage.server(stage.facts[f"node{number}"]))

    return in_cluster(act)


def never_registered(stage: Stage, cluster: Cluster) -> None:
    """The kubelet of the second server never came, and that is an hour ago."""
    server = stage.server(stage.facts["node2"])
    cluster.mute.add(server.id)
    cluster.api.remove(f"/api/v1/nodes/{server.name}")
    stage.shift += HOUR


def half_joined(stage: Stage, cluster: Cluster) -> None:
    """The kubelet of the second server registered an hour ago, and its node was never Ready."""
    server = stage.server(stage.facts["node2"])
    cluster.sick.add(server.id)
    cluster.api.remove(f"/api/v1/nodes/{server.name}")
    cluster.add_node(server.name, stage.profile.provider, ready=False)
    stage.shift += HOUR


def refuses(code: int, reason: str, message: str, method: str = "", path: str = "") -> Act:
    """The API of Kubernetes refuses requests of a method and a path."""

    def refusal(asked: str, where: str) -> Answer | None:
        if method in ("", asked) and path in where:
            return code, status(code, reason, message), {}
        return None

    return in_cluster(lambda _stage, cluster: setattr(cluster, "refusal", refusal))


def relents(_stage: Stage, cluster: Cluster) -> None:
    """It refuses nothing any more."""
    cluster.refusal = lambda _method, _path: None


def budget_holds(stage: Stage, cluster: Cluster) -> None:
    """A pod on the second node may not be evicted now."""
    cluster.add_pod("app", stage.facts["node2"])
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    causes = {"causes": [{"reason": "DisruptionBudget", "message": "The disruption budget app-budget needs 1 pod"}]}
    held = status(429, "TooManyRequests", message, **causes)
    cluster.api.on_evict = lambda _pod: (429, held, {})


def budget_gives_way(_stage: Stage, cluster: Cluster) -> None:
    """There is room for it elsewhere."""
    cluster.api.on_evict = lambda _pod: None


def no_kubeconfig(stage: Stage, cluster: Cluster) -> None:
    """The file is not where it should be."""
    cluster.kubeconfig.rename(stage.folder / "elsewhere")


def kubeconfig_back(stage: Stage, cluster: Cluster) -> None:
    """It is there again."""
    (stage.folder / "elsewhere").rename(cluster.kubeconfig)


def cut_kubeconfig(stage: Stage, cluster: Cluster) -> None:
    """Half of the file is missing."""
    whole = cluster.kubeconfig.read_text()
    (stage.folder / "elsewhere").write_text(whole)
    cluster.kubeconfig.write_text(whole[: len(whole) // 2] + "\n  - {")


def everything_joins(_stage: Stage, cluster: Cluster) -> None:
    """Whatever held the kubelets up is gone."""
    cluster.joins.clear()
    cluster.ready.clear()
    cluster.sick.clear()


def first_eviction_fails(stage: Stage, cluster: Cluster) -> None:
    """A pod has to move, and the API stumbles once."""
    cluster.add_pod("app", stage.facts["node2"])
    left = [1]

    def refusal(_method: str, where: str) -> Answer | None:
        if "/eviction" in where and left:
            left.pop()
            return 500, status(500, "InternalError", "etcd has no leader"), {}
        return None

    cluster.refusal = refusal


def killed_holder(_stage: Stage, cluster: Cluster) -> None:
    """A run on another machine took its turn and was killed."""
    cluster.held_by(HOLDER)


def busy_for(seconds: float) -> Act:
    """A run on another machine has its turn for so long from now, and renews it all the while."""

    def act(stage: Stage, cluster: Cluster) -> None:
        end = stage.time.clock() + seconds

        def renewed(method: str, path: str) -> Answer | None:
            if (method, path) == ("GET", LEASE):
                now = stage.time.clock()
                if now < end:
                    cluster.held_by(HOLDER, int(now) % 60)
                elif cluster.api.objects[LEASE]["spec"]["holderIdentity"] == HOLDER:
                    cluster.held_by("")
            return None

        cluster.held_by(HOLDER)
        cluster.refusal = renewed

    return in_cluster(act)


def no_leases(_stage: Stage, cluster: Cluster) -> None:
    """The account of the kubeconfig may do everything but use Leases."""

    def refusal(_method: str, path: str) -> Answer | None:
        return (403, status(403, "Forbidden", "leases is forbidden"), {}) if path.startswith(LEASES) else None

    cluster.refusal = refusal


def lock_is_free(_stage: Stage, cluster: Cluster) -> None:
    """The other run has ended."""
    cluster.refusal = lambda _method, _path: None
    cluster.held_by("")


def freed_within_a_minute(stage: Stage) -> None:
    """Nobody waits for a killed run longer than its lock lasts."""
    assert 30 <= stage.took <= 60
