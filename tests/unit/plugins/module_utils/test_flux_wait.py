"""When Flux is ready, when it has failed, and when it should be asked."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.flux_wait import FluxWait, short
from tests.unit.plugins.flux_objects import COMMIT, NEW, OLD, source, work


def waiting(
    *objects: dict[str, Any], revision: str = COMMIT, names: tuple[str, ...] = (), origin: str = ""
) -> FluxWait:
    wait = FluxWait(revision, names, origin)
    for item in objects:
        wait.observe(item)
    return wait


def failed(name: str = "podinfo", at: str = NEW, reason: str = "BuildFailed", **more: Any) -> dict[str, Any]:
    return work(name, ready="False", reason=reason, message="no such file", applied=OLD, attempted=at, **more)


@pytest.mark.parametrize(
    ("objects", "options", "done"),
    [
        pytest.param([source(), work("a"), work("b")], {}, True, id="everything is at the revision"),
        pytest.param([source(), work("a")], {"revision": "bbbbbbb"}, True, id="the beginning of a commit is enough"),
        pytest.param([source()], {}, False, id="there is no Kustomization yet"),
        pytest.param([source(), work("a"), work("b", applied=OLD)], {}, False, id="one is at an older revision"),
        pytest.param([source(fetched=OLD), work("a")], {}, False, id="the source is at an older revision"),
        pytest.param([source(fetched=OLD), work("a", applied=OLD)], {"revision": ""}, True, id="any revision will do"),
        pytest.param([source(), work("a", ready="Unknown")], {}, False, id="one is at work"),
        pytest.param([source(), work("a", ready="")], {}, False, id="one was not looked at yet"),
        pytest.param(
            [source(), work("a"), work("b", suspended=True, applied=OLD)], {}, True, id="suspended ones are left out"
        ),
        pytest.param([source(), work("a"), failed("b")], {"names": ("a",)}, True, id="only the named one counts"),
        pytest.param([source(), work("a")], {"names": ("a", "b")}, False, id="a named one does not exist yet"),
        pytest.param(
            [source(), work("a"), work("b", applied="v1", origin=("OCIRepository", "charts"))],
            {},
            True,
            id="what does not come from Git has revisions of its own",
        ),
        pytest.param(
            [
                source(),
                source("other", fetched=OLD),
                work("a"),
                work("b", applied=OLD, origin=("GitRepository", "other")),
            ],
            {"origin": "fleet"},
            True,
            id="another repository has commits of its own",
        ),
        pytest.param(
            [source(), source("unused", fetched=OLD), work("a")], {}, True, id="a source nobody uses does not count"
        ),
    ],
)
def test_done(objects: list[dict[str, Any]], options: dict[str, Any], done: bool) -> None:
    wait = waiting(*objects, **options)
    assert wait.done() is done
    assert wait.failure(patient_with_source=True) == ""


@pytest.mark.parametrize("change", [{"generation": 2}, {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}])
def test_what_flux_said_of_an_older_wish_does_not_count(change: dict[str, Any]) -> None:
    good, bad = work("a"), failed("a")
    for item in (good, bad):
        item["metadata"].update(change)
        wait = waiting(source(), item)
        assert not wait.done()
        assert wait.failure(patient_with_source=True) == ""


@pytest.mark.parametrize("reason", ["BuildFailed", "ReconciliationFailed", "HealthCheckFailed", "PruneFailed"])
def test_a_failure_at_the_wanted_revision_is_told_in_the_words_of_flux(reason: str) -> None:
    wait = waiting(source(), work("a"), failed(reason=reason))
    assert wait.failure(patient_with_source=True) == (
        f"Kustomization/podinfo failed at main@sha1:bbbbbbbbbb: {reason}: no such file. "
        "Correct what it names and push again."
    )


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(failed(at=OLD), id="it failed at an older revision"),
        pytest.param(failed(reason="DependencyNotReady"), id="it waits for another"),
        pytest.param(failed(reason="ArtifactFailed"), id="it waits for its source"),
        pytest.param(work("podinfo", ready="Unknown", reason="Progressing"), id="it is at work"),
        pytest.param(failed(suspended=True), id="it is suspended"),
    ],
)
def test_no_failure_yet(item: dict[str, Any]) -> None:
    assert waiting(source(), item).failure(patient_with_source=True) == ""


def test_a_path_that_is_not_in_the_repository_is_told_when_nothing_moves_any_more() -> None:
    lost = failed(reason="ArtifactFailed", at="")
    assert waiting(source(), lost).failure(patient_with_source=True) == ""
    assert "podinfo cannot use its source: ArtifactFailed: no such file." in waiting(source(), lost).failure(
        patient_with_source=True, quiet=True
    )
    assert waiting(source(fetched=OLD), lost).failure(patient_with_source=True, quiet=True) == ""


def test_a_named_kustomization_that_is_suspended_fails_at_once() -> None:
    wait = waiting(source(), work("a", suspended=True, applied=OLD), names=("a",))
    assert "flux resume kustomization a" in wait.failure(patient_with_source=True)


@pytest.mark.parametrize(
    ("reason", "patient", "fails"),
    [
        pytest.param("AuthenticationFailed", True, True, id="wrong credentials do not heal"),
        pytest.param("GitOperationFailed", True, False, id="a server may come back"),
        pytest.param("GitOperationFailed", False, True, id="but not for ever"),
    ],
)
def test_a_source_that_cannot_be_fetched(reason: str, patient: bool, fails: bool) -> None:
    wait = waiting(
        source(ready="False", reason=reason, message="connection refused", fetched=OLD), work("a", applied=OLD)
    )
    assert ("connection refused" in wait.failure(patient_with_source=patient)) is fails
    assert wait.failing_sources()


def test_what_a_named_kustomization_depends_on_counts_too() -> None:
    wait = waiting(source(), failed("a"), failed("b", reason="DependencyNotReady", needs=("a",)), names=("b",))
    assert wait.failure(patient_with_source=True).startswith("Kustomization/a failed at")
    circle = waiting(source(), work("a", needs=("b",)), work("b", needs=("a",)), names=("a",))
    assert circle.done()


def test_progress_is_told_once_per_change() -> None:
    wait = FluxWait(COMMIT)
    assert (
        wait.observe(work("a", applied=OLD))
        == "Kustomization/a: waiting for a newer revision than main@sha1:aaaaaaaaaa"
    )
    assert wait.observe(work("a", applied=OLD)) == ""
    assert wait.observe(work("a", ready="Unknown", reason="Progressing", message="Building\n it")) == (
        "Kustomization/a: Progressing: Building it"
    )
    assert wait.observe(work("a")) == "Kustomization/a: ready at main@sha1:bbbbbbbbbb"
    assert wait.unfinished() == []


def test_unfinished_names_everything_with_its_last_words() -> None:
    wait = waiting(source(), failed("b", reason="DependencyNotReady"), names=("a", "b"))
    assert wait.unfinished() == [
        "Kustomization/a: does not exist yet",
        "Kustomization/b: DependencyNotReady: no such file",
    ]


def test_an_event_from_before_is_ignored() -> None:
    newer, older = work("a"), failed("a")
    newer["metadata"]["resourceVersion"] = "11"
    older["metadata"]["resourceVersion"] = "9"
    wait = waiting(source(), newer)
    assert wait.observe(older) == ""
    assert wait.done()


def asked(wait: FluxWait, *, quiet: bool = False) -> list[str]:
    return [condition.label for condition in wait.to_request(quiet=quiet)]


def test_a_source_that_lags_is_asked_and_a_failed_kustomization_with_it() -> None:
    wait = waiting(source(fetched=OLD), work("a", applied=OLD), failed("b"))
    assert asked(wait) == ["GitRepository/fleet", "Kustomization/b"]
    for condition in wait.to_request():
        wait.requested(condition)
    assert asked(wait) == []


def test_a_kustomization_is_asked_again_when_its_dependency_is_ready() -> None:
    dependent = failed("b", reason="DependencyNotReady", needs=("a",))
    wait = waiting(source(), work("a", ready="Unknown"), dependent)
    assert asked(wait) == []
    wait.observe(work("a"))
    assert asked(wait) == ["Kustomization/b"]


def test_nothing_is_asked_when_everything_is_in_place() -> None:
    assert asked(waiting(source(), work("a"))) == []


def test_what_is_gone_is_forgotten() -> None:
    wait = waiting(source(), work("a"), work("b", applied=OLD))
    wait.forget("Kustomization", ["b", "never-seen"])
    assert wait.done()


@pytest.mark.parametrize(
    ("revision", "text"),
    [(NEW, "main@sha1:bbbbbbbbbb"), ("", ""), ("v1.2.3", "v1.2.3"), ("sha256:0123456789abcdef", "sha256:0123456789")],
)
def test_short(revision: str, text: str) -> None:
    assert short(revision) == text


def test_a_kustomization_that_missed_a_new_artifact_is_asked_after_a_while() -> None:
    wait = waiting(source(), work("a", applied=OLD))
    assert asked(wait) == []
    assert asked(wait, quiet=True) == ["Kustomization/a"]


@pytest.mark.parametrize("item", [work("a", applied=""), {**work("a"), "metadata": {"name": "a", "generation": 2}}])
def test_a_kustomization_between_two_steps_is_finishing(item: dict[str, Any]) -> None:
    assert waiting(source(), item).unfinished() == ["Kustomization/a: finishing"]
    assert FluxWait(COMMIT).observe(item) == ""
