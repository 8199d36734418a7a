#!/usr/bin/python
# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: flux_ready
short_description: Wait until Flux has a cluster in the wanted state
version_added: "0.1.0"
description:
  - Watches the GitRepository and Kustomization objects of the namespace C(flux-system) and returns when they are ready.
  - Prints a line whenever one of them says something new, so that one sees what Flux is doing.
  - Fails at once, with the words of Flux, when a Kustomization reports that it cannot build, apply or become healthy at
    the wanted revision.
author: Sovereign Fleet Maintainers (@sovereign-fleet)
options:
  kubeconfig:
    description:
      - Kubeconfig of the cluster.
    type: path
    required: true
  revision:
    description:
      - Commit that must be in place. The beginning of its hash is enough. Empty means whatever Flux has fetched.
    type: str
    default: ""
  source:
    description:
      - Name of the GitRepository that O(revision) belongs to. Empty means every one.
    type: str
    default: ""
  names:
    description:
      - Names of the Kustomizations to wait for. An empty list means all that are not suspended, those that appear while
        waiting included.
    type: list
    elements: str
    default: []
  reconcile:
    description:
      - Ask Flux to look now instead of at its next interval. Nothing is asked when everything is in place already.
    type: bool
    default: false
  timeout:
    description:
      - Seconds to wait. The failure then tells what each unfinished object said last.
    type: int
    default: 300
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - Looks once, neither waits nor asks Flux to do anything, and does not fail if the cluster does not exist yet.
  diff_mode:
    description: Will return details on what has changed when in diff mode.
    support: none
requirements:
  - kubernetes >= 30 (Python package, on the controller)
notes:
  - Runs on the controller, whatever the connection of the host is.
"""

EXAMPLES = r"""
- name: Wait until a commit is live
  sovereign.fleet.flux_ready:
    kubeconfig: ~/.fleet/lab/development/kubeconfig
    revision: 9fceb02d0ae598e95dc970b74767f19372d61af8
    reconcile: true

- name: Wait for two Kustomizations only
  sovereign.fleet.flux_ready:
    kubeconfig: ~/.fleet/lab/development/kubeconfig
    names:
      - crds
      - podinfo
    timeout: 600
"""

RETURN = r"""
ready:
  description: Everything that was waited for is in place. False only in check mode.
  returned: success
  type: bool
  sample: true
kustomizations:
  description: The Kustomizations seen.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the Kustomization.
      type: str
      sample: podinfo
    revision:
      description: Revision in place.
      type: str
      sample: main@sha1:9fceb02d0ae598e95dc970b74767f19372d61af8
    message:
      description: What Flux said last.
      type: str
      sample: "Applied revision: main@sha1:9fceb02d0ae598e95dc970b74767f19372d61af8"
code:
  description: Kind of failure, for example V(Failed) (Flux gave up), V(Timeout) or V(Unreachable).
  returned: failure
  type: str
  sample: Failed
"""
