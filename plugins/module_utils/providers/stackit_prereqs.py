# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server at STACKIT needs before it can be ordered: image, network, SSH key, security group, affinity group.

Names are not unique there (those of SSH keys are), so whoever makes something looks again afterwards: the oldest of a
name is kept, and a run deletes only the younger one that it has just made itself.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import Ambiguous, Conflict, NotFound, Permanent, Transient
from ..model import LABEL_POOL, PUBLIC_KEY_KINDS, Refs, ServerSpec
from ..waiting import wait_for
from .base import Clock, Sleep
from .once import Once
from .stackit_api import Api
from .stackit_names import group_name, made_name
from .stackit_prices import DISK_GB
from .stackit_rules import Rule, difference, in_words, rule_body, wanted_rules
from .stackit_wire import CAPS, LABELS_MADE, NAME, TITLE, Item, mapping, region_of, to_labels

PREFIX_LENGTH = 24
"""Of a network that nobody asked for: 250 nodes. A network area may refuse larger ones."""
SETTLE = 1.1
"""Seconds between making something and looking for another of its name; times are told in whole seconds."""
NETWORK_TIMEOUT = 120.0
TRIES = 3
POLICY = "soft-anti-affinity"
_KEY = "key "


@dataclass(frozen=True)
class Image:
    """An image and the smallest disk in GB that holds it."""

    id: str
    disk: int


@dataclass(frozen=True)
class Part:
    """A thing that a server needs, as the provider names it, and what had to be made or changed for it."""

    ref: str
    made: tuple[str, ...] = ()
    range: str = ""


class Prerequisites:
    """Finds and makes. Safe to use from several threads."""

    def __init__(self, api: Api, *, clock: Clock, sleep: Sleep) -> None:
        self._api = api
        self._clock = clock
        self._sleep = sleep
        self._once = Once()

    def changes(self, spec: ServerSpec) -> list[str]:
        """What ``ensure`` would make or change; reads only."""
        return [line for part in self._parts(spec, write=False).values() for line in part.made]

    def ensure(self, spec: ServerSpec) -> Refs:
        """All that the server needs."""
        image = self.image(spec)
        parts = self._parts(spec, write=True)
        ref = {kind: part.ref for kind, part in parts.items()}
        return Refs(
            image=image.id,
            ssh_keys=tuple(ref[kind] for kind in parts if kind.startswith(_KEY)),
            network=ref["network"],
            firewall=ref.get("firewall", ""),
            placement_group=ref.get("group", ""),
            made=tuple(line for part in parts.values() for line in part.made),
        )

    def _parts(self, spec: ServerSpec, *, write: bool) -> dict[str, Part]:
        region, owner = region_of(spec.offer.location), spec.owner
        cluster = (region, owner.fleet, owner.cluster)
        parts = {f"{_KEY}{key}": self._key_part(spec, key, write) for key in spec.ssh_keys}
        network = self._part((*cluster, spec.network), write, lambda: self._network(spec, region, write))
        parts["network"] = network
        if spec.firewall is not None:
            rules = wanted_rules(spec.firewall, network.range)
            parts["firewall"] = self._part(
                (*cluster, owner.pool, rules), write, lambda: self._firewall(spec, region, rules, write)
            )
        if spec.spread:
            parts["group"] = self._part((*cluster, owner.pool, POLICY), write, lambda: self._group(spec, region, write))
        return parts

    def _key_part(self, spec: ServerSpec, key: str, write: bool) -> Part:
        return self._part((spec.owner.fleet, spec.owner.cluster, key), write, lambda: self._key(spec, key, write))

    def _part(self, key: Any, write: bool, look: Callable[[], Part]) -> Part:
        foreseen: Part | None = self._once.known((key, False))
        if write and foreseen is not None and not foreseen.made:
            return foreseen
        part: Part = self._once.get((key, write), look)
        return part

    # ---- images

    def image(self, spec: ServerSpec) -> Image:
        """The image of an offer, by name or id. Images are looked up once for a region."""
        region = region_of(spec.offer.location)
        wanted = spec.offer.image or CAPS.default_image
        images: Sequence[Item] = self._once.get(
            ("images", region), lambda: self._api.items(f"/regions/{region}/images")
        )
        fitting = [item for item in images if wanted in (item.get("name"), item.get("id")) and _usable(item)]
        if not fitting:
            raise NotFound(
                f"{TITLE} has no image {wanted!r} in {region} for the offer {spec.offer}.",
                provider=NAME,
                code="unknown_image",
            )
        best = max(fitting, key=lambda item: (item.get("scope") != "public", str(item.get("createdAt"))))
        return Image(str(best["id"]), max(DISK_GB, int(best.get("minDiskSize") or 0)))

    # ---- networks

    def _network(self, spec: ServerSpec, region: str, write: bool) -> Part:
        path, name, marks = f"/regions/{region}/networks", made_name(spec), spec.owner.labels()
        marks = {key: marks[key] for key in LABELS_MADE}
        line = f"network {name}{f' ({spec.network})' if spec.network else ''} at {NAME}"
        found = self._find(path, name, marks, "network")
        made = found is None
        if found is None:
            if not write:
                return Part("", (line,), spec.network)
            ipv4: Item = {"prefix": spec.network} if spec.network else {"prefixLength": PREFIX_LENGTH}
            found = self._make(path, name, marks, "network", {"name": name, "ipv4": ipv4, "labels": marks})
        ranges = _ranges(found)
        if spec.network and ranges and spec.network not in ranges:
            raise Permanent(
                f"The network {name} in {region} at {TITLE} has the range {', '.join(ranges)}, not {spec.network}; "
                "write that range into the pool, or remove the network when nothing uses it any more.",
                provider=NAME,
                code="other_range",
            )
        if write and found.get("status") not in ("CREATED", "UPDATED", None):
            found = self._ready(path, found)
        return Part(str(found["id"]), (line,) if made else (), next(iter(_ranges(found)), spec.network))

    def _ready(self, path: str, network: Item) -> Item:
        """Networks are made behind the answer; a server cannot be ordered into one that is not there yet."""
        place = f"{path}/{network['id']}"
        seen = wait_for(
            lambda: self._api.one(place) or {"status": "FAILED"},
            lambda item: item.get("status") in ("CREATED", "UPDATED", "FAILED"),
            NETWORK_TIMEOUT,
            sleep=self._sleep,
            clock=self._clock,
            describe=lambda item: str(item.get("status")),
            what=f"the network {network.get('name')} at {TITLE}",
        )
        if seen.get("status") == "FAILED":
            raise Permanent(
                f"{TITLE} could not make the network {network.get('name')}; look at it there, then run again.",
                provider=NAME,
                code="network_failed",
            )
        return seen

    # ---- security groups

    def _firewall(self, spec: ServerSpec, region: str, rules: frozenset[Rule], write: bool) -> Part:
        path, name, marks = f"/regions/{region}/security-groups", f"{made_name(spec)}-{spec.owner.pool}", {}
        labels = spec.owner.labels()
        marks = {key: labels[key] for key in (*LABELS_MADE, LABEL_POOL)}
        line = f"firewall {name} at {NAME}"
        found = self._find(path, name, marks, "security group")
        made = found is None
        if found is None:
            if not write:
                return Part("", (line,))
            found = self._make(path, name, marks, "security group", {"name": name, "labels": marks})
        place = f"{path}/{found['id']}/rules"
        missing, surplus = difference(self._api.items(place), rules)
        words = in_words(missing, surplus)
        if write and words:
            self._set_right(place, rules, missing, surplus)
        return Part(str(found["id"]), (line,) if made else tuple(f"{line}: {each}" for each in words))

    def _set_right(self, place: str, rules: frozenset[Rule], missing: Sequence[Rule], surplus: Sequence[Item]) -> None:
        for _try in range(TRIES):
            for rule in missing:
                with contextlib.suppress(Ambiguous, Conflict):  # there already, or the next look shows whether it is
                    self._api.send("POST", place, rule_body(rule))
            for item in surplus:
                self._api.remove(f"{place}/{item.get('id')}")
            missing, surplus = difference(self._api.items(place), rules)
            if not missing and not surplus:
                return
        raise Transient(
            f"The rules of a security group at {TITLE} could not be set right: {'; '.join(in_words(missing, surplus))} "
            "is still to be done; run again.",
            provider=NAME,
            code="rules",
        )

    # ---- affinity groups

    def _group(self, spec: ServerSpec, region: str, write: bool) -> Part:
        path, name = f"/regions/{region}/affinity-groups", group_name(spec)
        line = f"placement group {name} at {NAME}"
        found = self._find(path, name, {}, "affinity group")
        if found is not None:
            return Part(str(found["id"]))
        if not write:
            return Part("", (line,))
        made = self._make(path, name, {}, "affinity group", {"name": name, "policy": POLICY})
        return Part(str(made["id"]), (line,))

    # ---- SSH keys

    def _key(self, spec: ServerSpec, key: str, write: bool) -> Part:
        known = self._api.items("/keypairs")
        if not key.startswith(PUBLIC_KEY_KINDS):
            if any(item.get("name") == key for item in known):
                return Part(key)
            raise Permanent(
                f"{TITLE} knows no SSH key {key!r} (known are: {', '.join(str(item.get('name')) for item in known)}); "
                "upload it there, or write the whole public key into the pool.",
                provider=NAME,
                code="unknown_ssh_key",
            )
        name = f"{made_name(spec)}-{hashlib.sha256(_material(key).encode()).hexdigest()[:8]}"
        same = next((item for item in known if _material(str(item.get("publicKey"))) == _material(key)), None)
        if same is not None:
            return Part(str(same["name"]))
        line = f"SSH key {name} at {NAME}"
        if not write:
            return Part("", (line,))
        labels = spec.owner.labels()
        body = {"name": name, "publicKey": key, "labels": {mark: labels[mark] for mark in LABELS_MADE}}
        try:
            self._api.send("POST", "/keypairs", body)
        except (Ambiguous, Conflict) as error:
            there = mapping(self._api.one(f"/keypairs/{name}"))
            if _material(str(there.get("publicKey"))) != _material(key):
                raise error from None
        return Part(name, (line,))

    # ---- finding and making by name

    def _find(self, path: str, name: str, marks: Mapping[str, str], title: str) -> Item | None:
        """The oldest thing of a name that is ours; those that are told in one second in the order of the list."""
        named = [
            item for item in self._api.items(path) if item.get("name") == name and item.get("status") != "DELETING"
        ]
        ours = [item for item in named if marks.items() <= to_labels(item).items()]
        if named and not ours:
            raise Conflict(
                f"{TITLE} already has a {title} {name} (id {named[0].get('id')}) without the labels "
                f"{', '.join(f'{key}={value}' for key, value in marks.items())}, so it is left alone; rename it there, "
                "or give it these labels if it belongs to this fleet.",
                provider=NAME,
                code="foreign_thing",
            )
        return min(ours, key=lambda item: (-len(item.get("members") or ()), str(item.get("createdAt"))), default=None)

    def _make(self, path: str, name: str, marks: Mapping[str, str], title: str, body: Item) -> Item:
        """Make it, unless another run is doing so: then its one is taken and ours, if there is one, goes again."""
        mine: Item = {}
        for _try in range(TRIES):
            if not mine:
                try:
                    mine = self._api.send("POST", path, body)
                except Ambiguous:
                    mine = {}
            self._sleep(SETTLE)
            found = self._find(path, name, marks, title)
            if found is not None:
                if mine.get("id") not in (None, found.get("id")):
                    self._api.remove(f"{path}/{mine['id']}")
                return found
        raise Transient(
            f"The {title} {name} could not be made at {TITLE}: it was ordered, but is not there; run again.",
            provider=NAME,
            code="not_there",
        )


# ---- reading


def _usable(image: Item) -> bool:
    return image.get("status") in ("AVAILABLE", None)


def _ranges(network: Item) -> list[str]:
    prefixes = mapping(network.get("ipv4")).get("prefixes")
    return [str(prefix) for prefix in prefixes] if isinstance(prefixes, list) else []


def _material(key: str) -> str:
    """A public key without its comment."""
    return " ".join(key.split()[:2])
