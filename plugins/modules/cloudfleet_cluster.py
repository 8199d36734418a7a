#!/usr/bin/python
# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudfleet_cluster
short_description: Create, change or delete a Kubernetes control plane at Cloudfleet
version_added: "0.1.0"
description:
  - Makes sure that a cluster of this name exists at Cloudfleet, waits until it serves its API, and writes its
    kubeconfig.
  - An update sends every editable field along, because at Cloudfleet an update replaces the whole cluster.
  - Names are not unique at Cloudfleet. Runs at the same time agree on the oldest cluster of the name, and each takes
    back a younger one that it ordered itself. A younger one that stays is told in a warning.
author: Sovereign Fleet Maintainers (@sovereign-fleet)
options:
  name:
    description:
      - Name of the cluster. No other cluster of the organization may have it.
    type: str
    required: true
  region:
    description:
      - Region of the control plane, for example V(europe-central-1a). It cannot change afterwards.
      - Required if O(state=present).
    type: str
  version:
    description:
      - Minor version of Kubernetes, for example V("1.36"), or a whole version channel of Cloudfleet.
      - Required if O(state=present).
    type: str
  tier:
    description:
      - Tier of the control plane.
    type: str
    choices: [basic, pro, enterprise]
    default: basic
  state:
    description:
      - Whether the cluster shall exist. When several have its name, V(absent) is refused, because any of them could be
        meant.
    type: str
    choices: [present, absent]
    default: present
  kubeconfig:
    description:
      - Where the kubeconfig is written, readable by its owner only. Needs O(wait=true) for a new cluster.
    type: path
  wait:
    description:
      - Wait until the cluster is deployed, or gone.
    type: bool
    default: true
  timeout:
    description:
      - Seconds to wait.
    type: int
    default: 900
extends_documentation_fragment:
  - sovereign.fleet.providers
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
  diff_mode:
    description: Will return details on what has changed when in diff mode.
    support: full
    details:
      - Of the kubeconfig it says only that the file changes.
seealso:
  - module: sovereign.fleet.cloudfleet_join_info
"""

EXAMPLES = r"""
- name: Create a cluster
  sovereign.fleet.cloudfleet_cluster:
    name: development
    region: europe-central-1a
    version: "1.36"
    kubeconfig: ~/.fleet/acme/development/kubeconfig

- name: Move it to the next version of Kubernetes
  sovereign.fleet.cloudfleet_cluster:
    name: development
    region: europe-central-1a
    version: "1.37"

- name: Delete it
  sovereign.fleet.cloudfleet_cluster:
    name: development
    state: absent
"""

RETURN = r"""
cluster:
  description: The cluster; in check mode as it was. Empty if there is none.
  returned: success
  type: dict
  contains:
    id:
      description: Its id at Cloudfleet.
      type: str
      sample: b3618d0a-5a46-4e23-a583-2c79171b31a0
    name:
      description: Its name.
      type: str
      sample: development
    status:
      description: One of V(creating), V(deployed), V(updating), V(disabled).
      type: str
      sample: deployed
    endpoint:
      description: Base URL of its Kubernetes API.
      type: str
      sample: https://198.18.0.1:16443
    version:
      description: Version of Kubernetes.
      type: str
      sample: 1.36.3-cfke.1
    region:
      description: Region of the control plane.
      type: str
      sample: europe-central-1a
    tier:
      description: Tier of the control plane.
      type: str
      sample: basic
kubeconfig:
  description:
    - Where the kubeconfig of this cluster lies. Empty in check mode as long as it does not lie there, so that what
      comes next does not ask a cluster of the past.
  returned: when O(state=present)
  type: str
  sample: /home/someone/.fleet/acme/production/kubeconfig
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import entry, kubeconfig_file, settings
from ..module_utils.cloudfleet import PROVIDER, Cloudfleet, CloudfleetCluster
from ..module_utils.cloudfleet_lifecycle import ClusterLifecycle, WantedCluster, differences, text
from ..module_utils.errors import Conflict, PlatformError
from ..module_utils.reporting import failure

SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "region": {"type": "str"},
    "version": {"type": "str"},
    "tier": {"type": "str", "choices": ["basic", "pro", "enterprise"], "default": "basic"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "kubeconfig": {"type": "path"},
    "wait": {"type": "bool", "default": True},
    "timeout": {"type": "int", "default": 900},
    **settings.PROVIDER_OPTIONS,
}

REQUIRED_IF = [("state", "present", ("region", "version"))]

Result = dict[str, Any]


def run(params: Mapping[str, Any], check_mode: bool = False, diff: bool = False) -> Result:
    """Do the module's work and return its result; a failure is a result with `failed`. Needs no AnsibleModule."""
    try:
        return reconciled(params, check_mode=check_mode)
    except PlatformError as error:
        return {"changed": False, **failure([error])}


def reconciled(params: Mapping[str, Any], *, check_mode: bool) -> Result:
    """Bring the cluster to its state; the result of the module. Raises PlatformError."""
    account = settings.resolve(params)[settings.CLOUDFLEET]
    settings.require(settings.CLOUDFLEET, account)
    client = Cloudfleet(account)
    lifecycle = ClusterLifecycle(client, params["timeout"])
    there = client.named(params["name"])
    now = there[0] if there else None
    if params["state"] == "absent":
        _refuse_several(there)
        return _absent(lifecycle, now, wait=params["wait"], check_mode=check_mode)
    wanted = WantedCluster(params["name"], params["region"], params["tier"], params["version"])
    changes = differences(wanted, now) if now else wanted.fields()
    after = now if check_mode else _present(lifecycle, wanted, now, changes, wait=params["wait"])
    before_text, after_text = text(now), text(now, changes)
    rewritten = _kubeconfig(client, after, params["kubeconfig"], check_mode=check_mode)
    return {
        "changed": bool(changes) or bool(rewritten),
        "cluster": after.as_result() if after else {},
        "kubeconfig": _opens(params["kubeconfig"], after, rewritten, check_mode=check_mode),
        "diff": [{"before": before_text, "after": after_text}, *rewritten],
        "warnings": _doubles(client, params["name"]) if len(there) > 1 else [],
    }


def _refuse_several(there: Sequence[CloudfleetCluster]) -> None:
    if len(there) > 1:
        ids = ", ".join(cluster.id for cluster in there)
        raise Conflict(
            f"Cloudfleet has {len(there)} clusters named {there[0].name} ({ids}), and any of them could be the one to "
            "delete. Delete all but one of them in the Cloudfleet console, then run again.",
            provider=PROVIDER,
            code="several",
        )


def _doubles(client: Cloudfleet, name: str) -> list[str]:
    """Younger clusters of the name that nobody has taken back by now."""
    there = client.named(name)
    if len(there) < 2:
        return []
    younger = ", ".join(cluster.id for cluster in there[1:])
    said = f"Cloudfleet has {len(there)} clusters named {name}. The oldest one ({there[0].id}) is used; "
    return [f"{said}delete {younger} in the Cloudfleet console if nothing needs it."]


def _present(
    lifecycle: ClusterLifecycle,
    wanted: WantedCluster,
    now: CloudfleetCluster | None,
    changes: dict[str, str],
    *,
    wait: bool,
) -> CloudfleetCluster:
    if now is None:
        return lifecycle.create(wanted, wait=wait)
    cluster = lifecycle.update(now, changes) if changes else now
    return lifecycle.wait_deployed(cluster) if wait else cluster


def _absent(lifecycle: ClusterLifecycle, now: CloudfleetCluster | None, *, wait: bool, check_mode: bool) -> Result:
    if now and not check_mode:
        lifecycle.delete(now, wait=wait)
    return {"changed": now is not None, "cluster": {}, "diff": [{"before": text(now), "after": ""}]}


def _kubeconfig(
    client: Cloudfleet, cluster: CloudfleetCluster | None, path: str | None, *, check_mode: bool
) -> list[dict[str, str]]:
    """Write the kubeconfig if it differs; what the diff may say about it."""
    if not path or cluster is None or not cluster.deployed:
        return []
    content = client.kubeconfig(cluster.id)
    if not kubeconfig_file.differs(path, content):
        return []
    shown = kubeconfig_file.diff(path)
    if not check_mode:
        kubeconfig_file.write(path, content)
    return [shown]


def _opens(
    path: str | None, cluster: CloudfleetCluster | None, rewritten: list[dict[str, str]], *, check_mode: bool
) -> str:
    """The path at which the kubeconfig of this cluster lies now; empty when only a real run would put it there."""
    stale = check_mode and (cluster is None or bool(rewritten))
    return "" if stale or not path else path


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, required_if=REQUIRED_IF, supports_check_mode=True)
    entry.carry_out(module, run)


if __name__ == "__main__":
    main()
