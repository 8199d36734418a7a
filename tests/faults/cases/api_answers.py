"""An API that is overloaded, out of order, or in doubt: each on reading and on writing."""

from __future__ import annotations

from tests.faults.acts import breaks, under_way, waited
from tests.faults.scorecard import FaultCase

GROUP = "API answers"
AS_IT_IS = "run again later. Pool {pool} stays as it is."


CASES = (
    FaultCase(
        GROUP,
        "the rate limit is hit while servers are listed, with a word on how long",
        ("{cloud} 429 method=GET path={orders} count=2 retry_after=42",),
        before=1,
        look=waited(42),
    ),
    FaultCase(
        GROUP,
        "the rate limit is hit while servers are listed, without a word on how long",
        ("{cloud} 429 method=GET path={orders} count=3",),
        before=1,
    ),
    FaultCase(
        GROUP,
        "the rate limit is hit by an order, with a word on how long",
        ("{cloud} 429 method=POST path={orders} count=2 retry_after=42",),
        look=waited(42),
    ),
    FaultCase(
        GROUP,
        "the rate limit is hit by an order, without a word on how long",
        ("{cloud} 429 method=POST path={orders} count=3",),
    ),
    FaultCase(
        GROUP,
        "the rate limit is hit by a deletion",
        ("{cloud} 429 method=write path={servers} count=2 retry_after=30",),
        before=3,
        wish=1,
        look=waited(30),
    ),
    FaultCase(
        GROUP,
        "a rate limit that outlasts the run meets its listing",
        ("{cloud} 429 method=GET path={orders} retry_after=5000",),
        before=1,
        says="{title} wants fewer requests (GET …: 429…); " + AS_IT_IS,
        left=1,
    ),
    FaultCase(
        GROUP,
        "a rate limit that outlasts the run meets its order",
        ("{cloud} 429 method=POST path={orders} retry_after=5000",),
        before=1,
        says="{title} wants fewer requests (POST …: 429…); run again later.",
        left=1,
    ),
    FaultCase(
        GROUP,
        "a rate limit without end and without a word",
        ("{cloud} 429 method=GET path={orders}",),
        before=1,
        says="{title} wants fewer requests (GET …: 429…); " + AS_IT_IS,
        left=1,
    ),
    *(
        FaultCase(
            GROUP,
            f"a {status} to a listing, twice",
            (f"{{cloud}} 5xx status={status} method=GET path={{orders}} count=2",),
            before=1,
        )
        for status in (500, 502, 503, 504)
    ),
    *(
        FaultCase(
            GROUP,
            f"a {status} to any write, twice",
            (f"{{cloud}} 5xx status={status} method=write path={{servers}} count=2",),
            before=1,
            wish=3,
        )
        for status in (500, 502, 503, 504)
    ),
    FaultCase(
        GROUP,
        "a 503 to two writes while two nodes go",
        ("{cloud} 5xx status=503 method=write path={servers} count=2",),
        before=3,
        wish=1,
    ),
    *(
        FaultCase(
            GROUP,
            f"a {status} to every listing",
            (f"{{cloud}} 5xx status={status} method=GET path={{orders}}",),
            before=2,
            wish=1,
            says=f"{{title}} at … failed at GET … ({status}…); " + AS_IT_IS,
            left=2,
        )
        for status in (500, 503)
    ),
    FaultCase(
        GROUP,
        "a 503 to every order",
        ("{cloud} 5xx status=503 method=POST path={orders}",),
        before=1,
        says="The server {node2} could not be ordered: {title} at … failed at POST … (503…); it may have been carried "
        "out. It is not there after 6 tries; run again later.",
        left=1,
    ),
    FaultCase(
        GROUP,
        "a 500 to every deletion",
        ("{cloud} 5xx status=500 method=write path={servers}",),
        before=2,
        wish=1,
        says="{title} at … failed at … (500…); run again later.",
        left=2,
    ),
    FaultCase(
        GROUP,
        "a 503 to every look at what is under way, for a while",
        meanwhile=under_way(breaks("{cloud} 5xx status=503 method=GET path={servers} count=9")),
        wish=3,
        ran="a new pool of 3, and `python -m lab fault {cloud} 5xx count=9` once the orders are placed",
    ),
    FaultCase(
        GROUP,
        "the list of types cannot be read",
        ("{cloud} 5xx status=503 method=GET path={types}",),
        before=1,
        says="No offer of pool {pool} can be bought for node {node2}: {first}: {title} at … failed at GET … (503…); "
        "run again later. Add an offer, or run again later.",
        left=1,
    ),
)
