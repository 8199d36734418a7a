"""Objects of Flux as its controllers write them."""

from __future__ import annotations

from typing import Any

OLD = "main@sha1:aaaaaaaaaaaaaaaaaaaa"
NEW = "main@sha1:bbbbbbbbbbbbbbbbbbbb"
COMMIT = "bbbbbbbbbbbbbbbbbbbb"

SOURCES = "/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/gitrepositories"
WORKS = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations"


def _conditions(ready: str, reason: str, message: str) -> list[dict[str, Any]]:
    condition = {"type": "Ready", "status": ready, "reason": reason, "message": message, "observedGeneration": 1}
    return [condition] if ready else []


def source(
    name: str = "fleet", *, fetched: str = NEW, ready: str = "True", reason: str = "Succeeded", message: str = "stored"
) -> dict[str, Any]:
    """A GitRepository."""
    return {
        "kind": "GitRepository",
        "metadata": {"name": name, "generation": 1},
        "spec": {},
        "status": {"artifact": {"revision": fetched}, "conditions": _conditions(ready, reason, message)},
    }


def work(
    name: str,
    *,
    applied: str = NEW,
    attempted: str = "",
    ready: str = "True",
    reason: str = "ReconciliationSucceeded",
    message: str = "applied",
    needs: tuple[str, ...] = (),
    suspended: bool = False,
    origin: tuple[str, str] = ("GitRepository", "fleet"),
) -> dict[str, Any]:
    """A Kustomization."""
    return {
        "kind": "Kustomization",
        "metadata": {"name": name, "generation": 1},
        "spec": {
            "suspend": suspended,
            "sourceRef": {"kind": origin[0], "name": origin[1]},
            "dependsOn": [{"name": need} for need in needs],
        },
        "status": {
            "lastAppliedRevision": applied,
            "lastAttemptedRevision": attempted or applied,
            "conditions": _conditions(ready, reason, message),
        },
    }
