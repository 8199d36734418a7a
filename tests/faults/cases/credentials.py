"""Accounts that do not let us in, or not any more, or not all the way."""

from __future__ import annotations

from tests.faults.acts import breaks, nothing_written, under_way
from tests.faults.scorecard import FaultCase

GROUP = "credentials"
REFUSED = "{title} refused the … (401…); set …{credential}…. Pool {pool} stays as it is."

CASES = (
    FaultCase(
        GROUP,
        "refused from the beginning",
        ("{cloud} unauthorized",),
        before=1,
        says=REFUSED,
        left=1,
        look=nothing_written,
    ),
    FaultCase(
        GROUP,
        "revoked while servers boot",
        meanwhile=under_way(breaks("{cloud} unauthorized")),
        wish=2,
        says="{title} refused the … (401…); set …{credential}….",
        left=2,
        unsure=True,
        ran="a new pool of 2, and `python -m lab fault {cloud} unauthorized` once the orders are placed",
    ),
    FaultCase(
        GROUP,
        "may read and not write",
        ("{cloud} read-only path={servers}",),
        before=1,
        says="{title} does not allow POST … with this … (403…); set …{credential}….",
        left=1,
    ),
    FaultCase(
        GROUP,
        "may read and not delete",
        ("{cloud} read-only path={servers}",),
        before=2,
        wish=1,
        says="{title} does not allow … with this … (403…); set …{credential}….",
        left=2,
    ),
)
