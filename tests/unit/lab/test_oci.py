from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest
import zstandard

from lab.images import oci

SETTINGS = oci.Settings(user="100:101", workdir="/home/app", command=("./app",))


@pytest.fixture
def files(tmp_path: Path) -> list[oci.File]:
    program = tmp_path / "program"
    program.write_bytes(os.urandom(300_000))
    folder = tmp_path / "ui"
    (folder / "deep").mkdir(parents=True)
    (folder / "page.html").write_text("<p>hello</p>")
    (folder / "deep" / "style.css").write_text("p {}")
    return [oci.File(program, "/home/app/app"), oci.File(folder, "/home/app/ui")]


def members(image: oci.Image) -> dict[str, tarfile.TarInfo]:
    packed = image.blobs[0].path(image.layout).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(zstandard.ZstdDecompressor().decompressobj().decompress(packed))) as tar:
        return {member.name: member for member in tar}


def config(image: oci.Image) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(image.blobs[1].path(image.layout).read_text())
    return content


def test_the_same_files_give_the_same_digests_at_another_time_and_place(files: list[oci.File], tmp_path: Path) -> None:
    first = oci.build(tmp_path / "one", "host/app:1", files, SETTINGS)
    for file in files:
        os.utime(file.source, (1, 1))
    second = oci.build(tmp_path / "two", "host/app:1", list(reversed(files)), SETTINGS)
    assert (first.manifest, first.blobs) == (second.manifest, second.blobs)


def test_every_blob_is_what_its_digest_says(files: list[oci.File], tmp_path: Path) -> None:
    image = oci.build(tmp_path / "image", "host/app:1", files, SETTINGS)
    for blob in (image.manifest, *image.blobs):
        content = blob.path(image.layout).read_bytes()
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == blob.digest
        assert len(content) == blob.size
    packed = image.blobs[0].path(image.layout).read_bytes()
    layer = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
    assert config(image)["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]


def test_the_layer_holds_files_and_their_folders_and_nothing_of_this_machine(
    files: list[oci.File], tmp_path: Path
) -> None:
    found = members(oci.build(tmp_path / "image", "host/app:1", files, SETTINGS))
    assert {name: oct(member.mode) for name, member in found.items()} == {
        "tmp": "0o1777",
        "home": "0o755",
        "home/app": "0o755",
        "home/app/app": "0o755",
        "home/app/ui": "0o755",
        "home/app/ui/page.html": "0o644",
        "home/app/ui/deep": "0o755",
        "home/app/ui/deep/style.css": "0o644",
    }
    assert {(each.mtime, each.uid, each.gid, each.uname) for each in found.values()} == {(0, 0, 0, "")}


def test_a_folder_stands_before_what_is_in_it(files: list[oci.File], tmp_path: Path) -> None:
    names = list(members(oci.build(tmp_path / "image", "host/app:1", files, SETTINGS)))
    for name in names:
        parent = name.rpartition("/")[0]
        assert not parent or names.index(parent) < names.index(name)


def test_the_config_says_how_a_container_starts(files: list[oci.File], tmp_path: Path) -> None:
    start = config(oci.build(tmp_path / "one", "host/app:1", files, SETTINGS))["config"]
    assert start["User"] == "100:101"
    assert start["WorkingDir"] == "/home/app"
    assert start["Cmd"] == ["./app"]
    assert "Entrypoint" not in start
    entrypoint = oci.Settings(user="1:1", entrypoint=("/app",))
    start = config(oci.build(tmp_path / "two", "host/app:1", files, entrypoint))["config"]
    assert start["Entrypoint"] == ["/app"]
    assert "Cmd" not in start


def test_a_layout_is_read_as_it_was_built(files: list[oci.File], tmp_path: Path) -> None:
    built = oci.build(tmp_path / "image", "ghcr.io/team/app:v1", files, SETTINGS)
    assert oci.read(tmp_path / "image") == built
    assert (built.repository, built.tag) == ("ghcr.io/team/app", "v1")


def test_nothing_but_the_layout_is_left_behind(files: list[oci.File], tmp_path: Path) -> None:
    layout = tmp_path / "image"
    oci.build(layout, "host/app:1", files, SETTINGS)
    assert sorted(path.name for path in layout.iterdir()) == ["blobs", "index.json", "oci-layout"]
    assert len(list((layout / "blobs" / "sha256").iterdir())) == 3
