from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from dulwich.protocol import Protocol, pkt_line

from lab.errors import LabError
from lab.git import repositories
from lab.git.server import GitServer

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git program on this machine")
MEGABYTE = 2**20


class Checkout:
    """A work tree of the real Git client."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def git(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        identity = {
            f"GIT_{who}_{what}": "ann@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        environment = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        self.path.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["git", *words], cwd=self.path, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        if check:
            assert done.returncode == 0, done.stderr
        return done

    def commit(self, name: str, content: bytes = b"text") -> str:
        (self.path / name).write_bytes(content)
        self.git("add", name)
        self.git("commit", "--quiet", "--message", name)
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD").stdout.strip()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    server = GitServer(tmp_path / "repositories", "127.0.0.1", 0)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def url(server: GitServer) -> str:
    return f"{server.url}/fleet.git"


@pytest.fixture
def work(tmp_path: Path, url: str) -> Checkout:
    """A clone with one pushed commit."""
    checkout = clone(url, tmp_path / "work")
    checkout.git("symbolic-ref", "HEAD", "refs/heads/main")
    checkout.commit("first")
    checkout.git("push", "--quiet", "origin", "main")
    return checkout


def clone(url: str, path: Path, *options: str) -> Checkout:
    checkout = Checkout(path)
    checkout.git("clone", "--quiet", *options, url, ".")
    return checkout


def tip(url: str, tmp_path: Path, ref: str = "refs/heads/main") -> str:
    return Checkout(tmp_path).git("ls-remote", url, ref).stdout.partition("\t")[0]


def test_the_empty_repository_is_cloned_and_pushed_to(url: str, tmp_path: Path) -> None:
    checkout = clone(url, tmp_path / "work")
    checkout.git("symbolic-ref", "HEAD", "refs/heads/main")
    commit = checkout.commit("first")
    checkout.git("push", "origin", "HEAD:main")
    assert tip(url, tmp_path) == commit


def test_a_clone_is_on_the_branch_main(work: Checkout, url: str, tmp_path: Path) -> None:
    other = clone(url, tmp_path / "other")
    assert other.git("branch", "--show-current").stdout == "main\n"
    assert other.head() == work.head()


def test_a_fetch_brings_what_was_pushed_since(work: Checkout, url: str, tmp_path: Path) -> None:
    other = clone(url, tmp_path / "other")
    commit = work.commit("second", b"new")
    work.git("push", "--quiet", "origin", "main")
    other.git("pull", "--quiet", "--ff-only")
    assert other.head() == commit
    assert (other.path / "second").read_bytes() == b"new"
    other.git("fsck", "--strict")


def test_a_fetch_with_a_long_history_of_ones_own(work: Checkout, url: str, tmp_path: Path) -> None:
    """Git zips a request with many commits in it: it must be unzipped, and not read beyond its end."""
    other = clone(url, tmp_path / "other")
    tree = other.git("rev-parse", "HEAD^{tree}").stdout.strip()
    commit = other.head()
    for number in range(60):
        commit = other.git("commit-tree", "-p", commit, "-m", str(number), tree).stdout.strip()
    other.git("reset", "--quiet", "--hard", commit)
    other.git("remote", "remove", "origin")  # or Git would begin with the commit that both have
    expected = work.commit("second")
    work.git("push", "--quiet", "origin", "main")
    other.git("fetch", "--quiet", url, "main")
    assert other.git("rev-parse", "FETCH_HEAD").stdout.strip() == expected


def test_a_push_may_be_larger_than_gits_buffer(work: Checkout, url: str, tmp_path: Path) -> None:
    content = os.urandom(3 * MEGABYTE)
    work.commit("large", content)
    work.git("push", "--quiet", "origin", "main")
    assert (clone(url, tmp_path / "other").path / "large").read_bytes() == content


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--depth", "1"], id="shallow, as Flux clones"),
        pytest.param(["--depth", "1", "--filter=blob:none"], id="shallow and with a filter, which is not served"),
        pytest.param(["--single-branch"], id="one branch"),
    ],
)
def test_other_kinds_of_clone(work: Checkout, url: str, tmp_path: Path, options: list[str]) -> None:
    expected = work.commit("second")
    work.git("push", "--quiet", "origin", "main")
    other = clone(url, tmp_path / "other", *options)
    assert other.head() == expected
    assert (other.path / "first").exists()


def test_a_client_that_takes_no_thin_packs_is_served(work: Checkout, server: GitServer, url: str) -> None:
    """What go-git asks for: neither thin-pack nor, in a minimal client, any other capability."""
    want = f"want {work.head()} ofs-delta agent=go-git/5.x\n".encode()
    body = pkt_line(want) + pkt_line(None) + pkt_line(b"done\n")
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    headers = {"Content-Type": "application/x-git-upload-pack-request"}
    connection.request("POST", f"{parts.path}/git-upload-pack", body, headers)
    answer = connection.getresponse()
    assert answer.status == 200
    assert Protocol(answer.read, lambda _data: None).read_pkt_line() == b"NAK\n"
    assert answer.read(4) == b"PACK"
    connection.close()


def test_of_pushes_at_once_one_wins_and_the_others_are_told(work: Checkout, url: str, tmp_path: Path) -> None:
    others = [clone(url, tmp_path / f"other-{number}") for number in range(6)]
    commits = [other.commit(f"of-{number}") for number, other in enumerate(others)]
    with ThreadPoolExecutor(len(others)) as pool:
        ends = list(pool.map(lambda other: other.git("push", "origin", "HEAD:main", check=False), others))
    winners = [number for number, end in enumerate(ends) if end.returncode == 0]
    assert [commits[number] for number in winners][-1:] == [tip(url, tmp_path)]
    history = clone(url, tmp_path / "after").git("log", "--format=%H").stdout.split()
    assert {commits[number] for number in winners} <= set(history)
    assert all("rejected" in end.stderr for end in ends if end.returncode)
    assert len(winners) == 1


def test_a_push_that_was_overtaken_is_refused_and_the_branch_stays(
    work: Checkout, url: str, tmp_path: Path, server: GitServer
) -> None:
    """The server itself must compare: the client's own check may be older than the other's push."""
    folder = tmp_path / "repositories"
    backend = repositories.OpenRepositories(folder)
    repository = backend.open_repository("/fleet.git")
    first = work.head().encode()
    overtaking = work.commit("second")
    work.git("push", "--quiet", "origin", "main")
    with pytest.raises(OSError, match="refs/heads/main has moved"):
        repository.refs.set_if_equals(b"refs/heads/main", first, first)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="refs/heads/main has moved"):
        repository.refs.remove_if_equals(b"refs/heads/main", first)  # type: ignore[arg-type]
    backend.close()
    assert tip(url, tmp_path) == overtaking


def test_a_branch_that_is_being_written_is_refused_in_words(work: Checkout, tmp_path: Path) -> None:
    lock = tmp_path / "repositories" / "fleet.git" / "refs" / "heads" / "main.lock"
    work.commit("second")
    lock.touch()
    end = work.git("push", "origin", "main", check=False)
    lock.unlink()
    assert end.returncode != 0
    assert "failed to write" in end.stderr
    work.git("push", "--quiet", "origin", "main")


def test_branches_and_tags_come_and_go(work: Checkout, url: str, tmp_path: Path) -> None:
    work.git("tag", "--annotate", "--message", "one", "v1")
    work.git("push", "--quiet", "origin", "HEAD:topic", "v1")
    assert tip(url, tmp_path, "refs/heads/topic") == work.head()
    assert tip(url, tmp_path, "refs/tags/v1^{}") == work.head()
    work.git("push", "--quiet", "origin", "--delete", "topic")
    assert tip(url, tmp_path, "refs/heads/topic") == ""


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("nothing.git", id="what does not exist"),
        pytest.param("../outside.git", id="what lies outside the folder"),
        pytest.param("fleet.git/refs", id="what lies inside a repository"),
    ],
)
def test_no_other_repository_is_served(server: GitServer, tmp_path: Path, path: str) -> None:
    repositories.create(tmp_path, "outside.git", "main")
    end = Checkout(tmp_path / "work").git("ls-remote", f"{server.url}/{path}", check=False)
    assert end.returncode != 0
    assert "not found" in end.stderr


def test_repositories_outlive_the_server(work: Checkout, url: str, tmp_path: Path, server: GitServer) -> None:
    server.stop()
    assert Checkout(tmp_path).git("ls-remote", url, check=False).returncode != 0
    again = GitServer(tmp_path / "repositories", "127.0.0.1", 0)
    again.start()
    assert tip(f"{again.url}/fleet.git", tmp_path) == work.head()
    again.stop()


def test_no_file_stays_open_after_a_request(work: Checkout, url: str, tmp_path: Path) -> None:
    repository = str(tmp_path / "repositories" / "fleet.git")
    for number in range(3):
        clone(url, tmp_path / f"clone-{number}")
    opened = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    assert [path for path in opened if path.startswith(repository)] == []


def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = GitServer(tmp_path, "127.0.0.1", taken.getsockname()[1])
        with pytest.raises(LabError, match=r"The Git server cannot listen on .*already in use"):
            server.start()
