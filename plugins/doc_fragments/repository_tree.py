# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options that describe the repository of a cluster."""

from __future__ import annotations


class ModuleDocFragment:
    """Options shared by the lookups that lay out a repository."""

    DOCUMENTATION = r"""
options:
  catalogue:
    description:
      - Folder of the catalogue.
    type: path
    required: true
  cluster:
    description:
      - Name of the cluster.
    type: str
    required: true
  providers:
    description:
      - Providers on which the cluster has nodes.
    type: list
    elements: str
    required: true
  components:
    description:
      - Names of components of the catalogue.
    type: list
    elements: str
    required: true
  repository:
    description:
      - The Git repository, with the keys C(url), C(branch), C(username) and C(password). Only the first two reach a
        file.
    type: dict
    required: true
  environment:
    description:
      - What the cluster is for, one of the environments of the catalogue. Components may have values for each.
    type: str
    default: production
  home_provider:
    description:
      - Provider that keeps the volumes of components that the cluster has once. By default the first of O(providers).
    type: str
  central_cluster:
    description:
      - Name of the cluster that carries the components that the fleet has once. By default this one.
    type: str
  settings:
    description:
      - Values for the settings of components, such as a domain or an e-mail address, by their names. A setting that no
        component has is refused.
    type: dict
    default: {}
  values:
    description:
      - Values for charts, mappings by the names of the components. A value that the chart does not know is refused.
    type: dict
    default: {}
  secrets:
    description:
      - Values for Secrets of the components, mappings by the names of the Secrets. Keys that a component lets be random
        need no value.
    type: dict
    default: {}
  age_recipients:
    description:
      - Public age keys that can decrypt the repository.
    type: list
    elements: str
    default: []
  interval:
    description:
      - How often the engine looks at the Git repository.
    type: str
    default: 1m
  heal_interval:
    description:
      - How often the engine puts right what was changed in the cluster by hand.
    type: str
    default: 10m
  retry_interval:
    description:
      - How long the engine waits after a failure.
    type: str
    default: 30s
  timeout:
    description:
      - How long a component may take to become healthy.
    type: str
    default: 5m
"""
