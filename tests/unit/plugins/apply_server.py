"""A Kubernetes API in memory that takes server-side apply, knows its kinds, and learns those of CRDs a little late."""

from __future__ import annotations

from typing import Any

from tests.unit.plugins.kubernetes_server import Answer, Json, KubernetesServer

KINDS = {
    "/api/v1": [("namespaces", "Namespace", False), ("secrets", "Secret", True)],
    "/apis/apps/v1": [("deployments", "Deployment", True)],
    "/apis/apiextensions.k8s.io/v1": [("customresourcedefinitions", "CustomResourceDefinition", False)],
}


class ApplyServer(KubernetesServer):
    """`applied` are the paths in the order of their applies; `slow` requests to a new kind are refused first."""

    def __init__(self, slow: int = 0) -> None:
        super().__init__()
        self.applied: list[str] = []
        self.managers: set[str] = set()
        self.slow = slow

    def answer(self, method: str, path: str, query: dict[str, str], body: Json) -> Answer:
        if method == "GET" and (kinds := KINDS.get(path) or self._taught(path)):
            return 200, {"resources": [{"name": n, "kind": k, "namespaced": s} for n, k, s in kinds]}, {}
        if method == "GET" and path.endswith("/deployments"):
            return 200, {"items": [item for key, item in self.objects.items() if key.startswith(path)]}, {}
        if method == "PATCH" and "fieldManager" in query:
            return self._apply(path, query["fieldManager"], body)
        return super().answer(method, path, query, body)

    def _taught(self, path: str) -> list[tuple[str, str, bool]]:
        specs = [item["spec"] for item in self.objects.values() if item.get("kind") == "CustomResourceDefinition"]
        return [
            (spec["names"]["plural"], spec["names"]["kind"], True)
            for spec in specs
            if path == f"/apis/{spec['group']}/v1"
        ]

    def _apply(self, path: str, manager: str, body: Json) -> Answer:
        with self._lock:
            if ".toolkit.fluxcd.io/" in path and self.slow > 0:
                self.slow -= 1
                return 404, {"kind": "Status", "message": "the server could not find the requested resource"}, {}
            self.applied.append(path)
            self.managers.add(manager)
            return 200, self.put(path, body), {}


def crd(group: str, kind: str, plural: str) -> dict[str, Any]:
    """A definition of a namespaced kind in version v1."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural},
            "versions": [{"name": "v1"}],
        },
    }


def deployment(name: str, *arguments: str) -> dict[str, Any]:
    """A controller of Flux with these arguments."""
    container = {"name": "manager", "image": f"ghcr.io/fluxcd/{name}:v1", "args": list(arguments)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
