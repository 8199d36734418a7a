# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a region has that an order names by id: flavors, images and the public network. Each is looked up once."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import NotFound, Permanent
from ..model import ServerSpec
from .once import Once
from .openstack_api import Api
from .openstack_login import COMPUTE, IMAGE, NETWORK
from .openstack_wire import Item, problem

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Stock:
    """The stock of all regions. Safe to use from several threads."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._once = Once()

    def flavors(self, region: str) -> Sequence[Item]:
        """The flavors that the project may order."""
        return self._once.get(("flavors", region), lambda: self._api.all(COMPUTE, region, "/flavors/detail", "flavors"))

    def flavor(self, spec: ServerSpec) -> str:
        """The id of an offer's flavor."""
        region, wanted = spec.offer.location, spec.offer.type
        for item in self.flavors(region):
            if item.get("name") == wanted:
                return str(item["id"])
        preset = self._api.preset
        said = f"{preset.title} does not sell the type {wanted} in {region} (any more); the offer was {spec.offer}."
        raise problem(preset, NotFound, "unknown_type", said)

    def type_name(self, region: str, flavor_id: str) -> str:
        """The name of a flavor, empty when it is not sold any more."""
        if not flavor_id:
            return ""
        return next((str(item["name"]) for item in self.flavors(region) if item.get("id") == flavor_id), "")

    def image(self, spec: ServerSpec) -> str:
        """The id of an offer's image, which it names; an id is taken as well."""
        region, wanted = spec.offer.location, spec.offer.image or self._api.preset.image
        return self._once.get(("image", region, wanted), lambda: self._image(region, wanted, spec))

    def _image(self, region: str, wanted: str, spec: ServerSpec) -> str:
        query = {"id": wanted} if _ID.fullmatch(wanted) else {"name": wanted}
        found = [
            item
            for item in self._api.all(IMAGE, region, "/images", "images", {**query, "status": "active"})
            if wanted in (item.get("name"), item.get("id")) and item.get("status") == "active"
        ]
        if not found:
            preset = self._api.preset
            said = f"{preset.title} has no image {wanted!r} in {region}; the offer was {spec.offer}."
            raise problem(preset, NotFound, "unknown_image", said)
        # Clouds give a new build of an image the name of the old one, which they hide or keep.
        newest = max(found, key=lambda item: (item.get("visibility") == "public", str(item.get("created_at"))))
        return str(newest["id"])

    def public_network(self, region: str) -> str:
        """The id of the network whose addresses are public."""
        return self._once.get(("public network", region), lambda: self._public_network(region))

    def _public_network(self, region: str) -> str:
        preset = self._api.preset
        for item in self._api.all(NETWORK, region, "/networks", "networks", {"name": preset.public_network}):
            if item.get("name") == preset.public_network:
                return str(item["id"])
        raise problem(
            preset,
            Permanent,
            "no_public_network",
            f"{preset.title} shows this project no network {preset.public_network} in {region}, so a server would have "
            "no public address there; ask for it there, or take another location.",
        )
