#!/usr/bin/python
# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_info
short_description: Ask a cluster for its version and its nodes
version_added: "0.1.0"
description:
  - Proves that a kubeconfig opens its cluster, and says what the cluster is made of.
  - Fails with one sentence when the cluster cannot be reached or does not let us in.
author: Sovereign Fleet Maintainers (@sovereign-fleet)
options:
  kubeconfig:
    description:
      - Kubeconfig of the cluster.
    type: path
    required: true
  timeout:
    description:
      - Seconds to wait for a cluster that does not answer yet.
    type: int
    default: 30
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - Without a kubeconfig, check mode returns a cluster that is not reachable instead of failing.
  diff_mode:
    description: Will return details on what has changed when in diff mode.
    support: none
requirements:
  - kubernetes >= 30 (Python package)
"""

EXAMPLES = r"""
- name: Ask the cluster
  sovereign.fleet.cluster_info:
    kubeconfig: ~/.fleet/lab/development/kubeconfig
  register: answer

- name: Show its nodes
  ansible.builtin.debug:
    msg: "{{ answer.cluster.nodes | map(attribute='name') }}"
"""

RETURN = r"""
cluster:
  description: What the cluster said.
  returned: success
  type: dict
  contains:
    reachable:
      description: It has answered. False only in check mode.
      type: bool
      sample: true
    endpoint:
      description: Base URL of its API.
      type: str
      sample: https://198.18.0.1:16443
    version:
      description: Version of its API server.
      type: str
      sample: v1.36.3
    nodes:
      description: Its nodes, by name.
      type: list
      elements: dict
      contains:
        name:
          description: Name of the node.
          type: str
          sample: development-hetzner-workers-1
        ready:
          description: The kubelet says that the node can run pods.
          type: bool
          sample: true
        schedulable:
          description: New pods may come.
          type: bool
          sample: true
        version:
          description: Version of the kubelet.
          type: str
          sample: v1.36.3
        provider_id:
          description: The server behind the node.
          type: str
          sample: hcloud://10000001
        labels:
          description: Its labels.
          type: dict
          sample: {node.cloudprovider: hetzner}
        taints:
          description: Its taints, as C(key=value:effect).
          type: list
          elements: str
          sample: [node.cloudprovider=hetzner:NoSchedule]
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import entry
from ..module_utils.errors import PlatformError
from ..module_utils.kube import Kube
from ..module_utils.reporting import failure
from ..module_utils.waiting import wait_for

SPEC = {
    "kubeconfig": {"type": "path", "required": True},
    "timeout": {"type": "int", "default": 30},
}


def run(params: Mapping[str, Any], check_mode: bool = False, diff: bool = False) -> dict[str, Any]:
    """Do the module's work and return its result; a failure is a result with `failed`. Needs no AnsibleModule."""
    if check_mode and not Path(params["kubeconfig"]).is_file():
        return {"changed": False, "cluster": {"reachable": False, "endpoint": "", "version": "", "nodes": []}}
    kube = Kube(params["kubeconfig"])
    try:
        version = wait_for(kube.version, bool, params["timeout"], what="the cluster to answer")
        nodes = [node.as_result() for node in kube.nodes()]
    except PlatformError as error:
        return {"changed": False, **failure([error])}
    return {
        "changed": False,
        "cluster": {"reachable": True, "endpoint": kube.endpoint, "version": version, "nodes": nodes},
    }


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    entry.carry_out(module, run)


if __name__ == "__main__":
    main()
