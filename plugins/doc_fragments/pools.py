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
              - Name of the provider, V(hetzner), V(infomaniak), V(ovhcloud), V(scaleway) or V(stackit).
            type: str
            required: true
          location:
            description:
              - The provider's name of the place, for example V(nbg1) at Hetzner, V(fr-par-1) at Scaleway, V(GRA11) at
                OVHcloud or V(eu01-1) at STACKIT.
            type: str
            required: true
          type:
            description:
              - The provider's name of the server type, for example V(cx33), V(DEV1-L), V(b3-8) or V(g2i.1).
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
          - SSH keys that may log in. A name is that of a key which the provider knows; a whole public key is uploaded
            and belongs to the fleet from then on.
          - Scaleway puts all keys of a project on its servers anyway. A server at OVHcloud or STACKIT takes one key.
        type: list
        elements: str
      network:
        description:
          - IPv4 range of a private network that the nodes are attached to, for example V(10.64.0.0/16). It is made
            where it is missing, one for each cluster and region, and belongs to the fleet.
        type: str
      firewall:
        description:
          - What may come in from outside. It is made where it is missing and put right where it differs. What goes out,
            and what goes between nodes of one private network, always may. Nothing has to come in for a node to join.
          - Without this key no firewall is made or changed.
        type: dict
        suboptions:
          ssh_from:
            description:
              - Address ranges that may reach SSH. None if it is left out. The whole world is refused here.
            type: list
            elements: str
          ssh_from_anywhere:
            description:
              - Let the whole world reach SSH.
            type: bool
          inbound:
            description:
              - What else may come in.
            type: list
            elements: dict
            suboptions:
              protocol:
                description:
                  - The protocol.
                type: str
                required: true
                choices: [tcp, udp, icmp]
              ports:
                description:
                  - One port, or the first and the last one as in V(30000-32767). Not for V(icmp).
                type: str
              sources:
                description:
                  - Address ranges that it may come from.
                type: list
                elements: str
                required: true
      spread:
        description:
          - Keep the nodes of the pool on different hosts of the provider, with a placement group of its own.
        type: bool
"""
