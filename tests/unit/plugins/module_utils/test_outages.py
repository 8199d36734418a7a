"""A provider that does not serve us is told apart from everything else that can go wrong."""

from __future__ import annotations

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Ambiguous,
    Auth,
    Capacity,
    Conflict,
    Permanent,
    PlatformError,
    RateLimited,
    Transient,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Offer
from ansible_collections.sovereign.fleet.plugins.module_utils.offering import Refusal, no_offer_left
from ansible_collections.sovereign.fleet.plugins.module_utils.outages import Trouble, silences, tell, trouble
from ansible_collections.sovereign.fleet.plugins.module_utils.plan import Observed
from ansible_collections.sovereign.fleet.plugins.module_utils.planning import plan
from tests.unit.plugins.fake_cloud import CLUSTER, a_pool

NORTH, SOUTH = Offer("north", "n1", "small"), Offer("south", "s1", "small")
DOWN = Transient("North is down.", provider="north", code="unreachable")


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        pytest.param(Auth("Refused.", provider="north", code="unauthorized"), True, id="a refused credential"),
        pytest.param(DOWN, True, id="no answer"),
        pytest.param(RateLimited("Slow.", provider="north"), True, id="no answer within the time"),
        pytest.param(Ambiguous("Lost.", provider="north"), True, id="an answer that was lost for good"),
        pytest.param(Transient("Late.", provider="north", code="deadline"), False, id="it merely takes long"),
        pytest.param(Transient("Held.", provider="north", code="name_leaving"), False, id="an old name"),
        pytest.param(Conflict("Protected.", provider="north"), False, id="a refusal"),
        pytest.param(Permanent("Wrong.", provider="north"), False, id="a wrong value"),
        pytest.param(Transient("Away.", provider="kubernetes"), False, id="Kubernetes"),
        pytest.param(Auth("Refused."), False, id="nobody in particular"),
    ],
)
def test_an_outage_is_what_the_provider_is_to_blame_for(error: PlatformError, outage: bool) -> None:
    item = trouble(error, "web")

    assert (item.outage is error) == outage
    loud, quiet = tell([item], fail_on_unserved=True), tell([item], fail_on_unserved=False)
    assert loud.failures == [error]
    assert quiet.failures == ([] if outage else [error])
    assert quiet.warnings == ([str(error)] if outage else [])
    expected = [{"pool": "web", "provider": "north", "code": error.code, "msg": str(error)}] if outage else []
    assert loud.unserved == quiet.unserved == expected


@pytest.mark.parametrize(
    ("second", "provider"),
    [
        pytest.param(
            Refusal(SOUTH, "South is down.", Transient("South is down.", provider="south")), "south", id="down"
        ),
        pytest.param(Refusal(SOUTH, "Sold out.", Capacity("Sold out.", provider="south")), None, id="sold out"),
        pytest.param(Refusal(SOUTH, "too dear"), None, id="our own rule"),
    ],
)
def test_no_offer_left_is_an_outage_when_one_was_lost_to_silence(second: Refusal, provider: str | None) -> None:
    error = no_offer_left(a_pool(1), "dev-web-1", [Refusal(NORTH, "sold out"), second])

    outage = trouble(error, "web").outage

    assert (outage.provider if outage else None) == provider


def _silences(*pools: tuple[str, tuple[Offer, ...]], prune: bool = False) -> list[Trouble]:
    wished = [a_pool(1, name, *offers) for name, offers in pools]
    observed = Observed((), failed={"north": DOWN})
    return silences(plan(CLUSTER, wished, observed), observed, wished, prune=prune)


@pytest.mark.parametrize(
    ("pools", "said"),
    [
        pytest.param([("web", (NORTH,))], "North is down. Pool web stays as it is.", id="one pool"),
        pytest.param(
            [("web", (NORTH,)), ("db", (NORTH,)), ("sun", (SOUTH,))],
            "North is down. Pools web, db stay as they are.",
            id="several",
        ),
        pytest.param(
            [("web", (SOUTH, NORTH))],
            "North is down. Pool web stays as it is. Nodes of pool web may be at north under the very names that would "
            "be bought, so none is bought at south either.",
            id="a pool that could be bought elsewhere",
        ),
    ],
)
def test_one_sentence_for_each_silent_provider(pools: list[tuple[str, tuple[Offer, ...]]], said: str) -> None:
    items = _silences(*pools)

    assert [str(item.error) for item in items] == [said]
    kept = [name for name, offers in pools if NORTH in offers]
    assert tell(items, fail_on_unserved=False).unserved == [
        {"pool": name, "provider": "north", "code": "unreachable", "msg": said} for name in kept
    ]


def test_a_silent_provider_without_a_pool_only_matters_to_prune() -> None:
    assert _silences(("sun", (SOUTH,))) == []

    item = _silences(("sun", (SOUTH,)), prune=True)[0]

    assert str(item.error) == "North is down. Whether nodes of other pools are left there is not known."
    assert [entry["pool"] for entry in tell([item], fail_on_unserved=False).unserved] == [""]


def test_a_sentence_is_told_once() -> None:
    items = [trouble(Transient("North is down.", provider="north"), "web") for _time in range(3)]

    outcome = tell(items, fail_on_unserved=False)

    assert (outcome.warnings, len(outcome.unserved)) == (["North is down."], 1)
