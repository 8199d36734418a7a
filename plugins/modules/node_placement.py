#!/usr/bin/python
# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_placement
short_description: Give the nodes of a cluster the labels and taints that place workloads
version_added: "0.1.0"
description:
  - Gives every node of a cluster the labels and taints of its pool, and its provider id when it has none.
  - Reads all nodes by one request and changes only those that differ.
  - Remembers in the annotation C(fleet/placement) what it has set. A label or taint that the pool no longer asks for is
    removed; those that others have set are left alone.
author: Sovereign Fleet Maintainers (@sovereign-fleet)
options:
  kubeconfig:
    description:
      - Kubeconfig of the cluster.
    type: path
    required: true
  nodes:
    description:
      - The servers, as M(sovereign.fleet.node_pool) and M(sovereign.fleet.node_pool_info) return them. A server whose
        pool is not in O(pools) is left alone.
    type: list
    elements: dict
    required: true
extends_documentation_fragment:
  - sovereign.fleet.pools
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - A node that has not joined yet, or a cluster that does not exist yet, counts as a change.
  diff_mode:
    description: Will return details on what has changed when in diff mode.
    support: full
requirements:
  - kubernetes >= 30 (Python package)
seealso:
  - module: sovereign.fleet.node_pool
"""

EXAMPLES = r"""
- name: Find the nodes
  sovereign.fleet.node_pool_info:
    fleet: acme
    cluster: development
  register: found

- name: Place them
  sovereign.fleet.node_placement:
    kubeconfig: ~/.fleet/acme/development/kubeconfig
    nodes: "{{ found.nodes }}"
    pools:
      - name: workers
        count: 2
        offers:
          - {provider: hetzner, location: nbg1, type: cx33}
        labels: {tier: web}
        taints:
          - {key: node.cloudprovider, value: hetzner, effect: NoSchedule}
"""

RETURN = r"""
patched:
  description: Names of the nodes that were changed, or would be.
  returned: success
  type: list
  elements: str
  sample: [development-workers-1]
missing:
  description: Names of servers that are not nodes of the cluster yet. Outside check mode they are a failure.
  returned: success
  type: list
  elements: str
  sample: []
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import entry, options, placing
from ..module_utils.errors import PlatformError
from ..module_utils.kube import Kube
from ..module_utils.model import Node, Pool
from ..module_utils.placement import Placement, wanted
from ..module_utils.reporting import failure

SPEC: dict[str, Any] = {
    "kubeconfig": {"type": "path", "required": True},
    "nodes": {"type": "list", "elements": "dict", "required": True},
    **options.POOL_SPEC,
}


def desired(nodes: Sequence[Mapping[str, Any]], pools: Sequence[Pool]) -> dict[str, Placement]:
    """The placement of every node whose pool is known, by name."""
    by_name = {pool.name: pool for pool in pools}
    placements = {}
    for item in nodes:
        if pool := by_name.get(str(item.get("pool") or "")):
            node = _server(item)
            placements[node.name] = wanted(node, pool)
    return placements


def _server(item: Mapping[str, Any]) -> Node:
    def text(key: str) -> str:
        return str(item.get(key) or "")

    return Node(
        provider=text("provider"),
        id=text("id"),
        name=text("name"),
        location=text("location"),
        zone=text("zone"),
        region=text("region"),
        country=text("country"),
        type=text("type"),
        state=text("state"),
        provider_id=text("provider_id"),
    )


def run(params: Mapping[str, Any], check_mode: bool = False, diff: bool = False) -> dict[str, Any]:
    """Do the module's work and return its result; a failure is a result with `failed`. Needs no AnsibleModule."""
    try:
        return reconciled(params, check_mode=check_mode)
    except PlatformError as error:
        return {"changed": False, **failure([error])}


def reconciled(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Bring the nodes to their placement; the result of the module. Raises PlatformError."""
    placements = desired(params["nodes"], options.parse_pools(params["pools"]))
    kube = Kube(params["kubeconfig"])
    if not placements:
        outcome = placing.Outcome()
    elif check_mode and not Path(params["kubeconfig"]).is_file():
        outcome = placing.compare(placements, {})
    else:
        outcome = placing.read(kube, placements)
    if not check_mode:
        placing.apply(kube, placements, outcome)
    return {
        "changed": bool(outcome.changes),
        "patched": [change.node for change in outcome.changes],
        "missing": list(outcome.missing),
        "diff": outcome.diff(),
    }


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    entry.carry_out(module, run)


if __name__ == "__main__":
    main()
