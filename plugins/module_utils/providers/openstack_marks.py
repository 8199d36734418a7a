# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How things at OpenStack that are no servers show that they are ours.

Neutron's things carry tags, which can only be put on after they are made, so they are made with the same marks in
their description: a run that is killed in between leaves nothing behind that nobody knows again. A key pair carries
the marks as the comment of its public key. A server group has nothing but its name, so the name ends with a proof.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

from ..model import LABEL_CLUSTER, LABEL_FLEET, LABEL_POOL, Owner
from .openstack_wire import Item, mapping

POLICY = "anti-affinity"
"""What our server groups are for: every server on another host."""
_GROUP_NAME = re.compile(r"(?P<rest>.+)-(?P<proof>[0-9a-f]{8})(-[0-9]{1,3})?")


def cluster_marks(owner: Owner) -> dict[str, str]:
    """What a thing of a whole cluster carries."""
    return {LABEL_FLEET: owner.fleet, LABEL_CLUSTER: owner.cluster}


def pool_marks(owner: Owner) -> dict[str, str]:
    """What a thing of a pool carries."""
    return {**cluster_marks(owner), LABEL_POOL: owner.pool}


def to_tags(marks: Mapping[str, str]) -> list[str]:
    """Marks as Neutron's tags."""
    return [f"{key}={value}" for key, value in marks.items()]


def marks_of(item: Mapping[str, object]) -> dict[str, str]:
    """The marks in tags and description of a thing, and in the metadata of a volume."""
    tags = item.get("tags")
    words = [str(tag) for tag in tags] if isinstance(tags, list) else []
    words += _marks_in(str(item.get("description") or ""))
    return {
        **{key: value for key, equals, value in (word.partition("=") for word in words) if equals},
        **{str(key): str(value) for key, value in mapping(item.get("metadata")).items()},
    }


def _marks_in(text: str) -> list[str]:
    return [word for word in text.split() if word.startswith("fleet.")]


# ---- SSH keys


def material(public_key: str) -> str:
    """A public key without its comment, which says nothing about the key."""
    return " ".join(public_key.split()[:2])


def key_name(owner: Owner, public_key: str) -> str:
    """The name of a key that we upload."""
    return f"{owner.fleet}-{owner.cluster}-{_digest(material(public_key))}"


def key_text(owner: Owner, public_key: str) -> str:
    """What is uploaded."""
    return " ".join([material(public_key), *to_tags(cluster_marks(owner))])


def key_marks(item: Item) -> dict[str, str]:
    """The marks of a key pair, none unless its name is what it must be with them."""
    text = str(item.get("public_key") or "")
    words = _marks_in(" ".join(text.split()[2:]))
    marks = {key: value for key, _equals, value in (word.partition("=") for word in words)}
    name = f"{marks.get(LABEL_FLEET)}-{marks.get(LABEL_CLUSTER)}-{_digest(material(text))}"
    return marks if item.get("name") == name else {}


# ---- server groups


def group_name(owner: Owner, number: int = 1) -> str:
    """The name of a pool's server group; a group that is full is followed by one of the next number."""
    proof = _digest(f"{owner.fleet}/{owner.cluster}/{owner.pool}")
    tail = f"-{number}" if number > 1 else ""
    return f"{owner.fleet}-{owner.cluster}-{owner.pool}-{proof}{tail}"


def group_marks(item: Item, fleet: str) -> dict[str, str]:
    """The marks that a server group's name proves for a fleet: names may have dashes, so every reading is tried."""
    name = str(item.get("name") or "")
    match = _GROUP_NAME.fullmatch(name.removeprefix(f"{fleet}-"))
    if POLICY not in (item.get("policies") or [item.get("policy")]) or not name.startswith(f"{fleet}-") or not match:
        return {}
    for cluster, pool in _halves(match["rest"]):
        if match["proof"] == _digest(f"{fleet}/{cluster}/{pool}"):
            return {LABEL_FLEET: fleet, LABEL_CLUSTER: cluster, LABEL_POOL: pool}
    return {}


def _halves(text: str) -> Iterator[tuple[str, str]]:
    parts = text.split("-")
    return (("-".join(parts[:end]), "-".join(parts[end:])) for end in range(1, len(parts)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
