from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.errors import LabError
from lab.images.catalogue import CATALOGUE
from lab.release import flux
from lab.release.server import FileServer, serve
from lab.tools import families

NEEDED = ["kubernetes", "flux-manifests", *(f"flux-{name}-controller" for name in flux.CONTROLLERS)]
MISSING = [name for name in NEEDED if not families.family(name).built()]


@pytest.fixture
def page(tmp_path: Path) -> Iterator[FileServer]:
    target = tmp_path / "page" / flux.url_path()
    target.parent.mkdir(parents=True)
    target.write_text("kind: Namespace\n")
    (tmp_path / "secret").write_text("not served")
    server = serve("127.0.0.1", 0, tmp_path / "page")
    yield server
    server.stop()


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""


def test_the_manifest_is_at_the_path_of_the_real_release() -> None:
    assert flux.url_path() == "fluxcd/flux2/releases/download/v2.9.5/install.yaml"


def test_a_file_is_served(page: FileServer) -> None:
    assert get(f"{page.url}/{flux.url_path()}") == (200, "kind: Namespace\n")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("fluxcd", id="a folder is not listed"),
        pytest.param("fluxcd/", id="nor with a slash"),
        pytest.param("nothing.yaml", id="what is not there"),
        pytest.param("../secret", id="what lies outside the folder"),
        pytest.param("%2e%2e/secret", id="nor when it is hidden"),
    ],
)
def test_nothing_else_is_served(page: FileServer, path: str) -> None:
    status, text = get(f"{page.url}/{path}")
    assert status == 404
    assert text == ""


def test_it_ends_when_it_is_stopped(tmp_path: Path) -> None:
    server = serve("127.0.0.1", 0, tmp_path)
    server.stop()
    with pytest.raises(urllib.error.URLError):
        get(server.url)


def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(LabError, match=r"The release page cannot listen on .*already in use"):
            serve("127.0.0.1", taken.getsockname()[1], tmp_path)


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(flux.assemble()))


@pytest.mark.lab
@pytest.mark.skipif(bool(MISSING), reason=f"not built: {', '.join(MISSING)}; `make lab` builds them")
class TestInstallManifest:
    def of_kind(self, objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
        return [each for each in objects if each["kind"] == kind]

    def test_the_images_are_those_that_the_lab_offers(self, objects: list[dict[str, Any]]) -> None:
        images = {
            container["image"]
            for deployment in self.of_kind(objects, "Deployment")
            for container in deployment["spec"]["template"]["spec"]["containers"]
        }
        assert images == {recipe.name for recipe in CATALOGUE if "/fluxcd/" in recipe.name}

    def test_everything_of_the_four_controllers_is_there(self, objects: list[dict[str, Any]]) -> None:
        assert {each["metadata"]["name"] for each in self.of_kind(objects, "CustomResourceDefinition")} == {
            "alerts.notification.toolkit.fluxcd.io",
            "buckets.source.toolkit.fluxcd.io",
            "externalartifacts.source.toolkit.fluxcd.io",
            "gitrepositories.source.toolkit.fluxcd.io",
            "helmcharts.source.toolkit.fluxcd.io",
            "helmreleases.helm.toolkit.fluxcd.io",
            "helmrepositories.source.toolkit.fluxcd.io",
            "kustomizations.kustomize.toolkit.fluxcd.io",
            "ocirepositories.source.toolkit.fluxcd.io",
            "providers.notification.toolkit.fluxcd.io",
            "receivers.notification.toolkit.fluxcd.io",
        }
        for kind in ("Deployment", "ServiceAccount"):
            names = {each["metadata"]["name"] for each in self.of_kind(objects, kind)}
            assert names == {f"{name}-controller" for name in flux.CONTROLLERS}
        for deployment in self.of_kind(objects, "Deployment"):
            assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == deployment["metadata"]["name"]
        assert self.of_kind(objects, "ClusterRoleBinding")
        assert self.of_kind(objects, "NetworkPolicy")

    def test_everything_is_labelled_and_in_its_namespace(self, objects: list[dict[str, Any]]) -> None:
        cluster_wide = {"Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}
        for each in objects:
            assert each["metadata"]["labels"]["app.kubernetes.io/instance"] == "flux-system"
            if each["kind"] not in cluster_wide:
                assert each["metadata"]["namespace"] == "flux-system"

    def test_readiness_is_asked_for_every_second(self, objects: list[dict[str, Any]]) -> None:
        for deployment in self.of_kind(objects, "Deployment"):
            [container] = deployment["spec"]["template"]["spec"]["containers"]
            assert container["readinessProbe"]["periodSeconds"] == 1
            assert "httpGet" in container["readinessProbe"]

    def test_it_is_put_together_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        calls: list[str] = []
        monkeypatch.setattr(flux, "assemble", lambda: calls.append("assembled") or "text")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        first = flux.ensure(lambda _line: None)
        assert (first / flux.url_path()).read_text() == "text"
        assert flux.ensure(lambda _line: None) == first
        assert calls == ["assembled"]
