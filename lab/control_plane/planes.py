"""The control planes as the emulated Cloudfleet sees them."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Mapping
from typing import Any

from lab import plan
from lab.control_plane import addons, join, nodes
from lab.control_plane.plane import Plane, folder
from lab.errors import LabError
from lab.network.pods import PodNetwork
from lab.tools.families import program


class LocalControlPlanes:
    """Real control planes on this machine. All state is on disk: a new object finds those of the one before it."""

    def __init__(self, network: PodNetwork) -> None:
        self._network = network
        self._followers: dict[str, asyncio.Task[None]] = {}
        self._creating = asyncio.Lock()

    async def resume(self) -> None:
        """Starts again what was there when the lab last ran."""
        for plane in all_planes():
            await asyncio.to_thread(plane.start)
            self._follow(plane)

    async def create(self, cluster_id: str, name: str) -> None:
        async with self._creating:
            plane = Plane.load(cluster_id) or Plane.new(cluster_id, name, _free_slot())
        await asyncio.to_thread(plane.start)
        await asyncio.to_thread(_apply, plane, [*addons.manifests(plane.plan.dns_service), _bootstrap_token(plane)])
        self._follow(plane)

    def kubeconfig(self, cluster_id: str) -> str:
        return _existing(cluster_id).admin_kubeconfig.read_text()

    def join_user_data(self, cluster_id: str, region: str, zone: str, node_labels: Mapping[str, str]) -> str:
        return join.user_data(_existing(cluster_id), region, zone, node_labels)

    def running(self, cluster_id: str) -> bool:
        plane = Plane.load(cluster_id)
        return plane is not None and plane.running()

    async def destroy(self, cluster_id: str) -> None:
        follower = self._followers.pop(cluster_id, None)
        if follower:
            follower.cancel()
        plane = Plane.load(cluster_id)
        if plane:
            await asyncio.to_thread(plane.destroy)
        await asyncio.to_thread(self._network.forget_cluster, cluster_id)

    async def close(self) -> None:
        """Stops following; the control planes go on."""
        for follower in self._followers.values():
            follower.cancel()

    def _follow(self, plane: Plane) -> None:
        cluster_id = plane.identity.cluster_id
        if cluster_id not in self._followers:
            self._followers[cluster_id] = asyncio.create_task(nodes.follow(plane, self._network))


def all_planes() -> list[Plane]:
    """Every control plane that has a folder, running or not."""
    planes = [Plane.load(path.name) for path in sorted(folder().glob("*"))]
    return [plane for plane in planes if plane]


def _existing(cluster_id: str) -> Plane:
    plane = Plane.load(cluster_id)
    if plane is None:
        raise LabError(f"There is no control plane {cluster_id}.")
    return plane


def _free_slot() -> int:
    taken = {plane.identity.slot for plane in all_planes()}
    free = [slot for slot in range(plan.MAX_CLUSTERS) if slot not in taken]
    if not free:
        raise LabError(f"The lab holds {plan.MAX_CLUSTERS} control planes at most; delete one first.")
    return free[0]


def _bootstrap_token(plane: Plane) -> dict[str, Any]:
    token_id, _dot, secret = plane.identity.token.partition(".")
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"bootstrap-token-{token_id}", "namespace": "kube-system"},
        "type": "bootstrap.kubernetes.io/token",
        "stringData": {
            "token-id": token_id,
            "token-secret": secret,
            "usage-bootstrap-authentication": "true",
            "usage-bootstrap-signing": "true",
            "auth-extra-groups": "system:bootstrappers:lab",
        },
    }


def _apply(plane: Plane, manifests: list[dict[str, Any]]) -> None:
    kubectl(
        plane,
        ["apply", "--server-side", "-f", "-"],
        json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}),
    )


def kubectl(plane: Plane, words: list[str], document: str = "", check: bool = True) -> str:
    """Runs kubectl as the administrator of a control plane."""
    done = subprocess.run(
        [str(program("kubectl")), f"--kubeconfig={plane.admin_kubeconfig}", *words],
        input=document,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if check and done.returncode != 0:
        raise LabError(f"kubectl {words[0]} on cluster {plane.identity.name} failed: {done.stderr.strip()}")
    return done.stdout


def destroy_all() -> None:
    """Stops every control plane and deletes its data."""
    for plane in all_planes():
        plane.destroy()
