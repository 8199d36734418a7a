#!/usr/bin/python
# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudfleet_join_info
short_description: Get what servers must be told to join a cluster at Cloudfleet
version_added: "0.1.0"
description:
  - Asks Cloudfleet for the cloud-init text of every place where nodes of the given pools may stand.
  - The texts hold a credential. Register the result under C(no_log).
author: Sovereign Fleet Maintainers (@sovereign-fleet)
options:
  cluster:
    description:
      - Name of the cluster.
    type: str
    required: true
extends_documentation_fragment:
  - sovereign.fleet.pools
  - sovereign.fleet.providers
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - For a cluster that does not exist yet, or is not deployed yet, check mode returns no texts instead of failing.
  diff_mode:
    description: Will return details on what has changed when in diff mode.
    support: none
seealso:
  - module: sovereign.fleet.cloudfleet_cluster
  - module: sovereign.fleet.node_pool
"""

EXAMPLES = r"""
- name: Get the join information
  sovereign.fleet.cloudfleet_join_info:
    cluster: development
    pools:
      - name: workers
        count: 2
        offers:
          - {provider: hetzner, location: nbg1, type: cx33}
  register: join
  no_log: true
"""

RETURN = r"""
user_data:
  description: Cloud-init text by C(<pool>/<provider>/<location>). Secret.
  returned: success
  type: dict
  sample:
    workers/hetzner/nbg1: "#cloud-config"
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import cloudfleet_join, entry, options, settings
from ..module_utils.cloudfleet import Cloudfleet
from ..module_utils.errors import NotFound, PlatformError
from ..module_utils.reporting import failure

SPEC: dict[str, Any] = {
    "cluster": {"type": "str", "required": True},
    **options.POOL_SPEC,
    **settings.PROVIDER_OPTIONS,
}


def run(params: Mapping[str, Any], check_mode: bool = False, diff: bool = False) -> dict[str, Any]:
    """Do the module's work and return its result; a failure is a result with `failed`. Needs no AnsibleModule."""
    try:
        return {"changed": False, "user_data": texts(params, check_mode=check_mode)}
    except PlatformError as error:
        return {"changed": False, **failure([error])}


def texts(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, str]:
    """The texts; none in check mode when the cluster cannot give them yet. Raises PlatformError."""
    wanted = cloudfleet_join.joins(options.parse_pools(params["pools"], params["cluster"]))
    account = settings.resolve(params)[settings.CLOUDFLEET]
    settings.require(settings.CLOUDFLEET, account)
    client = Cloudfleet(account)
    cluster = client.find(params["cluster"]) if wanted else None
    if not wanted or (check_mode and not (cluster and cluster.deployed)):
        return {}
    if cluster is None:
        raise NotFound(
            f"Cloudfleet has no cluster named {params['cluster']}. Create it first (role control_plane).",
            provider=settings.CLOUDFLEET,
        )
    return cloudfleet_join.user_data(client, cluster.id, wanted)


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    entry.carry_out(module, run)


if __name__ == "__main__":
    main()
