"""Servers that are there and nodes that are not: late, half joined, broken, lost, or not to be drained."""

from __future__ import annotations

from collections.abc import Callable

from tests.faults.acts import all_of, erases, powers_off
from tests.faults.cluster import NEVER, Cluster
from tests.faults.scorecard import Act, FaultCase
from tests.faults.stage import Stage
from tests.unit.plugins.kubernetes_server import Answer, status

GROUP = "nodes"
HOUR = 3600.0
LOOK_THERE = "Look at the machine's cloud-init and kubelet logs, then run again; servers that run are kept."


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


CASES = (
    FaultCase(
        GROUP,
        "nodes join a minute late",
        scene=joins_after(60),
        kubernetes=True,
        ran="a new pool of 2, whose kubelets register after a minute",
    ),
    FaultCase(
        GROUP,
        "nodes never join",
        scene=joins_after(NEVER),
        kubernetes=True,
        timeout=120,
        says="Waited … s for 2 nodes to become Ready in Kubernetes; last seen: {node1}: the server is running at "
        "{provider}/{location} but has not registered; {node2}: …. " + LOOK_THERE,
        left=2,
        mend=in_cluster(everything_joins),
        mended="the kubelets register",
        ran="a new pool of 2, whose kubelets never register",
    ),
    FaultCase(
        GROUP,
        "nodes register and are never Ready",
        scene=ready_after(NEVER),
        kubernetes=True,
        timeout=120,
        says="Waited … s for 2 nodes to become Ready in Kubernetes; last seen: {node1}: registered but not Ready; "
        "{node2}: …. " + LOOK_THERE,
        left=2,
        mend=in_cluster(everything_joins),
        mended="the nodes become Ready",
        ran="a new pool of 2, whose nodes are never Ready",
    ),
    FaultCase(
        GROUP,
        "a server is gone, and its Node still there",
        before=2,
        wish=2,
        scene=erases(2),
        kubernetes=True,
        ran="a pool of 2, the second server deleted at the console before",
    ),
    FaultCase(
        GROUP,
        "a server is gone that nobody wants any more, and its Node still there",
        before=2,
        wish=1,
        scene=erases(2),
        kubernetes=True,
        tells=("{node2}: its Node object is removed, its server was gone",),
        ran="a pool of 2 becomes 1, the second server deleted at the console before",
    ),
    FaultCase(
        GROUP,
        "a server is off, and its Node not Ready",
        before=2,
        wish=2,
        scene=powers_off(2),
        kubernetes=True,
        ran="a pool of 2, the second server switched off at the console before",
    ),
    FaultCase(
        GROUP,
        "a server is not listed, but its Node is Ready: the credentials of another project",
        before=2,
        wish=2,
        scene=all_of(in_cluster(lambda _stage, cluster: setattr(cluster, "deaf", True)), erases(2)),
        kubernetes=True,
        says="Node {node2} is Ready in Kubernetes, but {provider} does not list its server: are the credentials those "
        "of another project? Nothing is bought for its pool until that is clear.",
        left=1,
        mend=in_cluster(lambda _stage, cluster: setattr(cluster, "deaf", False)),
        mended="the right credentials, or Kubernetes notices that the server is gone",
        ran="a pool of 2, whose second server the account does not show",
    ),
    FaultCase(
        GROUP,
        "a node has not been Ready for an hour",
        before=2,
        wish=2,
        scene=falls_silent(2),
        kubernetes=True,
        tells=("{node2} has been NotReady for …; it is replaced by {node2}",),
        ran="a pool of 2, one of whose nodes has been NotReady for an hour",
    ),
    FaultCase(
        GROUP,
        "a node never registered",
        before=2,
        wish=2,
        scene=in_cluster(never_registered),
        kubernetes=True,
        ran="a pool of 2, one of whose servers has not registered for an hour",
    ),
    FaultCase(
        GROUP,
        "a node half joined",
        before=2,
        wish=2,
        scene=in_cluster(half_joined),
        kubernetes=True,
        ran="a pool of 2, one of whose nodes registered an hour ago and was never Ready",
    ),
    FaultCase(
        GROUP,
        "more than half of the nodes are not Ready at once",
        before=3,
        wish=3,
        scene=falls_silent(1, 2),
        kubernetes=True,
        timeout=120,
        says="Waited … s for 3 nodes to become Ready in Kubernetes; last seen: {node1}: registered but not Ready; "
        "{node2}: registered but not Ready. " + LOOK_THERE,
        warns=("…{pool}…",),
        left=3,
        mend=in_cluster(everything_joins),
        mended="the network between them comes back",
        ran="a pool of 3, two of whose nodes have been NotReady for an hour",
    ),
    FaultCase(
        GROUP,
        "a node that does not work, and no other one to be had",
        faults=("{cloud} capacity visible=true",),
        before=2,
        wish=2,
        scene=falls_silent(2),
        kubernetes=True,
        timeout=120,
        says="…{node2}…{first}….",
        ran="a pool of 2, one of whose nodes has been NotReady for an hour",
    ),
    FaultCase(
        GROUP,
        "a budget holds a pod on a node that has to go",
        before=2,
        wish=1,
        scene=in_cluster(budget_holds),
        kubernetes=True,
        timeout=120,
        says="Node {node2} could not be drained in time: pod default/app …app-budget…. The node stays cordoned and was "
        "not deleted. Give these pods room elsewhere (replicas, budget, capacity), then run again.",
        left=2,
        mend=in_cluster(budget_gives_way),
        mended="the budget gives way",
        ran="a pool of 2 becomes 1, a pod on the second node may not be evicted",
    ),
    FaultCase(
        GROUP,
        "somebody has put fleet/upgrade-lock on a node that has to go",
        before=2,
        wish=1,
        scene=in_cluster(lambda stage, cluster: cluster.lock(stage.facts["node2"])),
        kubernetes=True,
        timeout=120,
        says="Node {node2} carries the label fleet/upgrade-lock=ann: somebody else is working on it, and the time ran "
        "out. It was not drained, and its server was not deleted. Run again later, or remove the label if its owner "
        "is gone.",
        tells=("{node2} waits for the label fleet/upgrade-lock=ann to be removed from its Kubernetes Node",),
        left=2,
        mend=in_cluster(lambda stage, cluster: cluster.unlock(stage.facts["node2"])),
        mended="the label is taken off",
        ran="a pool of 2 becomes 1, with the label on the second node",
    ),
    FaultCase(
        GROUP,
        "Kubernetes fails at the first eviction",
        before=2,
        wish=1,
        scene=in_cluster(first_eviction_fails),
        kubernetes=True,
        ran="a pool of 2 becomes 1, and the first eviction is answered with 500",
    ),
    FaultCase(
        GROUP,
        "Kubernetes is out of order",
        before=1,
        scene=refuses(503, "ServiceUnavailable", "the server is currently unable to handle the request"),
        kubernetes=True,
        says="Kubernetes refused GET /api/v1/nodes: the server is currently unable to handle the request.…",
        left=1,
        mend=in_cluster(relents),
        mended="its API answers",
        ran="a pool of 1 becomes 2, while the API server answers 503",
    ),
    FaultCase(
        GROUP,
        "Kubernetes does not know the account of the kubeconfig",
        before=1,
        scene=refuses(401, "Unauthorized", "Unauthorized"),
        kubernetes=True,
        says="Kubernetes refused GET /api/v1/nodes: Unauthorized. The credentials in the kubeconfig are not valid (any "
        "more).",
        left=1,
        mend=in_cluster(relents),
        mended="a kubeconfig that is valid",
        ran="a pool of 1 becomes 2, while the API server answers 401",
    ),
    FaultCase(
        GROUP,
        "the account of the kubeconfig may not evict pods",
        before=2,
        wish=1,
        scene=all_of(
            in_cluster(lambda stage, cluster: cluster.add_pod("app", stage.facts["node2"])),
            refuses(403, "Forbidden", "cannot create resource pods/eviction", "POST", "/eviction"),
        ),
        kubernetes=True,
        says="Kubernetes refused POST …/eviction: cannot create resource pods/eviction. The account in the kubeconfig "
        "lacks this right.",
        left=2,
        mend=in_cluster(relents),
        mended="an account that may",
        ran="a pool of 2 becomes 1, while the API server answers 403 to evictions",
    ),
    FaultCase(
        GROUP,
        "there is no kubeconfig",
        before=1,
        scene=in_cluster(no_kubeconfig),
        kubernetes=True,
        says="There is no kubeconfig …; create the cluster first, or leave kubeconfig out to go without draining and "
        "without waiting for nodes to join.",
        left=1,
        mend=in_cluster(kubeconfig_back),
        mended="the file is there",
        ran="a pool of 1 becomes 2, without the file",
    ),
    FaultCase(
        GROUP,
        "the kubeconfig is damaged",
        before=1,
        scene=in_cluster(cut_kubeconfig),
        kubernetes=True,
        says="The kubeconfig … cannot be used: …. Write it anew.",
        left=1,
        mend=in_cluster(kubeconfig_back),
        mended="the whole file is there",
        ran="a pool of 1 becomes 2, with half of the file",
    ),
    FaultCase(
        GROUP,
        "the cloud goes away while a node has not been Ready for an hour",
        faults=("{cloud} outage",),
        before=2,
        wish=2,
        scene=falls_silent(2),
        kubernetes=True,
        says="{title} cannot be reached at …: connection refused; check the network and …. Pool {pool} stays as it "
        "is.…",
        left=2,
        timeout=120,
        ran="a pool of 2, one of whose nodes has been NotReady for an hour",
    ),
    FaultCase(
        GROUP,
        "an outdated node, and its successor is sold out",
        faults=("{cloud} capacity",),
        before=2,
        wish=2,
        had="first",
        offers="second",
        kubernetes=True,
        timeout=120,
        says="…{second}….",
        left=2,
        ran="a pool of 2 is given another type",
    ),
    FaultCase(
        GROUP,
        "an outdated node is replaced while the API fails now and then",
        faults=("{cloud} 5xx status=503 method=write path={servers} count=1 skip=1",),
        before=2,
        wish=2,
        had="first",
        offers="second",
        kubernetes=True,
        ran="a pool of 2 is given another type",
    ),
)
