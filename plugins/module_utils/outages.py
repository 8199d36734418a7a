# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What went wrong in a run, told apart: a provider that does not serve us, and everything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import Ambiguous, Auth, PlatformError, RateLimited, Transient
from .kube_api import PROVIDER as KUBERNETES
from .model import Pool
from .offering import NoOfferLeft
from .plan import Observed, Plan

OWN_DELAYS = ("deadline", "name_leaving")
"""Codes of what merely takes longer: the provider answers all the while."""


@dataclass(frozen=True)
class Trouble:
    """An error, the pools it concerns, and the provider's own error when the provider is to blame for it."""

    error: PlatformError
    pools: tuple[str, ...] = ()
    outage: PlatformError | None = None


@dataclass(frozen=True)
class Outcome:
    """Troubles as a result tells them. ``unserved`` are plain dictionaries, one for each pool and provider."""

    failures: list[PlatformError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unserved: list[dict[str, Any]] = field(default_factory=list)


def trouble(error: PlatformError, *pools: str) -> Trouble:
    """An error with its pools.

    A credential that is refused, an answer that does not come: that is an outage. So it is when no offer is left, one
    of them for such a reason.
    """
    if isinstance(error, NoOfferLeft):
        outages = (_outage(refusal.error) for refusal in error.refusals if refusal.error is not None)
        return Trouble(error, pools, next((outage for outage in outages if outage), None))
    return Trouble(error, pools, _outage(error))


def reworded(error: PlatformError, text: str, *, provider: str = "") -> PlatformError:
    """The same error with another sentence."""
    return type(error)(text, provider=provider or error.provider, code=error.code, request_id=error.request_id)


def _outage(error: PlatformError) -> PlatformError | None:
    kind = isinstance(error, (Ambiguous, Auth, RateLimited, Transient)) and error.code not in OWN_DELAYS
    return error if kind and error.provider not in ("", KUBERNETES) else None


def silences(plan: Plan, observed: Observed, pools: Sequence[Pool], *, prune: bool) -> list[Trouble]:
    """A trouble for each provider whose silence keeps pools as they are, or leaves open what prune would have to do."""
    troubles = []
    for name, error in observed.failed.items():
        kept = [pool for pool in pools if _is_kept(pool, name, error, plan.blocked.get(pool.name))]
        if kept:
            text = f"{error} {_stay(kept)}{''.join(_elsewhere(pool, name, observed.failed) for pool in kept)}"
        elif prune:
            text = f"{error} Whether nodes of other pools are left there is not known."
        else:
            continue
        said = reworded(error, text, provider=error.provider or name)
        troubles.append(Trouble(said, tuple(pool.name for pool in kept), said))
    return troubles


def tell(troubles: Iterable[Trouble], *, fail_on_unserved: bool) -> Outcome:
    """Sort troubles into what fails the run and what is only told, every sentence once."""
    outcome = Outcome()
    for item in dict.fromkeys(troubles):
        if item.outage is not None:
            told = {"provider": item.outage.provider, "code": item.outage.code, "msg": str(item.error)}
            entries = [{"pool": pool, **told} for pool in item.pools or ("",)]
            outcome.unserved.extend(entry for entry in entries if entry not in outcome.unserved)
        if item.outage is None or fail_on_unserved:
            outcome.failures.append(item.error)
        elif str(item.error) not in outcome.warnings:
            outcome.warnings.append(str(item.error))
    return outcome


def _is_kept(pool: Pool, provider: str, error: PlatformError, blocked_by: PlatformError | None) -> bool:
    if blocked_by is None:
        return False
    return blocked_by is error or any(offer.provider == provider for offer in pool.offers)


def _stay(pools: Sequence[Pool]) -> str:
    names = ", ".join(pool.name for pool in pools)
    return f"Pool {names} stays as it is." if len(pools) == 1 else f"Pools {names} stay as they are."


def _elsewhere(pool: Pool, silent: str, failed: Mapping[str, PlatformError]) -> str:
    others = dict.fromkeys(offer.provider for offer in pool.offers if offer.provider not in failed)
    if not others:
        return ""
    return (
        f" Nodes of pool {pool.name} may be at {silent} under the very names that would be bought, so none is bought "
        f"at {', '.join(others)} either."
    )
