"""How a case is carried out: the fault, a run, its words, recovery, and a run that finds nothing to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.faults.scorecard import FaultCase, reads
from tests.faults.stage import Stage

Pools = Sequence[Mapping[str, Any]]


def pools(stage: Stage, case: FaultCase) -> None:
    """A pool that changes its size, or should not have to, while something is broken."""
    if case.before:
        stand(stage, case.before, case.had or case.offers)
    stage.renumbered = bool(case.had)
    case.scene(stage)
    stage.cloud.requests.clear()
    for fault in case.faults:
        stage.fault(fault)
    case.meanwhile(stage)
    wish = [stage.pool(case.wish, case.offers, **case.pool)]
    stage.told.clear()
    result = stage.run(wish, timeout=case.timeout, account=case.account, **case.options)
    judge(stage, case, result, wish)
    case.look(stage)
    stage.mend()
    case.mend(stage)
    recover(stage, [stage.pool(case.wish, case.offers)], already=case.passes)


def stand(stage: Stage, count: int, offers: str = "first") -> None:
    """Nodes from a time when nothing was broken."""
    result = stage.run([stage.pool(count, offers)])
    assert result.get("msg") is None
    assert stage.amiss([stage.pool(count, offers)]) == []
    stage.cloud.requests.clear()


def judge(stage: Stage, case: FaultCase, result: Mapping[str, Any], wish: Pools) -> None:
    """I1, I2, I3, I5 and I7 after the run under the fault."""
    amiss = stage.amiss(wish)
    message = str(result.get("msg") or "")
    if case.passes:
        assert message == "", "I2: the fault should not be felt"
        assert not result.get("failed")
        assert amiss == [], "I1"
    else:
        assert result.get("failed"), f"I2: it says success, and {amiss}"
        assert amiss != [] or case.unsure, f"I2: it failed although everything is as wished: {message}"
        assert stage.harm([stage.pool(max(case.before, case.wish), case.offers)]) == [], "I1"
        assert_read(stage, case.says, message)
        if case.left is not None:
            assert len(stage.ours()) == case.left, [server.name for server in stage.ours()]
    for line in case.tells:
        assert any(reads(line, stage.facts, told) for told in stage.told), f"I3: nobody told {line!r}: {stage.told}"
    for line in case.warns:
        warned = result.get("warnings") or []
        assert any(reads(line, stage.facts, warning) for warning in warned), f"I3: no warning {line!r}: {warned}"
    assert stage.leaks() == [], "I5"
    assert stage.strangers_touched() == [], "I7"


def assert_read(stage: Stage, sentence: str, message: str) -> None:
    """I3: the user reads this sentence, and nothing that only a programmer understands."""
    assert reads(sentence, stage.facts, message), f"I3\nexpected: {sentence}\nread:     {message}"
    assert message.endswith(".")
    for noise in ("Traceback", "object at 0x", "Error(", "HTTPConnectionPool", "\n"):
        assert noise not in message, "I3: that is for programmers"


def recover(stage: Stage, wish: Pools, *, already: bool) -> None:
    """I8: once the world is right again, a run, and nothing but a run, brings the wish; I4: the one after it rests."""
    if not already:
        result = stage.run(wish)
        assert result.get("msg") is None, "I8: it does not heal by itself"
        assert stage.amiss(wish) == [], "I1 after the recovery"
    settled(stage, wish)
    assert stage.leaks() == [], "I5"
    assert stage.strangers_touched() == [], "I7"


def settled(stage: Stage, wish: Pools) -> None:
    """I4: a run that finds nothing to do, and writes nothing."""
    stage.cloud.requests.clear()
    if stage.cluster:
        stage.cluster.api.requests.clear()
    again = stage.run(wish)
    assert (again.get("msg"), again["changed"]) == (None, False), "I4"
    assert stage.writes() == [], "I4"
    assert stage.cluster is None or stage.cluster.writes() == [], "I4"
