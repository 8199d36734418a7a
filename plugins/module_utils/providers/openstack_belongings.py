# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands under our mark beside servers, in every region, and how it is removed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ..budget import fan_out
from ..errors import NotFound, PlatformError
from ..model import LABEL_FLEET, Leftover
from .openstack_api import Api
from .openstack_keys import keypairs
from .openstack_login import BALANCER, COMPUTE, NETWORK, VOLUME
from .openstack_making import GROUP_VERSION
from .openstack_marks import group_marks, key_marks, marks_of
from .openstack_wire import Item, is_gone


@dataclass(frozen=True)
class Sort:
    """A kind of thing: our word for it, the service that has it, its path, and its name in lists.

    ``ours``: we make such things, else a person or a program in the cluster does. ``by`` is the field that names a
    thing in paths.
    """

    kind: str
    service: str
    path: str
    many: str
    ours: bool
    billable: bool
    by: str = "id"

    def read(self, api: Api, region: str) -> Iterable[Item]:
        """All of them in a region, whoever they belong to."""
        if self is SSH_KEYS:
            return keypairs(api, region)
        path = f"{self.path}/detail" if self.service == VOLUME else self.path
        version = GROUP_VERSION if self is PLACEMENT_GROUPS else ""
        return api.all(self.service, region, path, self.many, microversion=version)

    def marks(self, item: Item, wanted: Mapping[str, str]) -> Mapping[str, str]:
        """The marks of one of them."""
        if self is SSH_KEYS:
            return key_marks(item)
        if self is PLACEMENT_GROUPS:
            return group_marks(item, wanted.get(LABEL_FLEET, ""))
        return marks_of(item)


PLACEMENT_GROUPS = Sort("placement_group", COMPUTE, "/os-server-groups", "server_groups", ours=True, billable=False)
SSH_KEYS = Sort("ssh_key", COMPUTE, "/os-keypairs", "keypairs", ours=True, billable=False, by="name")
SORTS = (
    Sort("load_balancer", BALANCER, "/lbaas/loadbalancers", "loadbalancers", ours=False, billable=True),
    Sort("address", NETWORK, "/floatingips", "floatingips", ours=False, billable=True),
    Sort("disk", VOLUME, "/volumes", "volumes", ours=False, billable=True),
    PLACEMENT_GROUPS,
    Sort("firewall", NETWORK, "/security-groups", "security_groups", ours=True, billable=False),
    Sort("network", NETWORK, "/networks", "networks", ours=True, billable=False),
    SSH_KEYS,
)
"""In the order in which they can be removed: nothing that another one still needs goes first."""


def find(api: Api, owner_filter: Mapping[str, str]) -> list[Leftover]:
    """Everything that carries all marks of the filter, in the order in which it can be removed."""
    places = [(sort, region) for sort in SORTS for region in api.regions() if api.has(sort.service, region)]
    found: list[Leftover] = []
    for outcome in fan_out([_finder(api, sort, region, owner_filter) for sort, region in places]):
        if isinstance(outcome, PlatformError):
            raise outcome
        found += outcome
    return found


def remove(api: Api, leftover: Leftover) -> None:
    """Delete a thing; that it is not there any more is success."""
    sort = next(sort for sort in SORTS if sort.kind == leftover.kind)
    # What hangs on a load balancer can only go with it.
    query = {"cascade": "true"} if sort.service == BALANCER else {}
    try:
        api.call(sort.service, leftover.location, "DELETE", f"{sort.path}/{leftover.id}", params=query)
    except NotFound as error:
        if not is_gone(error):
            raise


def _finder(api: Api, sort: Sort, region: str, wanted: Mapping[str, str]) -> Callable[[], list[Leftover]]:
    def look() -> list[Leftover]:
        return [
            Leftover(
                provider=api.preset.name,
                kind=sort.kind,
                id=str(item.get(sort.by)),
                name=str(item.get("name") or item.get("floating_ip_address") or ""),
                location=region,
                billable=sort.billable,
                made_by_us=sort.ours,
            )
            for item in sort.read(api, region)
            if wanted.items() <= sort.marks(item, wanted).items()
        ]

    return look
