# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client of the Cloudfleet API, as small as this collection needs it.

Inferred, not documented: the vendor publishes the base address, the fields and states of a cluster, and the rule that
an update replaces the whole cluster. The exact paths, the authentication header and the shape of errors it does not
publish. They are inferred from its command line tool and Terraform provider, and all of them stand in this file. Where
they differ from the real service, `control_plane.kind: existing` with join information from the vendor's own tools
needs none of it.
"""

from __future__ import annotations

import base64
import http.client
import json
import time
import typing as t
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .budget import retry
from .errors import (
    Ambiguous,
    Auth,
    Conflict,
    NotFound,
    Permanent,
    PlatformError,
    Quota,
    RateLimited,
    Transient,
)

PROVIDER = "cloudfleet"
EDITABLE = ("name", "tier", "region", "version_channel", "release_channel", "features")
DEPLOYED = "deployed"


@dataclass(frozen=True)
class CloudfleetCluster:
    """A cluster as the API tells it; `status` is creating, deployed, updating or disabled, `created` an ISO time."""

    id: str
    name: str
    status: str
    endpoint: str
    version: str
    region: str
    tier: str
    fields: Mapping[str, t.Any]  # the editable ones, as an update has to repeat them
    created: str = ""

    @property
    def deployed(self) -> bool:
        """Serves its API and accepts nodes."""
        return self.status == DEPLOYED

    def as_result(self) -> dict[str, str]:
        """Plain data for module results."""
        return {key: getattr(self, key) for key in ("id", "name", "status", "endpoint", "version", "region", "tier")}


class Cloudfleet:
    """One organization at Cloudfleet. Methods raise PlatformError subclasses with provider `cloudfleet`."""

    def __init__(
        self,
        settings: Mapping[str, str],
        *,
        timeout: float = 30,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`settings`: endpoint, token_id, token_secret, organization_id. `timeout`: seconds of silence per request."""
        self._base = settings["endpoint"].rstrip("/")
        pair = f"{settings['token_id']}:{settings['token_secret']}".encode()
        self._headers = {
            "Authorization": "Basic " + base64.b64encode(pair).decode(),
            "X-Organization-Id": settings["organization_id"],
            "Accept": "application/json",
        }
        self._opener = urllib.request.build_opener(_NoRedirects)
        self._timeout = timeout
        self._sleep = sleep

    def clusters(self) -> list[CloudfleetCluster]:
        """All clusters of the organization."""
        answer = self._read("/clusters")
        listed = answer.get("items", answer.get("clusters")) if isinstance(answer, dict) else answer
        if not isinstance(listed, list):
            raise self._unexpected("GET /clusters", "a list of clusters")
        return [self._cluster(item) for item in listed]

    def named(self, name: str) -> list[CloudfleetCluster]:
        """The clusters of that name, the oldest first. Names are not unique there: it takes care to have only one."""
        found = [cluster for cluster in self.clusters() if cluster.name == name]
        return sorted(found, key=lambda cluster: (cluster.created, cluster.id))

    def find(self, name: str) -> CloudfleetCluster | None:
        """The cluster of that name, or None. Of several it is the oldest, which every run agrees on."""
        found = self.named(name)
        return found[0] if found else None

    def cluster(self, cluster_id: str) -> CloudfleetCluster:
        """One cluster, or NotFound."""
        return self._cluster(self._read(f"/clusters/{_segment(cluster_id)}"))

    def create(self, fields: Mapping[str, str]) -> str:
        """Order a cluster; its id. After a lost answer (Ambiguous) look for the name before ordering again."""
        answer = self._send("POST", "/clusters", body=fields)
        cluster_id = answer.get("id") if isinstance(answer, dict) else answer
        if not isinstance(cluster_id, str) or not cluster_id:
            raise self._unexpected("POST /clusters", "the id of the new cluster")
        return cluster_id

    def replace(self, cluster: CloudfleetCluster, changes: Mapping[str, str]) -> None:
        """Change some fields; the others are sent along as they were, because an update replaces the whole cluster."""
        path, body = f"/clusters/{_segment(cluster.id)}", {**cluster.fields, **changes}
        retry(lambda: self._send("PUT", path, body=body), sleep=self._sleep)

    def delete(self, cluster_id: str) -> None:
        """Order the deletion; it may be gone already."""
        try:
            retry(lambda: self._send("DELETE", f"/clusters/{_segment(cluster_id)}"), sleep=self._sleep)
        except NotFound:
            return

    def kubeconfig(self, cluster_id: str) -> str:
        """Text of a kubeconfig. Secret."""
        return str(self._read(f"/clusters/{_segment(cluster_id)}/kubeconfig", text=True))

    def join_information(self, cluster_id: str, *, region: str, zone: str, labels: Mapping[str, str]) -> str:
        """Cloud-init text that makes a fresh Ubuntu a node of the cluster. Secret. Conflict before it is deployed."""
        wanted = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        query = urllib.parse.urlencode({"region": region, "zone": zone, "node_labels": wanted})
        answer = self._read(f"/clusters/{_segment(cluster_id)}/join-information?{query}")
        rendered = answer.get("rendered") if isinstance(answer, dict) else None
        if not isinstance(rendered, str) or not rendered:
            raise self._unexpected("GET join-information", "the field rendered")
        return rendered

    def _read(self, path: str, *, text: bool = False) -> t.Any:
        return retry(lambda: self._send("GET", path, text=text), sleep=self._sleep)

    def _cluster(self, item: t.Any) -> CloudfleetCluster:
        if not isinstance(item, dict) or not item.get("id"):
            raise self._unexpected("GET /clusters", "objects with an id")
        return CloudfleetCluster(
            id=str(item["id"]),
            name=str(item.get("name") or ""),
            status=str(item.get("status") or "unknown"),
            endpoint=str(item.get("endpoint") or ""),
            version=str(item.get("kubernetes_version") or item.get("version_channel") or ""),
            region=str(item.get("region") or ""),
            tier=str(item.get("tier") or ""),
            fields={key: item[key] for key in EDITABLE if item.get(key) is not None},
            created=str(item.get("created_at") or ""),
        )

    def _send(self, method: str, path: str, *, body: Mapping[str, t.Any] | None = None, text: bool = False) -> t.Any:
        what = f"{method} {path.partition('?')[0]}"
        data = None if body is None else json.dumps(dict(body)).encode()
        headers = self._headers if data is None else {**self._headers, "Content-Type": "application/json"}
        request = urllib.request.Request(self._base + path, data=data, headers=headers, method=method)
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                content = answer.read().decode()
        except urllib.error.HTTPError as refused:
            raise self._refusal(refused, what) from None
        except (OSError, http.client.HTTPException, ValueError) as failed:  # URLError and time-outs are OSErrors
            raise self._lost(failed, method, what) from None
        if text or not content:
            return content
        try:
            return json.loads(content)
        except ValueError:
            raise self._unexpected(what, "JSON") from None

    def _refusal(self, refused: urllib.error.HTTPError, what: str) -> PlatformError:
        code, said = _error(refused)
        text = f"Cloudfleet refused {what}: {said}"
        request_id = refused.headers.get("X-Request-Id") or ""
        kind = _KINDS.get(refused.code, Transient if refused.code >= 500 else Permanent)
        if kind is Auth:
            text += ". Check providers.cloudfleet.token_id, token_secret and organization_id."
        if kind is Transient and what.startswith("POST"):
            kind = Ambiguous  # a gateway may have lost the answer to an order that was carried out
        return kind(text, provider=PROVIDER, code=code, request_id=request_id, retry_after=_retry_after(refused))

    def _lost(self, failed: Exception, method: str, what: str) -> PlatformError:
        reason = getattr(failed, "reason", None) or failed
        text = f"No answer from Cloudfleet at {self._base} to {what}: {reason}. Check the endpoint and the network."
        return (Ambiguous if method == "POST" else Transient)(text, provider=PROVIDER, code="NoAnswer")

    def _unexpected(self, what: str, wanted: str) -> PlatformError:
        return Permanent(
            f"Cloudfleet at {self._base} answered {what} with something else than {wanted}. The paths used here are "
            "inferred and may differ from the real service; control_plane.kind: existing works without this API.",
            provider=PROVIDER,
            code="UnexpectedAnswer",
        )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the credentials to another place, and means that the endpoint is wrong anyway."""

    def redirect_request(self, *_arguments: t.Any) -> None:
        """Follow none."""


_KINDS: Mapping[int, type[PlatformError]] = {
    401: Auth,
    402: Quota,
    403: Auth,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
}


def _error(refused: urllib.error.HTTPError) -> tuple[str, str]:
    """(code, message) of an error answer; a gateway's HTML says nothing, so the status line has to do."""
    status_line = f"HTTP {refused.code} {refused.reason}"
    try:
        answer = json.loads(refused.read(65536))["error"]
        return str(answer["code"]), str(answer["message"]).rstrip(".")
    except (OSError, ValueError, KeyError, TypeError):
        return str(refused.code), status_line


def _retry_after(refused: urllib.error.HTTPError) -> float | None:
    try:
        return float(refused.headers.get("Retry-After") or "")
    except ValueError:
        return None


def _segment(name: str) -> str:
    return urllib.parse.quote(name, safe="")
