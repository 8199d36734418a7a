"""What is not to be had: sold out, over the quota, no longer sold, too dear."""

from __future__ import annotations

from tests.contract.case import POOL
from tests.faults.acts import nothing_written
from tests.faults.scorecard import Act, FaultCase
from tests.faults.stage import Stage

GROUP = "capacity"
NONE_LEFT = "No offer of pool {pool} can be bought for node {node1}: {first}: …. Add an offer, or run again later."
NO_GOOD = ("{node1}: {first} is no good: …",)
FAULTS = {
    "sold out": "{cloud} capacity location={location} type={type}",
    "over the quota": "{cloud} quota location={location} type={type}",
    "no longer sold": "{cloud} retired-type location={location} type={type}",
}


def bought_at(*places: str) -> Act:
    """The nodes of the pool stand at these offers."""

    def look(stage: Stage) -> None:
        nodes = [node for node in stage.last["nodes"] if node["pool"] == POOL]
        found = sorted(f"{node['provider']}/{node['location']}/{node['type']}" for node in nodes)
        assert found == sorted(place.format(**stage.facts) for place in places)

    return look


CASES = (
    *(
        FaultCase(
            GROUP,
            f"the first offer is {what}, the second one is not",
            (fault,),
            offers="both",
            look=bought_at("{second}", "{second}"),
        )
        for what, fault in FAULTS.items()
    ),
    *(
        FaultCase(GROUP, f"the only offer is {what}", (fault,), wish=1, says=NONE_LEFT, left=0)
        for what, fault in FAULTS.items()
    ),
    *(
        FaultCase(
            GROUP,
            f"the offer at this provider is {what}, the one at another is not",
            (fault,),
            offers="elsewhere",
            look=bought_at("{elsewhere}", "{elsewhere}"),
        )
        for what, fault in FAULTS.items()
    ),
    FaultCase(
        GROUP,
        "the catalogue shows that the first offer is sold out",
        ("{cloud} capacity location={location} type={type} visible=true",),
        offers="both",
        look=bought_at("{second}", "{second}"),
    ),
    FaultCase(
        GROUP,
        "there is room for one of three",
        ("{cloud} capacity location={location} type={type} skip=1",),
        wish=3,
        offers="both",
        look=bought_at("{first}", "{second}", "{second}"),
    ),
    FaultCase(
        GROUP,
        "every place is sold out",
        ("{cloud} capacity",),
        wish=1,
        offers="both",
        says="No offer of pool {pool} can be bought for node {node1}: {first}: …; {second}: …. Add an offer, or run "
        "again later.",
        left=0,
    ),
    FaultCase(
        GROUP,
        "the image of the first offer is gone",
        wish=1,
        pool={"image": "no-such-image"},
        says="No offer of pool {pool} can be bought for node {node1}: {first}: …no-such-image…. Add an offer, or run "
        "again later.",
        left=0,
        mended="an image that exists",
    ),
    FaultCase(
        GROUP,
        "every offer is above max_price_hour",
        wish=1,
        pool={"max_price_hour": 0.0001},
        says="No offer of pool {pool} can be bought for node {node1}: {first}: … EUR an hour is above max_price_hour "
        "0.0001. Add an offer, or run again later.",
        look=nothing_written,
        left=0,
        mended="a higher max_price_hour",
    ),
    FaultCase(
        GROUP,
        "a type that was never sold",
        wish=1,
        pool={"type": "NOPE-1"},
        says="No offer of pool {pool} can be bought for node {node1}: {provider}/{location}/NOPE-1: the type is not "
        "sold there (sold are …). Add an offer, or run again later.",
        look=nothing_written,
        left=0,
        mended="a type that is sold",
    ),
)
