"""A fault case as data: what is broken, what is run, what the user reads, what mends it. Tests and docs read it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from tests.contract.case import CLUSTER, FLEET, POOL
from tests.contract.profiles import Profile

if TYPE_CHECKING:
    from tests.faults.stage import Stage

Act = Callable[["Stage"], object]
"""Something that happens in the world, or that a test looks at."""


def nothing(_stage: Stage) -> None:
    """Nothing happens."""


def anywhere(_profile: Profile) -> bool:
    """Every provider can have this fault."""
    return True


@dataclass(frozen=True)
class FaultCase:
    """One fault and everything that has to be so then.

    `faults` are words after `python -m lab fault`, with names in braces that `facts` fills in. `before` nodes stand
    when the fault comes, `wish` are wanted. `says` is what the user reads when the run fails, word for word but for
    `…`; empty means that the run succeeds in spite of the fault. `tells` are lines they read while it runs, `warns`
    warnings. After a failed run `left` nodes are there; None: any number that harms nothing.

    `scene` is what else happens before the fault, `meanwhile` during the run, `look` what is checked after it. `mend`
    is how the world gets right again: nobody touches a server of ours for it.
    """

    group: str
    title: str
    faults: tuple[str, ...] = ()
    before: int = 0
    wish: int = 2
    says: str = ""
    tells: tuple[str, ...] = ()
    warns: tuple[str, ...] = ()
    left: int | None = None
    unsure: bool = False
    """The run cannot know whether it reached its end, so it may fail although it did."""
    timeout: int = 600
    offers: str = "first"
    """Which offers the pool has: `first`, `second`, `both`, or `elsewhere`: the first, then one of another provider."""
    had: str = ""
    """Which offers it had when `before` nodes were bought, if others."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the module in the run under the fault."""
    pool: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the pool in the run under the fault."""
    account: Mapping[str, str] = field(default_factory=dict)
    """Keys of the account in the run under the fault; `!` alone leaves a key out."""
    kubernetes: bool = False
    scene: Act = nothing
    meanwhile: Act = nothing
    look: Act = nothing
    mend: Act = nothing
    mended: str = "python -m lab fault clear"
    """How, in words."""
    ran: str = ""
    """What is run, in words; made from `before` and `wish` when empty."""
    applies: Callable[[Profile], bool] = anywhere
    play: Callable[[Stage, FaultCase], None] | None = None
    """How it is carried out; None: by `plays.pools`."""

    @property
    def passes(self) -> bool:
        """Whether the run succeeds although something is broken."""
        return not self.says

    @property
    def run_in_words(self) -> str:
        """What is run."""
        if self.ran:
            return self.ran
        return f"a pool of {self.before} becomes {self.wish}" if self.before else f"a new pool of {self.wish}"


def facts(profile: Profile, partner: Profile | None = None) -> dict[str, str]:
    """What stands for the names in braces at one provider."""
    location, kind = profile.first
    known = {
        "provider": profile.provider,
        "cloud": profile.cloud,
        "title": registry.capabilities(profile.provider).title,
        "orders": profile.orders,
        "servers": profile.servers,
        "types": profile.types,
        "credential": profile.token_variable,
        "location": location,
        "type": kind,
        "first": f"{profile.provider}/{location}/{kind}",
        "second": "/".join((profile.provider, *profile.second)),
        "fleet": FLEET,
        "cluster": CLUSTER,
        "pool": POOL,
        **{f"node{number}": f"{CLUSTER}-{POOL}-{number}" for number in range(1, 6)},
    }
    if partner is not None:
        known["partner"] = partner.provider
        known["elsewhere"] = "/".join((partner.provider, *partner.first))
    return known


def words(fault: str, known: Mapping[str, str]) -> list[str]:
    """The arguments of `python -m lab fault`."""
    return shlex.split(fault.format(**known))


def reads(sentence: str, known: Mapping[str, str], text: str) -> bool:
    """Whether a text is this sentence, with anything in place of each `…`."""
    pieces = [re.escape(piece) for piece in sentence.format(**known).split("…")]
    return re.fullmatch(".*?".join(pieces), text, re.DOTALL) is not None
