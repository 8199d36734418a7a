"""Where a case plays: a fleet at emulated clouds, strangers beside it, canaries in every secret, and hurried time."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.model import LABEL_CLUSTER, LABEL_FLEET, Owner
from ansible_collections.sovereign.fleet.plugins.modules import node_pool
from lab import cli
from lab.cloud.front import ServerView
from lab.cloud.request_log import Request
from lab.cloud.testing import Emulator
from tests.contract.case import CLUSTER, FLEET, POOL, RUNNING, Case
from tests.contract.clock import SILENCE, SLOW_MACHINE, HurriedClock
from tests.contract.profiles import Profile
from tests.faults import scorecard
from tests.faults.cluster import Cluster

GRACE = 5.0
"""Seconds that a run may take beyond its deadline."""
CANARIES = {
    "user data": "canary-of-the-user-data",
    "root password": "canary-of-the-root-password",
    "kubeconfig": "canary-of-the-kubeconfig",
}
OTHERS = Owner.of("other", CLUSTER, POOL, f"{CLUSTER}-{POOL}-77")


@dataclass
class Stage:
    """One fleet. `profiles` are the providers that it buys at; the first is the one that the case is about."""

    profiles: tuple[Profile, ...]
    cloud: Emulator
    folder: Path
    time: HurriedClock = field(default_factory=HurriedClock)
    cluster: Cluster | None = None
    told: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """Everything that a user, a log or a file got to see."""
    last: dict[str, Any] = field(default_factory=dict)
    took: float = 0.0
    """Result and seconds of the last run."""
    secrets: dict[str, str] = field(default_factory=dict)
    """More canaries, of this case."""
    erased: int = 0
    """Servers that a person has deleted, of which parts may be left until a run sweeps them."""
    renumbered: bool = False
    """Nodes are replaced in this case, so that their numbers are not the lowest any more."""
    shift: float = 0.0
    """Seconds by which the calendar runs ahead: how much later it is than when servers were made."""
    patch: pytest.MonkeyPatch = field(default_factory=pytest.MonkeyPatch)
    lonely: bool = False
    """Nobody else has servers there."""
    _strangers: list[ServerView] = field(default_factory=list)
    _baseline: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for profile in () if self.lonely else self.profiles:
            profile.make_foreign(self.cloud, "stranger", {"team": "ops"})
            profile.make_foreign(self.cloud, OTHERS.node, OTHERS.labels())
        self.quiet()
        self._strangers = self._theirs()
        self._baseline = {name: self.cloud.store.counts(name) for name in self.clouds}
        self.cloud.requests.clear()

    # ---- who and where

    @property
    def profile(self) -> Profile:
        """The provider that the case is about."""
        return self.profiles[0]

    @property
    def partner(self) -> Profile | None:
        """The provider beside it, where there is one."""
        return self.profiles[1] if len(self.profiles) > 1 else None

    @property
    def clouds(self) -> list[str]:
        """The emulated clouds in play."""
        return sorted({profile.cloud for profile in self.profiles})

    @property
    def facts(self) -> dict[str, str]:
        """What stands for the names in braces in this case."""
        return scorecard.facts(self.profile, self.partner)

    def case(self, profile: Profile | None = None) -> Case:
        """The contract suite's view of one provider, at this stage's time."""
        return Case(profile or self.profile, self.cloud, self.time)

    # ---- the world

    def fault(self, text: str) -> None:
        """What a person would type after `python -m lab fault`."""
        words = scorecard.words(text, self.facts)
        if "stall" in words:
            self.time.patience = SILENCE
        assert cli.main(["fault", *words]) == 0, text

    def mend(self) -> None:
        """`python -m lab fault clear`."""
        assert cli.main(["fault", "clear"]) == 0
        self.time.patience = SLOW_MACHINE

    def ours(self) -> list[ServerView]:
        """Our servers at all clouds, by the stores."""
        return [server for server in self._all() if self._is_ours(server)]

    def server(self, name: str) -> ServerView:
        """One of our servers."""
        return next(server for server in self.ours() if server.name == name)

    def quiet(self) -> None:
        """Wait until no cloud has anything under way, but for servers whose boot is held up."""
        self.cloud.settle()

    def writes(self) -> list[Request]:
        """Requests that may have changed something, at all clouds."""
        return [request for profile in self.profiles for request in self.case(profile).writes()]

    # ---- the module

    def pool(self, count: int, offers: str = "first", **more: Any) -> dict[str, Any]:
        """The pool that cases are about."""
        places = [(self.profile.provider, *(self.profile.second if offers == "second" else self.profile.first))]
        if offers == "both":
            places.append((self.profile.provider, *self.profile.second))
        if offers == "elsewhere" and self.partner is not None:
            places.append((self.partner.provider, *self.partner.first))
        of_offers = {key: more.pop(key) for key in ("image", "type") if key in more}
        listed = [
            {"provider": name, "location": location, "type": kind, **of_offers} for name, location, kind in places
        ]
        return {"name": POOL, "count": count, "offers": listed, **more}

    def pools(self, count: int) -> list[dict[str, Any]]:
        """A pool at each provider."""
        return [
            {
                "name": f"{POOL}-{profile.provider}",
                "count": count,
                "offers": [
                    {"provider": profile.provider, "location": profile.first[0], "type": profile.first[1]},
                ],
            }
            for profile in self.profiles
        ]

    def accounts(self, changes: Mapping[str, str] | None = None) -> dict[str, dict[str, str]]:
        """What stands under `providers`; `changes` are for the first one, `!` takes a key out."""
        accounts = {profile.provider: self.case(profile).account() for profile in self.profiles}
        mine = accounts[self.profile.provider]
        mine.update(changes or {})
        accounts[self.profile.provider] = {key: value for key, value in mine.items() if value != "!"}
        return accounts

    def params(
        self,
        pools: Sequence[Mapping[str, Any]],
        *,
        timeout: int = 600,
        account: Mapping[str, str] | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """The options of the module."""
        params = {
            "fleet": FLEET,
            "cluster": CLUSTER,
            "pools": list(pools),
            "providers": self.accounts(account),
            "user_data": {"*": f"#cloud-config\n# {CANARIES['user data']}\n"},
            "timeout": timeout,
            "kubeconfig": str(self.cluster.kubeconfig) if self.cluster else None,
        }
        return {**params, **options}

    def run(
        self,
        pools: Sequence[Mapping[str, Any]],
        *,
        timeout: int = 600,
        account: Mapping[str, str] | None = None,
        check: bool = False,
        **options: Any,
    ) -> dict[str, Any]:
        """One run of the module, with everything it says kept; it must end in time (I6)."""
        begun = self.time.clock()
        result = node_pool.run(
            self.params(pools, timeout=timeout, account=account, **options),
            check,
            True,
            tell=self.told.append,
            clock=self.time.clock,
            sleep=self.time.sleep,
            wall=lambda: time.time() + self.shift,
            open_kube=self.cluster.open_kube(self.time) if self.cluster else None,
        )
        self.took = self.time.clock() - begun
        assert self.took <= timeout + GRACE, f"I6: the run took {self.took:.0f} s and had {timeout}"
        self.said.append(json.dumps(result, default=str))
        self.last = result
        return result

    # ---- the invariants

    def amiss(self, pools: Sequence[Mapping[str, Any]]) -> list[str]:
        """I1: in which ways the clouds and the cluster are not what the pools say; empty when they are."""
        self.quiet()
        ours = self.ours()
        wished = Counter(f"{CLUSTER}-{pool['name']}-{number + 1}" for pool in pools for number in range(pool["count"]))
        found = Counter(server.name for server in ours)
        if self.renumbered:  # a successor has the lowest number that was free beside its predecessor
            wished = Counter(sorted(found)[: sum(wished.values())])
            wished += Counter({"one more": sum(pool["count"] for pool in pools) - sum(wished.values())})
        faults = [f"{name} is missing" for name in wished - found]
        faults += [f"{name} is one too many" for name in found - wished]
        faults += [f"{server.name} is {server.state}" for server in ours if server.state.lower() not in RUNNING]
        offered = {
            (self._cloud_of(offer["provider"]), offer["location"], offer["type"])
            for pool in pools
            for offer in pool["offers"]
        }
        faults += [
            f"{server.name} is {server.cloud}/{server.location}/{server.type}"
            for server in ours
            if (server.cloud, server.location, server.type) not in offered
        ]
        faults += self._parts(exact=True)
        if self.cluster is not None:
            faults += self.cluster.amiss(sorted(found))
        return faults

    def harm(self, pools: Sequence[Mapping[str, Any]]) -> list[str]:
        """What not even a failed run may leave: doubles, servers that nobody wished, parts without a server."""
        self.quiet()
        wished = {f"{CLUSTER}-{pool['name']}-{number + 1}" for pool in pools for number in range(pool["count"])}
        found = Counter(server.name for server in self.ours())
        faults = [f"{name} is there {number} times" for name, number in found.items() if number > 1]
        faults += [f"nobody wished {name}" for name in found if name not in wished]
        return faults + self._parts(exact=False)

    def disown(self) -> None:
        """Whatever does not carry our labels at this moment is somebody else's from now on."""
        self.quiet()
        self._strangers = self._theirs()
        for profile in self.profiles:
            ours = len([server for server in self.ours() if server.cloud == profile.cloud])
            counts = self.cloud.store.counts(profile.cloud)
            parts = profile.parts
            self._baseline[profile.cloud] = {
                kind: number - ours * parts.get(kind, 0) for kind, number in counts.items()
            }

    def strangers_touched(self) -> list[str]:
        """I7: what happened to servers that are not ours."""
        now = {(server.cloud, server.id): server for server in self._theirs()}
        faults = [
            f"{server.name} at {server.cloud} was touched"
            for server in self._strangers
            if now.get((server.cloud, server.id)) != server
        ]
        ids = {server.id for server in self._strangers}
        return faults + [
            f"{entry.method} {entry.path}" for entry in self.writes() if ids & set(entry.path.split("?")[0].split("/"))
        ]

    def leaks(self, *more: str) -> list[str]:
        """I5: which canaries came to light, in results, told lines and whatever else is given."""
        secrets = {**CANARIES, **self.secrets}
        for profile in self.profiles:
            for number, value in enumerate(self.case(profile).secrets()):
                secrets[f"{profile.provider} credential {number}"] = value
        heard = "\n".join([*self.said, *self.told, *more])
        return [what for what, secret in secrets.items() if secret in heard]

    # ---- inside

    def _all(self) -> list[ServerView]:
        return [server for name in self.clouds for server in self.cloud.store.servers(name)]

    def _is_ours(self, server: ServerView) -> bool:
        labels = self.case().labels_of(server)
        return (labels.get(LABEL_FLEET), labels.get(LABEL_CLUSTER)) == (FLEET, CLUSTER)

    def _theirs(self) -> list[ServerView]:
        return [server for server in self._all() if not self._is_ours(server)]

    def _cloud_of(self, provider: str) -> str:
        return next(profile.cloud for profile in self.profiles if profile.provider == provider)

    def _parts(self, *, exact: bool) -> list[str]:
        """Disks, addresses and the like, against what our servers may have; an error has no more parts than servers."""
        faults = []
        for profile in {profile.cloud: profile for profile in self.profiles}.values():
            ours = len([server for server in self.ours() if server.cloud == profile.cloud])
            counts, before = self.cloud.store.counts(profile.cloud), self._baseline[profile.cloud]
            for kind, number in counts.items():
                if kind == "server" or kind in profile.standing:
                    continue
                due = ours * profile.parts.get(kind, 0)
                left = 0 if exact else self.erased * profile.parts.get(kind, 0)
                there = number - before.get(kind, 0)
                if there > due + left or (exact and there < due):
                    faults.append(f"{profile.cloud} has {there} of {kind} for {ours} servers of ours, {due} are due")
        return faults
