"""One of all clouds fails during a run: the others are served, one sentence says so, and the next run finishes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contract.case import CLUSTER, POOL
from tests.contract.profiles import DRIVERS, Profile
from tests.faults import plays
from tests.faults.conftest import OpenStage
from tests.faults.scorecard import reads
from tests.faults.stage import Stage

GROUP = "one of all clouds"
AS_IT_IS = "Pool {pool}-{provider} stays as it is."
NO_OFFER = (
    "No offer of pool {pool}-{provider} can be bought for node {cluster}-{pool}-{provider}-1: {first}: …. Add an "
    "offer, or run again later."
)
FAULTS = {
    "is away": (
        "{cloud} outage",
        "{title} cannot be reached at …: connection refused; check the network and …. " + AS_IT_IS,
    ),
    "is out of order": (
        "{cloud} 5xx status=503",
        "{title} at … failed at … (503…); run again later. " + AS_IT_IS,
    ),
    "is silent": ("{cloud} stall", "{title} at … gave no answer to …: it stayed silent for too long; …."),
    "refuses the credentials": (
        "{cloud} unauthorized",
        "{title} refused the … (401…); set …{credential}…. " + AS_IT_IS,
    ),
    "has no room": ("{cloud} capacity", NO_OFFER),
}


def _at(stage: Stage) -> dict[str, int]:
    """How many servers of ours each cloud has."""
    return {
        profile.provider: len([server for server in stage.ours() if server.cloud == profile.cloud])
        for profile in stage.profiles
    }


@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize("profile", DRIVERS, ids=lambda profile: profile.provider)
def test_the_others_are_served_and_the_next_run_finishes(
    profile: Profile, what: str, open_stage: OpenStage, record_property: Callable[[str, object], None]
) -> None:
    record_property("score", (GROUP, profile.provider))
    fault, sentence = FAULTS[what]
    others = [driver for driver in DRIVERS if driver is not profile]
    with open_stage(profile, *others) as stage:
        wish = stage.pools(1)
        stage.fault(fault)

        result = stage.run(wish)

        assert result["failed"], "I2"
        assert reads(sentence, stage.facts, result["msg"]), f"I3\nexpected: {sentence}\nread:     {result['msg']}"
        assert _at(stage) == {profile.provider: 0, **{other.provider: 1 for other in others}}
        assert sorted(result["created"]) == sorted(f"{CLUSTER}-{POOL}-{other.provider}-1" for other in others)
        assert stage.harm(wish) == [], "I1"
        assert stage.leaks() == [], "I5"
        assert stage.strangers_touched() == [], "I7"
        stage.mend()
        plays.recover(stage, wish, already=False)
