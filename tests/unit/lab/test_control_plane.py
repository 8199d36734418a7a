from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
import yaml

from lab.control_plane import join, kubeconfig
from lab.control_plane.pki import Pki
from lab.control_plane.plane import Plane


@pytest.fixture
def plane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plane:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    plane = Plane.new("id-1", "development", slot=2)
    plane._certificates()
    return plane


def test_certificates_are_accepted_by_openssl(plane: Plane) -> None:
    pki = plane.pki
    command = ["openssl", "verify", "-CAfile", str(pki.crt("ca")), str(pki.crt("apiserver")), str(pki.crt("admin"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_keys_are_for_their_owner_alone(plane: Plane) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in plane.pki.folder.glob("*.key")}
    assert set(modes.values()) == {0o600}
    assert plane.admin_kubeconfig.stat().st_mode & 0o777 == 0o600


def test_a_control_plane_is_the_same_after_a_restart(plane: Plane) -> None:
    before = plane.pki.crt("ca").read_bytes()
    again = Plane.load("id-1")
    assert again is not None
    again._certificates()
    assert again.identity == plane.identity
    assert again.pki.crt("ca").read_bytes() == before


def test_join_information_holds_place_labels_and_token(plane: Plane) -> None:
    text = join.user_data(plane, "fr-par", "fr-par-1", {"node.cloudprovider": "scaleway"})
    assert text.startswith("#cloud-config\n")
    document = yaml.safe_load(text)
    files = {entry["path"]: entry for entry in document["write_files"]}
    bootstrap = yaml.safe_load(files["/etc/kubernetes/bootstrap-kubelet.conf"]["content"])
    assert bootstrap["users"][0]["user"]["token"] == plane.identity.token
    assert files["/etc/kubernetes/bootstrap-kubelet.conf"]["permissions"] == "0600"
    labels = "node.cloudprovider=scaleway,topology.kubernetes.io/region=fr-par,topology.kubernetes.io/zone=fr-par-1"
    assert f"--node-labels={labels}" in document["runcmd"][0]


def test_a_kubeconfig_carries_the_certificate_itself(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    pki.authority("ca")
    pki.leaf("admin", "somebody", groups=["system:masters"])
    document = yaml.safe_load(kubeconfig.with_certificate("https://198.18.0.1:16443", pki, "admin", "c"))
    data = document["users"][0]["user"]["client-certificate-data"]
    assert base64.b64decode(data) == pki.crt("admin").read_bytes()
