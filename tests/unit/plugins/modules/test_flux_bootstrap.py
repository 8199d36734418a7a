"""Installing Flux in a Kubernetes API in memory."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.sovereign.fleet.plugins.module_utils.kube_apply import ApplyApi
from ansible_collections.sovereign.fleet.plugins.modules import flux_bootstrap
from tests.unit.plugins.apply_server import ApplyServer, crd, deployment
from tests.unit.plugins.conftest import Time

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}}
RELEASE = [
    deployment("source-controller"),
    deployment("kustomize-controller", "--log-level=info"),
    NAMESPACE,
    crd("source.toolkit.fluxcd.io", "GitRepository", "gitrepositories"),
    crd("kustomize.toolkit.fluxcd.io", "Kustomization", "kustomizations"),
]
IN_FLUX = "/namespaces/flux-system"
REPOSITORY = f"/apis/source.toolkit.fluxcd.io/v1{IN_FLUX}/gitrepositories/flux-system"
KUSTOMIZATION = f"/apis/kustomize.toolkit.fluxcd.io/v1{IN_FLUX}/kustomizations/flux-system"


@pytest.fixture(name="server")
def _server() -> Iterator[ApplyServer]:
    with ApplyServer() as server:
        yield server


@pytest.fixture(name="params")
def _params(server: ApplyServer, tmp_path: Path) -> dict[str, Any]:
    release = tmp_path / "install.yaml"
    release.write_text(yaml.safe_dump_all(RELEASE))
    return {
        "kubeconfig": str(server.kubeconfig(tmp_path)),
        "cluster": "development",
        "manifest": str(release),
        "repository": {"url": "https://git.example.org/fleet.git", "branch": "main"},
        "arguments": {"kustomize-controller": ["--requeue-dependency=5s"]},
        "interval": "1m",
        "heal_interval": "10m",
        "retry_interval": "30s",
        "timeout": "5m",
    }


def test_flux_is_installed_and_follows_the_folder_of_the_cluster(server: ApplyServer, params: dict[str, Any]) -> None:
    result = flux_bootstrap.run(params)
    assert (result["changed"], len(result["applied"])) == (True, len(RELEASE) + 2)
    assert server.objects[REPOSITORY]["spec"]["url"] == "https://git.example.org/fleet.git"
    assert server.objects[KUSTOMIZATION]["spec"]["path"] == "./clusters/development"
    assert server.objects[KUSTOMIZATION]["spec"]["decryption"]["secretRef"] == {"name": "sops-age"}
    assert server.managers == {"kubectl"}


def test_namespaces_and_crds_come_first(server: ApplyServer, params: dict[str, Any]) -> None:
    flux_bootstrap.run(params)
    kinds = [path.split("/")[-2] for path in server.applied]
    assert set(kinds[:3]) == {"namespaces", "customresourcedefinitions"}
    assert set(kinds[-2:]) == {"gitrepositories", "kustomizations"}


def test_controllers_start_with_the_arguments_that_git_will_give_them(
    server: ApplyServer, params: dict[str, Any]
) -> None:
    flux_bootstrap.run(params)
    controllers = f"/apis/apps/v1{IN_FLUX}/deployments"
    (container,) = server.objects[f"{controllers}/kustomize-controller"]["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["--log-level=info", "--requeue-dependency=5s"]
    (other,) = server.objects[f"{controllers}/source-controller"]["spec"]["template"]["spec"]["containers"]
    assert other["args"] == []


def test_a_second_run_changes_nothing_and_needs_no_manifest(server: ApplyServer, params: dict[str, Any]) -> None:
    flux_bootstrap.run(params)
    server.objects[KUSTOMIZATION]["spec"]["force"] = False  # the API server adds defaults
    server.applied.clear()
    result = flux_bootstrap.run({**params, "manifest": "/no/such/file"})
    assert (result["changed"], result["applied"], server.applied) == (False, [], [])


def test_another_repository_is_followed_without_a_new_installation(server: ApplyServer, params: dict[str, Any]) -> None:
    flux_bootstrap.run(params)
    result = flux_bootstrap.run(
        {**params, "repository": {"url": "https://git.example.org/other.git", "branch": "main"}}
    )
    assert result["applied"] == ["GitRepository flux-system/flux-system"]
    assert server.objects[REPOSITORY]["spec"]["url"].endswith("other.git")


def test_a_login_is_given_to_flux_and_shown_to_nobody(server: ApplyServer, params: dict[str, Any]) -> None:
    login = {**params["repository"], "username": "flux", "password": "s3cr3t"}
    result = flux_bootstrap.run({**params, "repository": login})
    secret = server.objects[f"/api/v1{IN_FLUX}/secrets/flux-system"]
    assert base64.b64decode(secret["data"]["password"]) == b"s3cr3t"
    assert server.objects[REPOSITORY]["spec"]["secretRef"] == {"name": "flux-system"}
    assert "s3cr3t" not in str(result)
    assert secret["data"]["password"] not in str(result)
    renewed = flux_bootstrap.run({**params, "repository": {**login, "password": "n3w"}})
    assert renewed["applied"] == ["Secret flux-system/flux-system"]


def test_check_mode_tells_and_does_nothing(server: ApplyServer, params: dict[str, Any], tmp_path: Path) -> None:
    predicted = flux_bootstrap.run(params, check_mode=True)
    assert (predicted["changed"], server.applied) == (True, [])
    assert "Kustomization flux-system/flux-system" in predicted["diff"]["after"]
    fresh = {**params, "kubeconfig": str(tmp_path / "none"), "manifest": str(tmp_path / "none")}
    assert flux_bootstrap.run(fresh, check_mode=True)["changed"] is True
    assert "no kubeconfig" in flux_bootstrap.run(fresh)["msg"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("<html>: [", "is not YAML", id="a page instead of a manifest"),
        pytest.param("just: a mapping", "not a Kubernetes object", id="something else"),
        pytest.param(None, "no install manifest of Flux at", id="no file"),
    ],
)
def test_a_bad_manifest_is_named(params: dict[str, Any], text: str | None, sentence: str) -> None:
    file = Path(params["manifest"])
    file.unlink() if text is None else file.write_text(text)
    result = flux_bootstrap.run(params)
    assert result["failed"] is True
    assert sentence in result["msg"]


def test_a_kind_that_is_served_late_is_waited_for(tmp_path: Path, time: Time) -> None:
    with ApplyServer(slow=3) as server:
        api = ApplyApi(server.kubeconfig(tmp_path), sleep=time.sleep, clock=time.clock)
        api.apply(RELEASE)
        source = {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository"}
        api.apply([{**source, "metadata": {"name": "flux-system", "namespace": "flux-system"}}])
        assert (REPOSITORY in server.objects, len(time.slept)) == (True, 3)
