# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH keys: found by what they are, not by what they are called."""

from __future__ import annotations

from ..errors import Conflict, Permanent
from ..model import PUBLIC_KEY_KINDS, ServerSpec
from .openstack_api import Api
from .openstack_login import COMPUTE
from .openstack_making import Maker
from .openstack_marks import key_name, key_text, material
from .openstack_wire import Item, mapping, problem


def find_key(api: Api, spec: ServerSpec, key: str) -> tuple[str, bool]:
    """The name that a key has in the region of an order, and whether it is there. Reads only.

    ``key`` is a name, or a whole public key that may be there by another name.
    """
    region, preset = spec.offer.location, api.preset
    known = {str(item.get("name")): str(item.get("public_key") or "") for item in keypairs(api, region)}
    if not key.startswith(PUBLIC_KEY_KINDS):
        if key in known:
            return key, True
        raise problem(
            preset,
            Permanent,
            "unknown_ssh_key",
            f"{preset.title} knows no SSH key {key!r} in {region} (known are: {', '.join(sorted(known)) or 'none'}); "
            "upload it there, or write the whole public key into the pool.",
        )
    same = sorted(name for name, there in known.items() if material(there) == material(key))
    if same:
        return same[0], True
    name = key_name(spec.owner, key)
    if name in known:
        said = f"{preset.title} already has an SSH key {name} in {region}, and it is another one; delete it there."
        raise problem(preset, Conflict, "foreign_thing", said)
    return name, False


def upload_key(api: Api, maker: Maker, spec: ServerSpec, key: str) -> None:
    """Upload a whole public key. Names are unique here: when another run is quicker, its key is this very one."""
    name, region = key_name(spec.owner, key), spec.offer.location
    body = {"keypair": {"name": name, "public_key": key_text(spec.owner, key)}}
    maker.insist(
        lambda: api.call(COMPUTE, region, "POST", "/os-keypairs", json=body),
        lambda: find_key(api, spec, key) == (name, True),
    )


def keypairs(api: Api, region: str) -> list[Item]:
    """The key pairs of the user in a region."""
    listed = api.all(
        COMPUTE, region, "/os-keypairs", "keypairs", identify=lambda item: str(mapping(item.get("keypair")).get("name"))
    )
    return [dict(mapping(item.get("keypair"))) for item in listed]
