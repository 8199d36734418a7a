"""Several runs at once on one fleet, and others who are at work at the same provider."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from tests.contract.profiles import Profile
from tests.faults import plays
from tests.faults.cases.drift import names_may_repeat, unique_names
from tests.faults.cases.partial import ordered_and_died
from tests.faults.scorecard import FaultCase
from tests.faults.stage import Stage

GROUP = "concurrency"
NAME_TAKEN = (
    "{title} already has a server {node1} (id …) that does not carry this fleet's labels, so it is left alone; rename "
    "or delete it there, or rename the pool."
)
Play = Callable[[Stage, FaultCase], None]


def together(runs: int) -> Play:
    """The same run so many times at once; each of them succeeds."""

    def play(stage: Stage, case: FaultCase) -> None:
        if case.before:
            plays.stand(stage, case.before)
        case.scene(stage)
        stage.cloud.requests.clear()
        for fault in case.faults:
            stage.fault(fault)
        wish = [stage.pool(case.wish)]
        with ThreadPoolExecutor(runs) as pool:
            results = list(pool.map(lambda _number: stage.run(wish), range(runs)))
        for result in results:
            plays.judge(stage, case, result, wish)
        stage.mend()
        plays.recover(stage, wish, already=True)

    return play


def at_odds(stage: Stage, case: FaultCase) -> None:
    """Two runs at once that want different counts: one of the two comes out, and the next run makes it its own."""
    wishes = [[stage.pool(count)] for count in (case.before, case.wish)]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(stage.run, wishes))
    assert [result.get("msg") for result in results] == [None, None]
    assert stage.harm(wishes[1]) == []
    plays.recover(stage, wishes[0], already=False)


def same_name(stage: Stage) -> None:
    """Somebody else has a server of the name that we would take."""
    stage.profile.make_foreign(stage.cloud, stage.facts["node1"], {"team": "ops"})
    stage.disown()


def their_server_goes(stage: Stage) -> None:
    """They delete it."""
    name = stage.facts["node1"]
    theirs = next(server for server in stage.case().servers() if server.name == name)
    stage.profile.erase(stage.cloud, theirs.id)
    stage.disown()


def has_pages(profile: Profile) -> bool:
    """A list comes in pages."""
    return bool(profile.page)


def page_shifts(stage: Stage, case: FaultCase) -> None:
    """Somebody deletes a server on the first page while the second one is read."""
    plays.stand(stage, case.before)
    module, _colon, attribute = stage.profile.page.partition(":")
    package = registry.__name__.rpartition(".")[0]
    stage.patch.setattr(importlib.import_module(f"{package}.{module}"), attribute, 2)
    for fault in case.faults:
        stage.fault(fault)
    stranger = next(server for server in stage.case().servers() if server.name == "stranger")
    timer = threading.Timer(0.1, lambda: stage.profile.erase(stage.cloud, stranger.id))
    timer.start()
    result = stage.run([stage.pool(case.wish)])
    timer.join()
    assert "stranger" not in stage.case().names()
    assert (result.get("msg"), result["changed"]) == (None, False)
    assert stage.case().orders() == [], "nothing was missing, so nothing is bought"
    stage.mend()
    stage.disown()
    assert stage.amiss([stage.pool(case.wish)]) == []
    plays.recover(stage, [stage.pool(case.wish)], already=True)


CASES = (
    *(
        FaultCase(
            GROUP,
            f"{runs} runs at once want the same new pool",
            play=together(runs),
            ran=f"{runs} times a new pool of 2, at once",
        )
        for runs in (2, 4, 8)
    ),
    FaultCase(
        GROUP,
        "four runs at once make the same pool smaller",
        before=4,
        wish=1,
        play=together(4),
        ran="four times a pool of 4 becomes 1, at once",
    ),
    FaultCase(
        GROUP,
        "two runs at once, and an order's answer is lost",
        ("{cloud} reset-after-commit method=POST path={orders} count=1",),
        play=together(2),
        ran="twice a new pool of 2, at once",
    ),
    FaultCase(
        GROUP,
        "two runs at once go on where a killed one stopped",
        scene=ordered_and_died,
        play=together(2),
        ran="twice a new pool of 2, at once, after a run that was killed with its first order placed",
    ),
    FaultCase(
        GROUP,
        "two runs at once on a slow API",
        ("{cloud} latency delay=0.03",),
        play=together(2),
        ran="twice a new pool of 2, at once",
    ),
    FaultCase(
        GROUP,
        "two runs at once that want different counts",
        before=2,
        wish=3,
        play=at_odds,
        ran="a new pool of 2 and a new pool of 3, at once",
    ),
    FaultCase(
        GROUP,
        "somebody else has a server of that name, and names are unique",
        scene=same_name,
        wish=1,
        says=NAME_TAKEN,
        left=0,
        mend=their_server_goes,
        mended="the other server goes",
        applies=unique_names,
        ran="a new pool of 1, where somebody has a server of the name {node1}",
    ),
    FaultCase(
        GROUP,
        "somebody else has a server of that name, and names may repeat",
        scene=same_name,
        wish=1,
        applies=names_may_repeat,
        ran="a new pool of 1, where somebody has a server of the name {node1}",
    ),
    FaultCase(
        GROUP,
        "a page shifts while the list is read",
        ("{cloud} latency method=GET path={orders} delay=0.3 skip=1 count=3",),
        before=5,
        wish=5,
        play=page_shifts,
        applies=has_pages,
        ran="a pool of 5, and somebody deletes a server of theirs between two pages",
    ),
)
