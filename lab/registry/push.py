"""Pushes images of OCI layouts to a registry; what the registry has is not sent again."""

from __future__ import annotations

import http.client
import urllib.parse
from collections.abc import Iterable

from lab.errors import LabError
from lab.images.oci import MANIFEST, Blob, Image

_TIMEOUT = 60


def push(registry_url: str, images: Iterable[Image]) -> list[str]:
    """Names of the images that were missing and have been pushed; none on a second call."""
    connection = _Connection(registry_url)
    try:
        return [image.name for image in images if connection.push(image)]
    except (OSError, http.client.HTTPException) as error:
        raise LabError(f"Pushing images to {registry_url} failed: {error}. Is the registry running?") from error
    finally:
        connection.close()


class _Connection:
    """One keep-alive connection to one registry."""

    def __init__(self, registry_url: str) -> None:
        self._url = registry_url
        parts = urllib.parse.urlsplit(registry_url)
        self._http = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT)

    def close(self) -> None:
        self._http.close()

    def push(self, image: Image) -> bool:
        """False when the tag already points at exactly this manifest."""
        target = f"/v2/{image.repository}/manifests/{image.tag}"
        status, headers = self._send("HEAD", target, headers={"Accept": image.manifest.media_type})
        if status == 200 and headers.get("Docker-Content-Digest") == image.manifest.digest:
            return False
        for blob in image.blobs:
            self._push_blob(image, blob)
        body = image.manifest.path(image.layout).read_bytes()
        status, _headers = self._send("PUT", target, body, {"Content-Type": MANIFEST})
        self._expect(201, status, image, "the manifest")
        return True

    def _push_blob(self, image: Image, blob: Blob) -> None:
        repository = f"/v2/{image.repository}/blobs"
        status, _headers = self._send("HEAD", f"{repository}/{blob.digest}")
        if status == 200:
            return
        status, headers = self._send("POST", f"{repository}/uploads/", b"")
        self._expect(202, status, image, "starting an upload")
        location = urllib.parse.urlsplit(headers["Location"] or "")
        query = [*urllib.parse.parse_qsl(location.query), ("digest", blob.digest)]
        target = f"{location.path}?{urllib.parse.urlencode(query)}"
        with blob.path(image.layout).open("rb") as content:
            status, _headers = self._send(
                "PUT",
                target,
                content,
                {"Content-Type": "application/octet-stream", "Content-Length": str(blob.size)},
            )
        self._expect(201, status, image, f"blob {blob.digest}")

    def _send(
        self, method: str, target: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage]:
        self._http.request(method, target, body, headers or {})  # type: ignore[arg-type]
        answer = self._http.getresponse()
        answer.read()
        return answer.status, answer.headers

    def _expect(self, wanted: int, status: int, image: Image, what: str) -> None:
        if status != wanted:
            raise LabError(f"The registry {self._url} answered {status} to {what} of image {image.name}.")
