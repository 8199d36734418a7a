"""Writes an image of one zstd layer into an OCI image layout; the same files always give the same digests."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import zstandard

LEVEL = 3  # higher levels save little and take minutes for a controller's 100 MB
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+zstd"
_INDEX = "application/vnd.oci.image.index.v1+json"
_REFERENCE = "org.opencontainers.image.ref.name"
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_MIB = 2**20


@dataclass(frozen=True)
class File:
    """A file of this machine, or a folder with all its files, and its absolute path in the image."""

    source: Path
    target: str
    mode: int = 0o755


@dataclass(frozen=True)
class Settings:
    """How a container of the image starts. `user` is numeric, `uid:gid`: kubelet checks runAsNonRoot against it."""

    user: str
    workdir: str = "/"
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",)


@dataclass(frozen=True)
class Blob:
    """Content in a layout: its media type, its digest (`sha256:…`) and its size in bytes."""

    media_type: str
    digest: str
    size: int

    def path(self, layout: Path) -> Path:
        return layout / "blobs" / "sha256" / self.digest.removeprefix("sha256:")

    def descriptor(self) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}

    @classmethod
    def described(cls, descriptor: dict[str, Any]) -> Blob:
        return cls(descriptor["mediaType"], descriptor["digest"], descriptor["size"])


@dataclass(frozen=True)
class Image:
    """An image in a layout: its full upstream name with tag, its manifest, and the blobs the manifest refers to."""

    name: str
    layout: Path
    manifest: Blob
    blobs: tuple[Blob, ...]

    @property
    def repository(self) -> str:
        return self.name.rpartition(":")[0]

    @property
    def tag(self) -> str:
        return self.name.rpartition(":")[2]


def build(layout: Path, name: str, files: Iterable[File], settings: Settings) -> Image:
    """Writes the image into the folder `layout`, which must be empty or new."""
    (layout / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
    layer, diff_id = _write_layer(layout, files)
    config = _write_json(layout, _CONFIG, _config(settings, diff_id))
    manifest = _write_json(
        layout,
        MANIFEST,
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.descriptor(),
            "layers": [layer.descriptor()],
        },
    )
    entry = {**manifest.descriptor(), "annotations": {_REFERENCE: name}}
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [entry]}
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (layout / "index.json").write_text(json.dumps(index))
    return Image(name, layout, manifest, (layer, config))


def read(layout: Path) -> Image:
    """The image of a layout that `build` wrote."""
    entry = json.loads((layout / "index.json").read_text())["manifests"][0]
    manifest = Blob.described(entry)
    content = json.loads(manifest.path(layout).read_text())
    blobs = tuple(Blob.described(each) for each in (*content["layers"], content["config"]))
    return Image(entry["annotations"][_REFERENCE], layout, manifest, blobs)


def _config(settings: Settings, diff_id: str) -> dict[str, Any]:
    start: dict[str, Any] = {
        "User": settings.user,
        "Env": list(settings.environment),
        "WorkingDir": settings.workdir,
    }
    if settings.entrypoint:
        start["Entrypoint"] = list(settings.entrypoint)
    if settings.command:
        start["Cmd"] = list(settings.command)
    return {
        "architecture": _ARCHITECTURES[platform.machine().lower()],
        "os": "linux",
        "config": start,
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    }


def _write_json(layout: Path, media_type: str, content: dict[str, Any]) -> Blob:
    data = json.dumps(content, separators=(",", ":"), sort_keys=True).encode()
    blob = Blob(media_type, f"sha256:{hashlib.sha256(data).hexdigest()}", len(data))
    blob.path(layout).write_bytes(data)
    return blob


class _Digesting:
    """A writable stream that hashes and counts what passes through it."""

    def __init__(self, target: IO[bytes] | zstandard.ZstdCompressionWriter) -> None:
        self._target = target
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self.size += len(data)
        self._target.write(data)
        return len(data)

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def _write_layer(layout: Path, files: Iterable[File]) -> tuple[Blob, str]:
    """Streams tar through zstd into the layout, so that no layer is ever whole in memory."""
    with tempfile.NamedTemporaryFile(dir=layout, delete=False) as partial:
        packed = _Digesting(partial)
        with zstandard.ZstdCompressor(level=LEVEL).stream_writer(packed, closefd=False) as compressor:  # type: ignore[arg-type]
            plain = _Digesting(compressor)
            with tarfile.open(fileobj=plain, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_MIB) as tar:  # type: ignore[call-overload]
                _add_files(tar, files)
    blob = Blob(_LAYER, packed.digest, packed.size)
    os.chmod(partial.name, 0o644)
    os.rename(partial.name, blob.path(layout))
    return blob, plain.digest


def _add_files(tar: tarfile.TarFile, files: Iterable[File]) -> None:
    folders: set[PurePosixPath] = set()
    _add_folder(tar, PurePosixPath("tmp"), folders, mode=0o1777)
    for source, target, mode in sorted(_expanded(files), key=lambda each: each[1]):
        _add_folder(tar, target.parent, folders)
        member = _member(target, mode)
        member.size = source.stat().st_size
        with source.open("rb") as content:
            tar.addfile(member, content)


def _expanded(files: Iterable[File]) -> Iterator[tuple[Path, PurePosixPath, int]]:
    for file in files:
        target = PurePosixPath(file.target.lstrip("/"))
        if not file.source.is_dir():
            yield file.source, target, file.mode
            continue
        for path in file.source.rglob("*"):
            if path.is_file():
                yield path, target / path.relative_to(file.source).as_posix(), 0o644


def _add_folder(tar: tarfile.TarFile, folder: PurePosixPath, known: set[PurePosixPath], mode: int = 0o755) -> None:
    for each in reversed([folder, *folder.parents]):
        if each.parts and each not in known:
            known.add(each)
            member = _member(each, mode if each == folder else 0o755)
            member.type = tarfile.DIRTYPE
            tar.addfile(member)


def _member(path: PurePosixPath, mode: int) -> tarfile.TarInfo:
    """A tar entry of root with time zero: nothing of this machine or this moment gets into the digest."""
    member = tarfile.TarInfo(str(path))
    member.mode, member.mtime, member.uid, member.gid = mode, 0, 0, 0
    return member
