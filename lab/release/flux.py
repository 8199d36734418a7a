"""Puts the Flux install manifest together for the four controllers that the lab builds."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from lab import paths
from lab.errors import LabError
from lab.tools.families import data, family, program

CONTROLLERS = ("source", "kustomize", "helm", "notification")
VERSION = family("flux-manifests").version("github.com/fluxcd/flux2/v2")
_FORMAT = "1"  # raise it when this file puts together something else from the same data


def url_path() -> str:
    """Path of the manifest on the release page, without a leading slash."""
    return f"fluxcd/flux2/releases/download/{VERSION}/install.yaml"


def ensure(say: Callable[[str], None] = print) -> Path:
    """Folder in the cache that holds the manifest at `url_path()`, made now if it is missing. Wants the tools built."""
    names = ("flux-manifests", *(f"flux-{name}-controller" for name in CONTROLLERS))
    key = hashlib.sha256(repr((_FORMAT, [family(name).lock() for name in names])).encode()).hexdigest()[:12]
    folder = paths.cache() / "release" / key
    if not folder.is_dir():
        say(f"  Flux {VERSION} install manifest")
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        target = partial / url_path()
        target.parent.mkdir(parents=True)
        target.write_text(assemble())
        partial.rename(folder)
        for old in folder.parent.iterdir():
            if old != folder:
                shutil.rmtree(old)
    return folder


def assemble() -> str:
    """Text of the install manifest: CRDs, roles, policies and Deployments, images under their upstream names."""
    with tempfile.TemporaryDirectory(prefix="lab-flux-") as scratch:
        work = Path(scratch)
        for name in CONTROLLERS:
            _lay_out_controller(work / f"{name}-controller", f"{name}-controller")
        manifests = data("flux-manifests", "manifests")
        for name in ("rbac", "policies"):
            shutil.copytree(manifests / name, work / name)
        for name in ("namespace.yaml", "labels.yaml"):
            shutil.copy(manifests / "install" / name, work / name)
        _write(work, _install())
        return _kustomize(work)


def _lay_out_controller(folder: Path, name: str) -> None:
    """What the release does with a controller, its CRDs and Deployment read from the module instead of a download."""
    base = data("flux-manifests", "manifests") / "bases" / name
    folder.mkdir()
    for file in ("account.yaml", "labels.yaml", "patch.yaml"):
        shutil.copy(base / file, folder / file)
    for part in ("crd", "manager"):
        shutil.copytree(data(f"flux-{name}", part), folder / part)
    _write(
        folder,
        {
            "resources": ["crd", "manager", "account.yaml"],
            "transformers": ["labels.yaml"],
            "patches": [{"target": _deployments(name), "path": "patch.yaml"}],
        },
    )


def _install() -> dict[str, Any]:
    names = [f"{name}-controller" for name in CONTROLLERS]
    # Kubernetes asks every ten seconds whether a controller is ready; asking every second saves a lab six at its start.
    often = [{"op": "add", "path": "/spec/template/spec/containers/0/readinessProbe/periodSeconds", "value": 1}]
    return {
        "namespace": "flux-system",
        "resources": ["namespace.yaml", *names, "rbac", "policies"],
        "transformers": ["labels.yaml"],
        "images": [{"name": f"fluxcd/{name}", "newName": f"ghcr.io/fluxcd/{name}"} for name in names],
        "patches": [{"target": _deployments(".*"), "patch": yaml.safe_dump(often)}],
    }


def _deployments(name: str) -> dict[str, str]:
    return {"group": "apps", "version": "v1", "kind": "Deployment", "name": name}


def _write(folder: Path, content: dict[str, Any]) -> None:
    header = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump({**header, **content}, sort_keys=False))


def _kustomize(folder: Path) -> str:
    command = [str(program("kubectl")), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        raise LabError(f"Putting the Flux {VERSION} install manifest together failed: {done.stderr.strip()}")
    return done.stdout
