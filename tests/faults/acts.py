"""What happens in the world while a case plays: things break and mend at a moment, people press buttons."""

from __future__ import annotations

from tests.faults.scorecard import Act
from tests.faults.stage import Stage


def all_of(*acts: Act) -> Act:
    """One after the other."""

    def act(stage: Stage) -> None:
        for one in acts:
            one(stage)

    return act


def later(seconds: float, act: Act) -> Act:
    """Something that happens this long after the run began."""

    def plan(stage: Stage) -> None:
        stage.time.at(stage.time.clock() + seconds, lambda: act(stage))

    return plan


def breaks(*faults: str) -> Act:
    """`python -m lab fault`."""

    def act(stage: Stage) -> None:
        for fault in faults:
            stage.fault(fault)

    return act


def under_way(act: Act) -> Act:
    """Something that happens once the first server is ordered, or the first deletion."""

    def plan(stage: Stage) -> None:
        def begun() -> bool:
            deleting = any("delet" in server.state.lower() for server in stage.ours())
            return deleting or bool(stage.case().orders()) or len(stage.ours()) < there

        there = len(stage.ours())
        stage.time.when(begun, lambda: act(stage))

    return plan


def mends(stage: Stage) -> None:
    """`python -m lab fault clear`."""
    stage.mend()


def lasts(seconds: float, *faults: str) -> Act:
    """Faults that come when something is under way, and stay for so long."""
    return under_way(all_of(breaks(*faults), later(seconds, mends)))


def powers_off(number: int) -> Act:
    """Somebody switches one of our servers off at the provider's console."""

    def act(stage: Stage) -> None:
        stage.profile.power_off(stage.cloud, stage.server(stage.facts[f"node{number}"]).id)
        stage.quiet()

    return act


def erases(number: int) -> Act:
    """Somebody deletes one of our servers at the provider's console."""

    def act(stage: Stage) -> None:
        stage.profile.erase(stage.cloud, stage.server(stage.facts[f"node{number}"]).id)
        stage.erased += 1
        stage.quiet()

    return act


def protects(number: int) -> Act:
    """Somebody protects one of our servers against deletion."""

    def act(stage: Stage) -> None:
        stage.profile.protect(stage.cloud, stage.server(stage.facts[f"node{number}"]).id)

    return act


def unprotects(number: int) -> Act:
    """They lift the protection again."""

    def act(stage: Stage) -> None:
        stage.profile.unprotect(stage.cloud, stage.server(stage.facts[f"node{number}"]).id)

    return act


def loses_labels(number: int) -> Act:
    """Somebody takes all labels off one of our servers."""

    def act(stage: Stage) -> None:
        stage.profile.relabel(stage.cloud, stage.server(stage.facts[f"node{number}"]).id, {})
        stage.disown()

    return act


def waited(seconds: float) -> Act:
    """The run took the time that the provider asked for."""

    def look(stage: Stage) -> None:
        assert stage.took >= seconds, f"it came back after {stage.took:.0f} s"

    return look


def ordered(number: int) -> Act:
    """So many servers were ordered, whatever became of the answers."""

    def look(stage: Stage) -> None:
        assert len(stage.case().orders()) == number, "an order without an answer is looked up before it is repeated"

    return look


def nothing_written(stage: Stage) -> None:
    """The run changed nothing anywhere."""
    assert stage.writes() == []
