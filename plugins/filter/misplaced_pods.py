# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with where pods run."""

from __future__ import annotations

DOCUMENTATION = r"""
name: misplaced_pods
short_description: What is wrong with where pods run
version_added: "0.1.0"
description:
  - Compares the provider that a pod is meant for (label C(fleet/provider) of the pod) with the provider that it runs at
    (label C(node.cloudprovider) of its node), and tells which providers have no pod that answers.
author: Sovereign Fleet Maintainers (@sovereign-fleet)
positional: providers
options:
  _input:
    description:
      - Pods as M(sovereign.fleet.pod_http_info) returns them.
    type: list
    elements: dict
    required: true
  providers:
    description:
      - Providers that must each have a pod that answers.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Make sure that every provider answers
  ansible.builtin.assert:
    that: faults | length == 0
    fail_msg: "{{ faults | join(' ') }}"
  vars:
    faults: "{{ greetings.pods | sovereign.fleet.misplaced_pods(['hetzner', 'scaleway']) }}"
"""

RETURN = r"""
_value:
  description: One sentence per fault; empty if all is well.
  type: list
  elements: str
  sample: ["No pod answers from scaleway."]
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..module_utils.gitops.cluster import POD_LABEL
from ..module_utils.pods import PROVIDER_LABEL


def misplaced_pods(pods: Sequence[Mapping[str, Any]], providers: Sequence[str]) -> list[str]:
    """One sentence per fault."""
    faults = []
    for pod in pods:
        meant = pod["labels"].get(POD_LABEL, "")
        if pod["provider"] != meant:
            there = f"is of {pod['provider']}" if pod["provider"] else f"has no label {PROVIDER_LABEL}"
            faults.append(
                f"Pod {pod['pod']} is meant for {meant or 'no provider'} but runs on {pod['node']}, which {there}."
            )
    answering = {pod["provider"] for pod in pods if 200 <= pod["status"] < 300}
    faults += [f"No pod answers from {provider}." for provider in providers if provider not in answering]
    return faults


class FilterModule:
    """The filter as Ansible finds it."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters of this file by name."""
        return {"misplaced_pods": misplaced_pods}
