# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the option that describes pools."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment ``sovereign.fleet.pools``."""

    DOCUMENTATION = r"""
options:
  pools:
    description:
      - All pools of the cluster. A pool is a named set of equal nodes.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Name of the pool, of lower-case letters, digits and inner dashes.
          - Nodes are called C(<cluster>-<pool>-<number>), numbered from 1.
        type: str
        required: true
      count:
        description:
          - How many nodes the pool has.
        type: int
        required: true
      offers:
        description:
          - Where and as what nodes may be bought, the best first.
          - When an offer is sold out, above the quota or not sold any more, the next one is taken.
        type: list
        elements: dict
        required: true
        suboptions:
          provider:
            description:
              - Name of the provider, V(hetzner) or V(scaleway).
            type: str
            required: true
          location:
            description:
              - The provider's name of the place, for example V(nbg1) at Hetzner or V(fr-par-1) at Scaleway.
            type: str
            required: true
          type:
            description:
              - The provider's name of the server type, for example V(cx33) or V(DEV1-L).
            type: str
            required: true
          image:
            description:
              - The provider's name of the image. Ubuntu 24.04 if it is left out.
            type: str
      labels:
        description:
          - Labels of the Kubernetes nodes. Values are text; put numbers and truth values in quotes.
        type: dict
      taints:
        description:
          - Taints of the Kubernetes nodes.
        type: list
        elements: dict
        suboptions:
          key:
            description:
              - Key of the taint.
            type: str
            required: true
          value:
            description:
              - Value of the taint.
            type: str
          effect:
            description:
              - What happens to pods that do not tolerate it.
            type: str
            required: true
            choices: [NoSchedule, PreferNoSchedule, NoExecute]
      max_price_hour:
        description:
          - No node is bought that costs more than this per hour, without VAT, in the provider's currency.
        type: float
      ssh_keys:
        description:
          - Names of SSH keys that are known to the provider. Scaleway puts all keys of a project on its servers anyway.
        type: list
        elements: str
"""
