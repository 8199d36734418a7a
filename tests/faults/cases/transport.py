"""Connections that break, stay silent, or bring something else than the API's answer."""

from __future__ import annotations

import socket
from typing import Any

from tests.faults.acts import breaks, lasts, later, mends, ordered, under_way
from tests.faults.scorecard import FaultCase
from tests.faults.stage import Stage

GROUP = "transport"
NO_HOST = "no-such-host.invalid"
AS_IT_IS = " Pool {pool} stays as it is."
UNKNOWN_ORDER = (
    "Whether the server {node1} was ordered is not known: {title} at … gave no answer to POST …; it may have been "
    "carried out. Looking for it failed too: … Run again: the next run finds it if it is there."
)


def nobody_knows_the_host(stage: Stage) -> None:
    """What a name server says of it, without asking one."""
    known = socket.getaddrinfo

    def looked_up(host: str, *arguments: Any, **options: Any) -> Any:
        if host == NO_HOST:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return known(host, *arguments, **options)

    stage.patch.setattr(socket, "getaddrinfo", looked_up)


def _passing(what: str, kind: str) -> tuple[FaultCase, ...]:
    """One that passes by itself: at a listing, at an order, at any two writes, at a deletion."""
    return (
        FaultCase(GROUP, f"{what} to a listing", (f"{{cloud}} {kind} method=GET path={{orders}} count=2",), before=1),
        FaultCase(GROUP, f"{what} to an order", (f"{{cloud}} {kind} method=POST path={{orders}} count=1",)),
        FaultCase(
            GROUP,
            f"{what} to a deletion",
            (f"{{cloud}} {kind} method=write path={{servers}} count=2",),
            before=3,
            wish=1,
        ),
    )


CASES = (
    *_passing("a connection reset as an answer", "reset-before"),
    *_passing("silence as an answer", "stall"),
    *_passing("half an answer", "cut-json"),
    *_passing("a proxy's page with status 502 as an answer", "html-502"),
    *_passing("a page of HTML with status 200 as an answer", "html-200"),
    FaultCase(
        GROUP,
        "a connection reset after the order was taken",
        ("{cloud} reset-after-commit method=POST path={orders} count=1",),
        wish=3,
        look=ordered(3),
    ),
    FaultCase(
        GROUP,
        "a connection reset after a deletion was carried out",
        ("{cloud} reset-after-commit method=write path={servers} count=2",),
        before=3,
        wish=1,
    ),
    FaultCase(
        GROUP,
        "an API that takes every request and never answers",
        ("{cloud} stall path={servers}",),
        before=1,
        says="{title} at … gave no answer to GET …: it stayed silent for too long; run again later, or check ….",
        timeout=100,
        left=1,
    ),
    FaultCase(
        GROUP,
        "an API that goes silent in the middle of a run",
        meanwhile=under_way(breaks("{cloud} stall")),
        says="(1) The server {node1} (id …) was not running in time; its last state was …. It stays at {provider}; run "
        "again to go on waiting, or with a longer timeout. The last look at it failed: {title} at … gave no answer to "
        "GET …: it stayed silent for too long; …. (2) The server {node2} …",
        unsure=True,
        left=2,
        timeout=100,
        ran="a new pool of 2, and `python -m lab fault {cloud} stall` once the orders are placed",
    ),
    FaultCase(
        GROUP,
        "every answer cut short",
        ("{cloud} cut-json path={servers}",),
        before=1,
        says="{title} at … gave no answer to GET …: …; run again later, or check …." + AS_IT_IS,
        left=1,
    ),
    FaultCase(
        GROUP,
        "a page of HTML with status 200 in place of every answer",
        ("{cloud} html-200 path={servers}",),
        before=1,
        says="{title} at … answered GET … with a page of HTML instead of JSON; run again later, or check …." + AS_IT_IS,
        left=1,
    ),
    FaultCase(
        GROUP,
        "nothing listens at the API's address",
        ("{cloud} outage",),
        before=2,
        wish=1,
        says="{title} cannot be reached at …: connection refused; check the network and …." + AS_IT_IS,
        left=2,
    ),
    FaultCase(
        GROUP,
        "nothing listens at the API's address for the first second",
        ("{cloud} outage",),
        meanwhile=later(0.001, mends),
        before=1,
        ran="a pool of 1 becomes 2, and `python -m lab fault clear` a second later",
    ),
    FaultCase(
        GROUP,
        "the API is away for a minute while servers boot",
        meanwhile=lasts(60, "{cloud} outage"),
        wish=3,
        ran="a new pool of 3, and `python -m lab fault {cloud} outage seconds=60` once the orders are placed",
    ),
    FaultCase(
        GROUP,
        "the API is away for a minute while servers go",
        before=3,
        wish=1,
        meanwhile=lasts(60, "{cloud} outage"),
        ran="a pool of 3 becomes 1, and `python -m lab fault {cloud} outage seconds=60` once the first deletion is "
        "ordered",
    ),
    FaultCase(
        GROUP,
        "the API's host name is unknown",
        scene=nobody_knows_the_host,
        account={"endpoint": f"http://{NO_HOST}/v1"},
        before=1,
        says="{title} cannot be reached at http://no-such-host.invalid/v1: the host name …; check the network and …."
        + AS_IT_IS,
        left=1,
        mended="the right endpoint",
    ),
    FaultCase(
        GROUP,
        "the endpoint is no address",
        account={"endpoint": "api.example.net/v1"},
        before=1,
        says="'api.example.net/v1' is no address of {title}; correct …." + AS_IT_IS,
        left=1,
        mended="the right endpoint",
    ),
    FaultCase(GROUP, "an API that takes its time", ("{cloud} latency delay=0.02",), before=1, wish=3),
    FaultCase(
        GROUP,
        "an order's answer is lost, and no look for it succeeds",
        ("{cloud} reset-after-commit method=POST path={orders} count=1",),
        wish=1,
        meanwhile=under_way(breaks("{cloud} reset-before method=GET path={servers}")),
        says=UNKNOWN_ORDER,
        unsure=True,
        left=1,
        ran="a new pool of 1, and `python -m lab fault {cloud} reset-before` once the order is placed",
    ),
)
