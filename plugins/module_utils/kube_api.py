# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to one Kubernetes API, as plain JSON, with a limit on every wait and our own error classes.

The official `kubernetes` package reads the kubeconfig (TLS, tokens, exec plugins) and keeps the connections. Its
generated models are left aside: turning a thousand nodes into model objects takes longer than asking for them.
"""

from __future__ import annotations

import json
import time
import typing as t
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from .budget import retry
from .errors import (
    Auth,
    Conflict,
    NotFound,
    Permanent,
    PlatformError,
    RateLimited,
    Transient,
)

PROVIDER = "kubernetes"
CONNECTIONS = 8
CONNECT_TIMEOUT = 10.0
TRIES = 3  # a short hiccup is not news; a cluster that is away is told at once
MERGE_PATCH = "application/merge-patch+json"

Json = dict[str, t.Any]


class KubeApi:
    """One API server, reached by the current context of a kubeconfig.

    Nothing is read and no connection is opened before the first request. Methods raise PlatformError subclasses.
    """

    def __init__(
        self, kubeconfig_path: str | Path, timeout: float = 30, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.path = Path(kubeconfig_path).expanduser()
        self.timeout = timeout
        self._sleep = sleep
        self._client: t.Any = None

    @property
    def endpoint(self) -> str:
        """Base URL of the API server."""
        return str(self._connected().configuration.host)

    def get(self, path: str, **params: str) -> Json:
        """One object, or one whole list."""
        return retry(lambda: self._json("GET", path, params), sleep=self._sleep, tries=TRIES)

    def post(self, path: str, body: Json) -> Json:
        """Create an object or call a subresource; not repeated by us."""
        return self._json("POST", path, {}, body)

    def merge_patch(self, path: str, body: Json) -> Json:
        """JSON merge patch (RFC 7386): null removes a key, a list replaces the whole list."""
        return retry(lambda: self._json("PATCH", path, {}, body, MERGE_PATCH), sleep=self._sleep, tries=TRIES)

    def delete(self, path: str) -> None:
        """Ask for the deletion of one object."""
        self._json("DELETE", path, {})

    def watch(self, path: str, *, resource_version: str, seconds: float) -> Iterator[Json]:
        """Events ({"type", "object"}) of a list from a version on, until the server ends the stream after `seconds`.

        A stream that breaks or falls silent ends like one that is over: the caller lists and watches again.
        """
        import urllib3  # a dependency of kubernetes

        params = {"watch": "true", "resourceVersion": resource_version, "timeoutSeconds": str(max(1, int(seconds)))}
        response = self._send("GET", path, params, read_timeout=seconds + self.timeout)
        pending = b""
        try:
            for chunk in response.stream(amt=None, decode_content=True):
                pending += chunk
                *lines, pending = pending.split(b"\n")
                yield from (json.loads(line) for line in lines if line.strip())
        except (urllib3.exceptions.HTTPError, ValueError):
            return
        finally:
            response.close()

    def _json(
        self, method: str, path: str, params: Mapping[str, str], body: Json | None = None, content: str = ""
    ) -> Json:
        response = self._send(method, path, params, body, content)
        try:
            text = response.data
        except Exception as broken:
            raise self._unreachable(broken) from broken
        finally:
            response.release_conn()
        if not text:
            return {}
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise Transient(
                f"The address {self.endpoint} of kubeconfig {self.path} answered {method} {path} with something else "
                "than a Kubernetes object. Is it a Kubernetes API, and is no proxy in between?",
                provider=PROVIDER,
            )
        return answer

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        body: Json | None = None,
        content: str = "",
        read_timeout: float | None = None,
    ) -> t.Any:
        client = self._connected()
        from kubernetes.client.exceptions import ApiException

        headers = {"Accept": "application/json", "Content-Type": content or "application/json"}
        try:
            return client.call_api(
                path,
                method,
                query_params=list(params.items()),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=(min(CONNECT_TIMEOUT, self.timeout), read_timeout or self.timeout),
            )
        except ApiException as refused:
            raise _refusal(refused, f"{method} {path}") from None
        except Exception as failed:  # urllib3, ssl and socket errors have no common ancestor below Exception
            # For TLS errors the package stumbles over its own error, which then hangs below the one that arrives here.
            hidden = failed.__context__
            raise self._unreachable(hidden if isinstance(hidden, ApiException) else failed) from failed

    def _connected(self) -> t.Any:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _connect(self) -> t.Any:
        if not self.path.is_file():
            raise NotFound(
                f"There is no kubeconfig at {self.path}. Create the cluster first, or correct the path.",
                provider=PROVIDER,
                code="NoKubeconfig",
            )
        try:
            from kubernetes import client, config
        except ImportError:
            raise Permanent(
                "Python package 'kubernetes' is missing for the interpreter that runs this task. "
                "Install it with: pip install kubernetes",
                provider=PROVIDER,
                code="MissingPackage",
            ) from None
        configuration = client.Configuration()
        configuration.retries = False  # urllib3 would repeat three times, unseen
        configuration.connection_pool_maxsize = CONNECTIONS
        try:
            config.load_kube_config(str(self.path), client_configuration=configuration, persist_config=False)
        except Exception as unreadable:  # noqa: BLE001 yaml, base64, exec plugins: whatever a file can do
            raise Permanent(
                f"The kubeconfig {self.path} cannot be used: {_one_line(unreadable)}. Write it anew.",
                provider=PROVIDER,
                code="BadKubeconfig",
            ) from None
        return client.ApiClient(configuration)

    def _unreachable(self, failed: Exception) -> PlatformError:
        if "certificate verify failed" in str(failed):
            return Permanent(
                f"The Kubernetes API {self.endpoint} shows a certificate that kubeconfig {self.path} does not trust. "
                "Is another cluster at this address now? Then get the kubeconfig anew.",
                provider=PROVIDER,
                code="Untrusted",
            )
        return Transient(
            f"The Kubernetes API {self.endpoint}, named in kubeconfig {self.path}, cannot be reached: "
            f"{_reason(failed)}. Check that the cluster runs and that this machine may connect to it.",
            provider=PROVIDER,
            code="Unreachable",
        )


def segment(name: str) -> str:
    """A name as part of a request path."""
    return quote(name, safe="")


def _refusal(refused: t.Any, request: str) -> PlatformError:
    status = int(refused.status or 0)
    answer = _status_object(refused.body)
    said = _said(answer) or str(refused.reason or f"HTTP {status}")
    code = str(answer.get("reason") or status)
    text = f"Kubernetes refused {request}: {said}."
    if status == 401:
        return Auth(f"{text} The credentials in the kubeconfig are not valid (any more).", provider=PROVIDER, code=code)
    if status == 403:
        return Auth(f"{text} The account in the kubeconfig lacks this right.", provider=PROVIDER, code=code)
    if status == 404:
        return NotFound(text, provider=PROVIDER, code=code)
    if status == 409:
        return Conflict(text, provider=PROVIDER, code=code)
    if status == 429:
        return RateLimited(text, provider=PROVIDER, code=code, retry_after=_retry_after(refused, answer))
    if status >= 500:
        return Transient(text, provider=PROVIDER, code=code, retry_after=_retry_after(refused, answer))
    return Permanent(text, provider=PROVIDER, code=code)


def _said(answer: Json) -> str:
    """The message, and with a refused eviction the budget that refuses it: that stands among the causes alone."""
    causes = (answer.get("details") or {}).get("causes") or []
    budgets = [str(c.get("message") or "") for c in causes if c.get("reason") == "DisruptionBudget"]
    said = [str(answer.get("message") or ""), *budgets]
    return ". ".join(text.rstrip(". ") for text in said if text)


def _status_object(body: t.Any) -> Json:
    try:
        answer = json.loads(body)
    except (TypeError, ValueError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _retry_after(refused: t.Any, answer: Json) -> float | None:
    details = answer.get("details") or {}
    value: t.Any = details.get("retryAfterSeconds") or (refused.headers or {}).get("Retry-After")
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _reason(failed: Exception) -> str:
    """The innermost cause: urllib3 wraps the sentence that helps in several that do not."""
    cause: t.Any = failed
    while isinstance(inner := getattr(cause, "reason", None), Exception):
        cause = inner
    text = _one_line(cause)
    return text.rsplit(">: ", 1)[-1].rsplit("): ", 1)[-1]


def _one_line(failed: object) -> str:
    return " ".join(str(failed).split()).rstrip(".") or type(failed).__name__
