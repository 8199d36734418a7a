"""Git is what the cluster follows: a commit is enough, a wrong one is named, and no secret is in it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from lab import plan
from tests.lab import console

pytestmark = pytest.mark.lab
GREETING = "apps/overlays/hetzner/podinfo/greeting.env"


class Clone:
    """A person's own clone of the fleet's repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("clone", "--quiet", plan.git_url(), str(folder), cwd=folder.parent)

    def git(self, *words: str, cwd: Path | None = None) -> str:
        identity = ("-c", "user.name=A Person", "-c", "user.email=person@example.org")
        done = console.command("git", *identity, *words, cwd=cwd or self.folder, timeout=60)
        assert done.code == 0, done.output
        return done.output

    def commit(self, path: str, text: str) -> None:
        """Pushes one changed or new file."""
        self.git("pull", "--quiet", "--rebase")
        (self.folder / path).write_text(text)
        self.git("add", path)
        self.git("commit", "--quiet", "--message", f"Change {path}")
        self.git("push", "--quiet")


def _flux() -> str:
    """What Flux and the pods say, for whoever has to find out why a commit did not arrive."""
    return console.kubectl("get", "gitrepositories,kustomizations,pods", "--all-namespaces", "--output=wide")


@pytest.fixture
def clone(fleet: console.Run, tmp_path: Path) -> Clone:
    return Clone(tmp_path / "clone")


def test_a_commit_changes_the_greeting_without_ansible_and_stays(clone: Clone) -> None:
    before = (clone.folder / GREETING).read_text()
    clone.commit(GREETING, before.replace("Hello from Hetzner!", "Servus from Hetzner!"))
    try:
        assert console.eventually(lambda: console.greeting("hetzner") == "Servus from Hetzner!", 60), _flux()
        assert console.greeting("scaleway") == "Hello from Scaleway!"
        # A run of Ansible must not take back what a person wrote.
        run = console.playbook("site")
        assert "Servus from Hetzner!" in run.output
        assert set(run.recap("changed").values()) == {0}, run.output
    finally:
        clone.commit(GREETING, before)
    assert console.eventually(lambda: console.greeting("hetzner") == "Hello from Hetzner!", 60), _flux()


def test_a_wrong_manifest_fails_verify_with_the_words_of_flux(clone: Clone) -> None:
    path = "apps/overlays/scaleway/podinfo/kustomization.yaml"
    before = (clone.folder / path).read_text()
    clone.commit(path, before.replace("resources:", "resources:\n  - not-there.yaml", 1))
    try:
        run = console.playbook("verify")
        assert run.code != 0
        assert "podinfo-scaleway" in run.output
        assert "not-there.yaml" in run.output
        assert "Traceback" not in run.output
    finally:
        clone.commit(path, before)
    assert console.eventually(lambda: console.playbook("verify").code == 0, 120)


def test_secrets_are_encrypted_in_git_and_plain_in_the_cluster_alone(clone: Clone) -> None:
    secrets = console.objects("secrets", "-n", "podinfo")
    values = [base64.b64decode(text).decode() for secret in secrets for text in secret["data"].values()]
    assert values
    assert all(len(value) >= 16 for value in values)
    history = clone.git("log", "--patch", "--all")
    assert "ENC[AES256_GCM" in history
    assert [value for value in values if value in history] == []
    key = console.objects("secrets", "-n", "flux-system", "--field-selector=metadata.name=sops-age")[0]
    assert [name for name in key["data"] if name.endswith(".agekey")]
    private = base64.b64decode(next(iter(key["data"].values()))).decode()
    assert "AGE-SECRET-KEY-" in private
    assert "AGE-SECRET-KEY-" not in history
