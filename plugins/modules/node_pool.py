#!/usr/bin/python
# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_pool
short_description: Buy, start and remove the nodes of all pools of a cluster
version_added: "0.1.0"
description:
  - Makes the servers of a cluster's pools what O(pools) says, at several cloud providers at once.
  - Never buys a node twice. Every server carries a name and a token that follow from fleet, cluster, pool and number;
    what an interrupted run began, the next run goes on with.
  - A provider that does not answer, or answers in part, keeps its pools as they are, and the run fails in the end. The
    pools of other providers go on.
  - Pools shrink from their highest number down. A node is drained, its server deleted, and its Kubernetes Node removed
    once the provider says that the server is gone. Servers without the labels of this fleet are never touched.
author: Sovereign Fleet Maintainers (@sovereign-fleet)
options:
  fleet:
    description:
      - Id of the fleet, part of the labels of every server.
    type: str
    required: true
  cluster:
    description:
      - Name of the cluster that the pools belong to.
    type: str
    required: true
  kubeconfig:
    description:
      - Path of the cluster's kubeconfig. With it nodes are drained before they go, Kubernetes Nodes without a server
        are removed, and O(wait_joined) is possible. Without it servers are deleted without draining.
      - In check mode the file may be missing.
    type: path
  user_data:
    description:
      - Cloud-init of new servers by C(<pool>/<provider>/<location>), by C(<pool>), or by C(*) for all; the first that
        fits is used.
    type: dict
  wait_joined:
    description:
      - Wait until the Kubernetes nodes of all servers are Ready. Needs O(kubeconfig).
      - The default is V(true) with O(kubeconfig) and V(false) without.
    type: bool
  prune:
    description:
      - Also delete nodes of this cluster whose pools are not listed any more.
    type: bool
    default: false
  max_deletions:
    description:
      - A run that deletes more nodes than this needs O(confirm).
    type: int
    default: 10
  confirm:
    description:
      - The RV(plan_hash) of the run in check mode, to confirm what is told in RV(needs_confirmation).
      - Needed to delete more than O(max_deletions) nodes, the last node of a pool, a node with foreign disks attached,
        or one that carries the control plane.
    type: str
  timeout:
    description:
      - Seconds after which the run ends, whatever it still waits for.
    type: int
    default: 900
extends_documentation_fragment:
  - sovereign.fleet.pools
  - sovereign.fleet.providers
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
  diff_mode:
    description: Will return details on what has changed when in diff mode.
    support: full
    details:
      - Lists all nodes before and after, with prices, and the change of the bill per month and provider.
requirements:
  - hcloud >= 2.23, for pools at Hetzner
  - scaleway >= 2.12, for pools at Scaleway
  - kubernetes, with O(kubeconfig)
seealso:
  - module: sovereign.fleet.node_pool_info
  - module: sovereign.fleet.node_placement
  - module: sovereign.fleet.cloudfleet_join_info
"""

EXAMPLES = r"""
- name: Two nodes at Hetzner, in Nuremberg or else in Falkenstein, and two at Scaleway
  sovereign.fleet.node_pool:
    fleet: acme
    cluster: production
    kubeconfig: ~/.fleet/acme/production/kubeconfig
    user_data: "{{ join.user_data }}"
    pools:
      - name: hetzner-workers
        count: 2
        max_price_hour: 0.05
        offers:
          - {provider: hetzner, location: nbg1, type: cx33}
          - {provider: hetzner, location: fsn1, type: cx33}
        taints:
          - {key: node.cloudprovider, value: hetzner, effect: NoSchedule}
      - name: scaleway-workers
        count: 2
        offers:
          - {provider: scaleway, location: fr-par-1, type: DEV1-L}

- name: See what removing a whole pool would do
  sovereign.fleet.node_pool:
    fleet: acme
    cluster: production
    kubeconfig: ~/.fleet/acme/production/kubeconfig
    pools:
      - name: hetzner-workers
        count: 0
        offers:
          - {provider: hetzner, location: nbg1, type: cx33}
  check_mode: true
  diff: true
  register: foreseen

- name: Remove the pool, exactly as it was foreseen
  sovereign.fleet.node_pool:
    fleet: acme
    cluster: production
    kubeconfig: ~/.fleet/acme/production/kubeconfig
    confirm: "{{ foreseen.plan_hash }}"
    pools:
      - name: hetzner-workers
        count: 0
        offers:
          - {provider: hetzner, location: nbg1, type: cx33}
"""

RETURN = r"""
nodes:
  description: All nodes of the cluster after the run; in check mode and after a refusal those before it.
  returned: always
  type: list
  elements: dict
  sample:
    - provider: hetzner
      id: "4711"
      name: production-hetzner-workers-1
      location: nbg1
      zone: nbg1
      region: eu-central
      country: DE
      pool: hetzner-workers
      cluster: production
      type: cx33
      state: running
      public_ipv4: 192.0.2.11
      public_ipv6: "2001:db8:1::1"
      private_ipv4: ""
      labels: {fleet.id: acme, fleet.cluster: production, fleet.pool: hetzner-workers}
      price_hour: 0.0136
      protected: false
      provider_id: "hcloud://4711"
      created: "2026-09-01T08:00:00+00:00"
created:
  description: Names of the nodes that were bought.
  returned: always
  type: list
  elements: str
  sample: [production-hetzner-workers-2]
started:
  description: Names of the nodes that were off, half made or switched off, and run now.
  returned: always
  type: list
  elements: str
  sample: []
deleted:
  description: Names of the nodes that are gone.
  returned: always
  type: list
  elements: str
  sample: []
pending:
  description: What the run would do.
  returned: in check mode
  type: dict
  sample:
    create:
      - name: production-hetzner-workers-2
        pool: hetzner-workers
        provider: hetzner
        location: nbg1
        type: cx33
        price_hour: 0.0136
    start: []
    delete: []
    remove_disks: []
    remove_kubernetes_nodes: []
plan_hash:
  description: Names exactly this set of changes, for O(confirm).
  returned: always
  type: str
  sample: 5f2b7c0a91de
needs_confirmation:
  description: Why the run needs O(confirm); empty when it does not.
  returned: always
  type: list
  elements: str
  sample: ["it deletes the last node of pool hetzner-workers"]
monthly_change:
  description: How the bill changes by provider, in EUR per month of 730 hours without VAT.
  returned: always
  type: dict
  sample: {hetzner: 9.93}
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import options, settings
from ..module_utils.errors import Permanent, PlatformError
from ..module_utils.joining import Kube
from ..module_utils.providers import registry
from ..module_utils.providers.base import Clock, NodeDriver, Sleep
from ..module_utils.reconcile import Wish, reconcile
from ..module_utils.reporting import failure
from ..module_utils.running import Run

SPEC = options.merge(
    {
        "fleet": {"type": "str", "required": True},
        "cluster": {"type": "str", "required": True},
        "kubeconfig": {"type": "path"},
        "user_data": {"type": "dict", "no_log": True},
        "wait_joined": {"type": "bool"},
        "prune": {"type": "bool", "default": False},
        "max_deletions": {"type": "int", "default": 10},
        "confirm": {"type": "str"},
        "timeout": {"type": "int", "default": 900},
    },
    options.POOL_SPEC,
    settings.PROVIDER_OPTIONS,
)


def run(
    params: Mapping[str, Any],
    check_mode: bool = False,
    diff: bool = False,
    *,
    tell: Callable[[str], None] = lambda _line: None,
    clock: Clock = time.monotonic,
    sleep: Sleep = time.sleep,
    open_kube: Callable[[str], Kube] | None = None,
) -> dict[str, Any]:
    """Do the module's work and return its result; a failure is a result with ``failed``. Needs no AnsibleModule.

    ``tell`` takes a line whenever something has happened.
    """
    try:
        wish = desired(params)
        deadline = clock() + (params.get("timeout") or 900)
        drivers, remarks = _drivers(params, wish, clock, sleep, deadline)
        kube = _kube(params.get("kubeconfig"), check_mode, open_kube or _open_kube)
    except PlatformError as error:
        return {"changed": False, "nodes": [], **failure([error])}
    this_run = Run(params["fleet"], params["cluster"], drivers, clock, sleep, deadline, tell)
    result = reconcile(wish, this_run, kube, check=check_mode, diff=diff)
    return {**result, "warnings": [*result.get("warnings", []), *remarks]}


def desired(params: Mapping[str, Any]) -> Wish:
    """The wish in the options. Raises PlatformError for the first one that cannot be meant."""
    options.parse_name("fleet", params.get("fleet"))
    cluster = options.parse_name("cluster", params.get("cluster"))
    pools = options.parse_pools(params.get("pools"), cluster)
    kubeconfig, wait_joined = params.get("kubeconfig"), params.get("wait_joined")
    if wait_joined and not kubeconfig:
        raise Permanent(
            "wait_joined is true, but there is no kubeconfig to look at the nodes with.", code="invalid_option"
        )
    timeout, limit = params.get("timeout", 900), params.get("max_deletions", 10)
    if timeout is not None and timeout <= 0:
        raise Permanent(f"timeout is {timeout}; allowed: seconds above zero.", code="invalid_option")
    return Wish(
        pools=pools,
        user_data=options.parse_user_data(params.get("user_data"), pools),
        prune=bool(params.get("prune")),
        wait_joined=bool(kubeconfig) if wait_joined is None else wait_joined,
        max_deletions=10 if limit is None else limit,
        confirm=params.get("confirm") or "",
    )


def _drivers(
    params: Mapping[str, Any], wish: Wish, clock: Clock, sleep: Sleep, deadline: float
) -> tuple[dict[str, NodeDriver], list[str]]:
    """A driver for every provider that the pools name, and for every other one with an account: nodes may be there."""
    accounts = settings.resolve(params)
    named = {offer.provider for pool in wish.pools for offer in pool.offers}
    drivers: dict[str, NodeDriver] = {}
    remarks = []
    for name in registry.known():
        if name not in named and settings.missing(name, accounts[name]):
            continue
        try:
            settings.require(name, accounts[name])
            drivers[name] = registry.driver(name, accounts[name], clock=clock, sleep=sleep, deadline=deadline)
        except PlatformError as error:
            if name in named or wish.prune:
                raise
            remarks.append(f"{error} No pool is at {name}, so the run goes on without it.")
    return drivers, remarks


def _kube(path: str | None, check_mode: bool, open_kube: Callable[[str], Kube]) -> Kube | None:
    if not path:
        return None
    if not Path(path).is_file():
        if check_mode:
            return None
        raise Permanent(
            f"There is no kubeconfig {path}; create the cluster first, or leave kubeconfig out to go without draining "
            "and without waiting for nodes to join.",
            code="no_kubeconfig",
        )
    return open_kube(path)


def _open_kube(path: str) -> Kube:
    from ..module_utils.kube import Kube as ClusterKube

    return ClusterKube(path)


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    result = run(module.params, check_mode=module.check_mode, diff=module._diff)
    for warning in result.pop("warnings", []):
        module.warn(warning)
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
