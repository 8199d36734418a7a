#!/usr/bin/python
# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_pool
short_description: Buy, start, replace, repair and remove the nodes of all pools of a cluster
version_added: "0.1.0"
description:
  - Makes the servers of a cluster's pools what O(pools) says, at several cloud providers at once.
  - Never buys a node twice. Every server carries a name and a token that follow from fleet, cluster, pool and number;
    what an interrupted run began, the next run goes on with.
  - A provider that does not answer, answers in part, or refuses its credential, keeps its pools as they are, and the
    run fails in the end. The pools of other providers go on. A pool with offers at several providers waits for all of
    them, because its nodes may stand at any of them.
  - Pools shrink from their highest number down. A node is drained, its server deleted, and its Kubernetes Node removed
    once the provider says that the server is gone. Servers without the labels of this fleet are never touched.
  - A node whose type or place is in no offer of its pool any more, or whose image or user data is another one than
    wished, is replaced. One node at a time over the whole cluster, the new one is bought, has to become Ready and gets
    its labels and taints, before the old one is drained and deleted. A run that is interrupted in between is finished
    by the next one.
  - With O(kubeconfig), nodes that do not work are repaired, that is, removed and bought anew. These are nodes that have
    been NotReady for longer than O(unready_limit), and servers that are older than O(join_limit) and have never
    registered, or never been Ready. A broken node goes first, without waiting for its pods, and the new one gets its
    name. When more than half of a pool's nodes, and more than one, do not work, none of them is touched, because a lost
    network looks the same. Servers in an error state are repaired without O(kubeconfig) too.
  - A Kubernetes label C(fleet/upgrade-lock) on a node, with any value, makes everything that would drain this node wait
    until the label is gone. A node with that label is not repaired.
  - A server that was made by hand becomes part of a pool when it is given the labels C(fleet.id), C(fleet.cluster) and
    C(fleet.pool), the pool has an offer at its provider, and no other node has its name. In the run that takes it over,
    nothing else is done to it. It is never replaced by itself, whatever its type, but it is the first to go when the
    pool shrinks.
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
  user_data_revisions:
    description:
      - Texts that stand for O(user_data) when it is asked whether a node has to be replaced, with the same keys. Give
        one where the user data holds something that changes by itself, such as a token; change it to have nodes
        replaced.
      - Without it the user data itself is compared. Without either, nothing is compared.
    type: dict
  unready_limit:
    description:
      - Seconds that a node may be NotReady before it is repaired.
    type: int
    default: 600
  join_limit:
    description:
      - Seconds after its making in which a server has to become Ready in Kubernetes before it is repaired.
    type: int
    default: 900
  fail_on_unserved:
    description:
      - If V(false), a provider that does not answer or refuses its credential is a warning and an entry in
        RV(unserved), and does not make the module fail. Everything else does.
    type: bool
    default: true
  wait_joined:
    description:
      - Wait until the Kubernetes nodes of all servers are Ready. Needs O(kubeconfig).
      - The default is V(true) with O(kubeconfig) and V(false) without.
    type: bool
  prune:
    description:
      - Also delete nodes of this cluster whose pools are not listed any more. Without it they are RV(orphans).
    type: bool
    default: false
  max_deletions:
    description:
      - A run that deletes more nodes than this needs O(confirm). Nodes that are replaced or repaired count.
    type: int
    default: 2
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
      - Lists all nodes before and after, with prices, the prerequisites that are made, and the bill per month and
        provider.
requirements:
  - hcloud >= 2.23, for pools at Hetzner
  - scaleway >= 2.12, for pools at Scaleway
  - keystoneauth1 >= 5.18, for pools at OVHcloud and Infomaniak
  - stackit-core >= 0.4, for pools at STACKIT
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

- name: Give every node new user data, one node at a time, because the revision is another one than the last time
  sovereign.fleet.node_pool:
    fleet: acme
    cluster: production
    kubeconfig: ~/.fleet/acme/production/kubeconfig
    user_data: "{{ join.user_data }}"
    user_data_revisions: {"*": "2026-11"}
    timeout: 7200
    pools:
      - name: hetzner-workers
        count: 3
        offers:
          - {provider: hetzner, location: nbg1, type: cx33}

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
  description: All nodes of the cluster after the run; in check mode those before it.
  returned: success
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
providers:
  description:
    - Providers where nodes of the cluster stand after the run, in check mode those where they would. One that does not
      answer is among them if Kubernetes knows nodes there.
  returned: always
  type: list
  elements: str
  sample: [hetzner]
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
adopted:
  description: Names of the servers that were made by hand and belong to a pool now.
  returned: always
  type: list
  elements: str
  sample: []
replaced:
  description:
    - The nodes that gave way to others because they were outdated. They are in RV(deleted), the others in RV(created).
  returned: always
  type: list
  elements: dict
  sample:
    - name: production-hetzner-workers-2
      by: production-hetzner-workers-3
repaired:
  description: The nodes that did not work and were bought anew. They are in RV(deleted) and RV(created) too.
  returned: always
  type: list
  elements: dict
  sample:
    - name: production-hetzner-workers-1
      by: production-hetzner-workers-1
prerequisites:
  description: What had to be made or put right around the servers, such as networks, firewalls and SSH keys.
  returned: always
  type: list
  elements: str
  sample: ["network acme-production (10.64.0.0/16) at hetzner"]
choices:
  description: The offer that each new node was, or would be, bought by, and why others were not taken.
  returned: always
  type: list
  elements: dict
  sample:
    - name: production-hetzner-workers-2
      offer: hetzner/fsn1/cx33
      refused: ["hetzner/nbg1/cx33: the type cannot be ordered there now"]
orphans:
  description:
    - Servers with labels of this fleet and cluster that belong to no pool. Each is a warning, none is touched.
  returned: always
  type: list
  elements: dict
  sample:
    - provider: hetzner
      id: "4713"
      name: by-hand
      location: nbg1
      pool: hetzner-workers
      reason: it lacks the label fleet.token
unserved:
  description: Pools that were not served because a provider did not answer or refused its credential.
  returned: always
  type: list
  elements: dict
  sample:
    - pool: scaleway-workers
      provider: scaleway
      code: unreachable
      msg: Scaleway does not answer at https://api.scaleway.com. Pool scaleway-workers stays as it is.
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
    adopt: []
    replace:
      - name: production-hetzner-workers-1
        reason: hetzner/nbg1/cx23 is in no offer of pool hetzner-workers any more
        by: production-hetzner-workers-3
        provider: hetzner
        location: nbg1
        type: cx33
        price_hour: 0.0136
    repair: []
    delete: []
    prerequisites: []
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
bill:
  description:
    - What the nodes cost before and after, in EUR per month without VAT, with public address and root disk. By provider
      and in all. Amounts are texts.
  returned: success, in check mode and when something changes
  type: dict
  sample:
    before: {hetzner: "8.49"}
    after: {hetzner: "16.98"}
    change: {hetzner: "8.49"}
    total_before: "8.49"
    total_after: "16.98"
    total_change: "8.49"
    unknown: []
    prices: {hetzner: live}
"""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import entry, options, settings
from ..module_utils.ailing import Limits
from ..module_utils.blueprint import keys_for
from ..module_utils.errors import Permanent, PlatformError
from ..module_utils.joining import Kube
from ..module_utils.model import Pool
from ..module_utils.providers import registry
from ..module_utils.providers.base import Clock, NodeDriver, Sleep
from ..module_utils.reconcile import reconcile
from ..module_utils.reporting import failure
from ..module_utils.running import Run, Turn
from ..module_utils.telling import NOTHING
from ..module_utils.wishing import Wish

ONLY_ON_SUCCESS = ("bill", "choices", "nodes")
"""Keys of the result that would bury the sentence of a failure."""
MAX_DELETIONS = 2
"""How many nodes may go in one run without a confirmation: a typo should cost few."""

SPEC = options.merge(
    {
        "fleet": {"type": "str", "required": True},
        "cluster": {"type": "str", "required": True},
        "kubeconfig": {"type": "path"},
        "user_data": {"type": "dict", "no_log": True},
        "user_data_revisions": {"type": "dict"},
        "wait_joined": {"type": "bool"},
        "unready_limit": {"type": "int", "default": 600},
        "join_limit": {"type": "int", "default": 900},
        "fail_on_unserved": {"type": "bool", "default": True},
        "prune": {"type": "bool", "default": False},
        "max_deletions": {"type": "int", "default": MAX_DELETIONS},
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
    wall: Clock = time.time,
    open_kube: Callable[[str], Kube] | None = None,
) -> dict[str, Any]:
    """Do the module's work and return its result; a failure is a result with ``failed``. Needs no AnsibleModule.

    ``tell`` takes a line whenever something has happened.
    """
    try:
        wish = desired(params)
        deadline = clock() + (params.get("timeout") or 900)
        drivers, unopened, remarks = _drivers(params, wish, clock, sleep, deadline)
        kube = _kube(params.get("kubeconfig"), check_mode, open_kube or _open_kube)
    except PlatformError as error:
        return {**NOTHING, **failure([error])}
    this_run = Run(params["fleet"], params["cluster"], drivers, clock, sleep, deadline, tell, wall, unopened)
    result = reconcile(wish, this_run, kube, check=check_mode, diff=diff, turn=_turn(this_run, kube))
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
    _seconds(params, "timeout", 900)
    limit = params.get("max_deletions")
    return Wish(
        pools=pools,
        user_data=options.parse_user_data(params.get("user_data"), pools),
        revisions=_revisions(params.get("user_data_revisions"), pools),
        prune=bool(params.get("prune")),
        wait_joined=bool(kubeconfig) if wait_joined is None else wait_joined,
        max_deletions=MAX_DELETIONS if limit is None else limit,
        confirm=params.get("confirm") or "",
        limits=Limits(_seconds(params, "unready_limit", 600), _seconds(params, "join_limit", 900)),
        fail_on_unserved=params.get("fail_on_unserved") is not False,
    )


def _seconds(params: Mapping[str, Any], option: str, default: int) -> int:
    value = default if params.get(option) is None else params[option]
    if value <= 0:
        raise Permanent(f"{option} is {value}; allowed: seconds above zero.", code="invalid_option")
    return int(value)


def _revisions(given: Mapping[str, Any] | None, pools: tuple[Pool, ...]) -> dict[str, str]:
    allowed = {"*"} | {key for pool in pools for offer in pool.offers for key in keys_for(pool, offer)}
    for key in given or {}:
        if key not in allowed:
            raise Permanent(
                f"user_data_revisions has the unknown key {key!r}; allowed are: {', '.join(sorted(allowed))}.",
                code="invalid_option",
            )
    return {key: str(text) for key, text in (given or {}).items()}


def _drivers(
    params: Mapping[str, Any], wish: Wish, clock: Clock, sleep: Sleep, deadline: float
) -> tuple[dict[str, NodeDriver], dict[str, PlatformError], list[str]]:
    """A driver for every provider that the pools name, and for every other one with an account: nodes may be there.

    With it the accounts that cannot be used, and remarks about those that nothing depends on.
    """
    accounts = settings.resolve(params)
    named = {offer.provider for pool in wish.pools for offer in pool.offers}
    drivers: dict[str, NodeDriver] = {}
    unopened: dict[str, PlatformError] = {}
    remarks = []
    for name in registry.known():
        if name not in named and settings.missing(name, accounts[name]):
            continue
        try:
            settings.require(name, accounts[name])
            drivers[name] = registry.driver(name, accounts[name], clock=clock, sleep=sleep, deadline=deadline)
        except PlatformError as error:
            if name in named or wish.prune:
                unopened[name] = error
            else:
                remarks.append(f"{error} No pool is at {name}, so the run goes on without it.")
    return drivers, unopened, remarks


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


def _turn(this_run: Run, kube: Kube | None) -> AbstractContextManager[Turn] | None:
    """The lock of the cluster that can be opened. Without one, servers carry tokens by which doubles are found."""
    api = getattr(kube, "api", None)
    if api is None:
        return None
    from ..module_utils import lease

    return lease.turn(
        api,
        this_run.cluster,
        lease.identity(),
        clock=this_run.clock,
        sleep=this_run.sleep,
        deadline=this_run.deadline,
        tell=this_run.tell,
    )


def _open_kube(path: str) -> Kube:
    from ..module_utils.kube import Kube as ClusterKube

    return ClusterKube(path)


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    entry.carry_out(module, run, ONLY_ON_SUCCESS)


if __name__ == "__main__":
    main()
