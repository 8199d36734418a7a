"""Servers that are ordered and do not come to be what they should: half made, stuck, gone again, paid for in vain."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.sovereign.fleet.plugins.module_utils.model import Offer
from tests.faults.acts import ordered
from tests.faults.scorecard import FaultCase
from tests.faults.stage import Stage

GROUP = "partial create"


def ordered_and_died(stage: Stage) -> None:
    """An earlier run placed its first order and was never heard of again."""
    case = stage.case()
    driver = case.driver()
    location, kind = stage.profile.first
    spec = replace(case.spec(1), offer=Offer(case.name, location, kind), user_data="")
    case.create(driver, spec)
    stage.quiet()


CASES = (
    FaultCase(
        GROUP,
        "a run was killed after its first order",
        scene=ordered_and_died,
        wish=2,
        ran="a new pool of 2, after a run that was killed with its first order placed",
    ),
    FaultCase(
        GROUP,
        "the servers of the first offer do not boot, those of the second do",
        ("{cloud} boot-error location={location} type={type}",),
        offers="both",
        tells=("{node1}: {first} is no good: …",),
    ),
    FaultCase(
        GROUP,
        "no server boots",
        ("{cloud} boot-error",),
        wish=1,
        says="No offer of pool {pool} can be bought for node {node1}: {first}: …. Add an offer, or run again later.",
        left=0,
    ),
    FaultCase(
        GROUP,
        "one of three servers does not boot, the next try does",
        ("{cloud} boot-error count=1 location={location}",),
        wish=3,
        offers="both",
    ),
    FaultCase(
        GROUP,
        "the account fills up after the first of three orders",
        ("{cloud} quota skip=1",),
        wish=3,
        says="(1) No offer of pool {pool} can be bought for node …: {first}: …. Add an offer, or run again later. (2) "
        "No offer …",
        left=1,
    ),
    FaultCase(
        GROUP,
        "two of three orders get no answer although they are taken",
        ("{cloud} reset-after-commit method=POST path={orders} count=2",),
        wish=3,
        look=ordered(3),
    ),
)
