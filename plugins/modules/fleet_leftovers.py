#!/usr/bin/python
# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_leftovers
short_description: Find, and remove, what a fleet has left at its providers
version_added: "0.1.0"
description:
  - Asks every provider with an account, all at the same time, for everything that carries the labels of a fleet.
    That is servers, disks, addresses, network cards, load balancers, placement groups, firewalls, private networks and
    SSH keys.
  - A provider that does not answer is told in RV(unknown). It is never taken for one at which nothing is left.
  - Servers are told and never deleted; M(sovereign.fleet.node_pool) does that. As long as one is there, nothing that it
    may need is removed.
author: Sovereign Fleet Maintainers (@sovereign-fleet)
options:
  fleet:
    description:
      - Id of the fleet.
    type: str
    required: true
  cluster:
    description:
      - Only what belongs to this cluster.
    type: str
  state:
    description:
      - V(present) only looks.
      - V(absent) removes what is found, in the order in which it can go, and tries again while something is in use. It
        fails when something could not be removed, when servers are still there, or when a provider does not answer.
    type: str
    choices: [absent, present]
    default: present
  with_data:
    description:
      - With O(state=absent), also remove what carries the labels but was not made by this collection, such as volumes
        and load balancers of programs in the cluster. The data on such volumes is lost.
    type: bool
    default: false
  prove:
    description:
      - Fail unless every provider has answered and nothing at all is left.
    type: bool
    default: false
  timeout:
    description:
      - Seconds after which the run ends, whatever is still in use then.
    type: int
    default: 300
extends_documentation_fragment:
  - sovereign.fleet.providers
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - RV(leftovers) and RV(removed) are then what they would be if everything could be removed.
  diff_mode:
    description: Will return details on what has changed when in diff mode.
    support: full
    details:
      - Lists what is there before and after.
requirements:
  - hcloud >= 2.23, with an account at Hetzner
  - scaleway >= 2.12, with an account at Scaleway
seealso:
  - module: sovereign.fleet.node_pool
  - module: sovereign.fleet.node_pool_info
"""

EXAMPLES = r"""
- name: Look what the fleet has at its providers
  sovereign.fleet.fleet_leftovers:
    fleet: acme
  register: there

- name: Remove what a cluster that is gone has left, volumes of its databases included
  sovereign.fleet.fleet_leftovers:
    fleet: acme
    cluster: production
    state: absent
    with_data: true

- name: Prove that nothing of the fleet costs money any more
  sovereign.fleet.fleet_leftovers:
    fleet: acme
    prove: true
"""

RETURN = r"""
leftovers:
  description:
    - What is there when the run ends, servers included, sorted by provider and by the order in which it can go.
  returned: always
  type: list
  elements: dict
  contains:
    provider:
      description: Provider where it is.
      type: str
      sample: hetzner
    kind:
      description:
        - V(server), V(load_balancer), V(address), V(nic), V(disk), V(placement_group), V(firewall), V(network) or
          V(ssh_key).
      type: str
      sample: disk
    id:
      description: The provider's own id.
      type: str
      sample: "4711"
    name:
      description: Its name, if it has one.
      type: str
      sample: pvc-9a1c
    location:
      description: The provider's word for the place, empty for what belongs to the whole account.
      type: str
      sample: nbg1
    billable:
      description: Whether it costs money.
      type: bool
      sample: true
    made_by_us:
      description: Whether this collection made it. What it did not make may hold data.
      type: bool
      sample: false
removed:
  description: What the run removed, or would remove in check mode, in the same form.
  returned: always
  type: list
  elements: dict
  sample: []
billable:
  description: How many of RV(leftovers) cost money.
  returned: always
  type: int
  sample: 1
unknown:
  description: Providers that did not answer, or not to all questions.
  returned: always
  type: list
  elements: dict
  contains:
    provider:
      description: Name of the provider.
      type: str
      sample: scaleway
    msg:
      description: Why it is not known what is there.
      type: str
      sample: Scaleway did not answer.
  sample: []
code:
  description: Kind of failure, for example V(not_gone) or V(servers_left).
  returned: failure
  type: str
  sample: not_gone
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import entry, options, settings
from ..module_utils.errors import Auth, Permanent, PlatformError
from ..module_utils.leaving import Errand, clear
from ..module_utils.providers import registry
from ..module_utils.providers.base import Clock, NodeDriver, Sleep
from ..module_utils.reporting import failure
from ..module_utils.running import Run

SPEC = options.merge(
    {
        "fleet": {"type": "str", "required": True},
        "cluster": {"type": "str"},
        "state": {"type": "str", "choices": ["absent", "present"], "default": "present"},
        "with_data": {"type": "bool", "default": False},
        "prove": {"type": "bool", "default": False},
        "timeout": {"type": "int", "default": 300},
    },
    settings.PROVIDER_OPTIONS,
)

NOTHING: dict[str, Any] = {"changed": False, "leftovers": [], "removed": [], "billable": 0, "unknown": []}


def run(
    params: Mapping[str, Any],
    check_mode: bool = False,
    diff: bool = False,
    *,
    tell: Callable[[str], None] = lambda _line: None,
    clock: Clock = time.monotonic,
    sleep: Sleep = time.sleep,
) -> dict[str, Any]:
    """Do the module's work and return its result; a failure is a result with ``failed``. Needs no AnsibleModule."""
    try:
        fleet, cluster, timeout = wanted(params)
        deadline = clock() + timeout
        drivers, unknown = _drivers(params, clock, sleep, deadline)
    except PlatformError as error:
        return {**NOTHING, **failure([error])}
    errand = Errand(
        remove=params.get("state") == "absent",
        with_data=bool(params.get("with_data")),
        prove=bool(params.get("prove")),
    )
    this_run = Run(fleet, cluster, drivers, clock, sleep, deadline, tell)
    return clear(errand, this_run, unknown, check=check_mode, diff=diff)


def wanted(params: Mapping[str, Any]) -> tuple[str, str, float]:
    """Fleet, cluster (empty for all of them) and seconds, checked."""
    fleet = options.parse_name("fleet", params.get("fleet"))
    cluster = "" if params.get("cluster") is None else options.parse_name("cluster", params["cluster"])
    timeout = params.get("timeout")
    if timeout is not None and timeout <= 0:
        raise Permanent(f"timeout is {timeout}; allowed: seconds above zero.", code="invalid_option")
    return fleet, cluster, 300 if timeout is None else timeout


def _drivers(
    params: Mapping[str, Any], clock: Clock, sleep: Sleep, deadline: float
) -> tuple[dict[str, NodeDriver], dict[str, PlatformError]]:
    """A driver for every account, and the accounts that cannot be used: what is there, nobody knows."""
    accounts = settings.resolve(params)
    drivers: dict[str, NodeDriver] = {}
    unusable: dict[str, PlatformError] = {}
    for name in registry.known():
        needed = [setting for setting in settings.setting_list(name) if setting.required and not setting.default]
        if len(settings.missing(name, accounts[name])) == len(needed):
            continue
        try:
            settings.require(name, accounts[name])
            drivers[name] = registry.driver(name, accounts[name], clock=clock, sleep=sleep, deadline=deadline)
        except PlatformError as error:
            unusable[name] = error
    if not drivers and not unusable:
        raise Auth(
            "No provider has an account, so there is nobody to ask what is left. Set the option providers, or the "
            f"environment variables of one of them ({', '.join(registry.known())}).",
            code="no_credentials",
        )
    return drivers, unusable


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    entry.carry_out(module, run)


if __name__ == "__main__":
    main()
