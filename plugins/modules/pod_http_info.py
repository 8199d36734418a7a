#!/usr/bin/python
# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pod_http_info
short_description: Ask pods over HTTP and tell where they run
version_added: "0.1.0"
description:
  - Sends a GET request to every pod with a label, through the API server, so that no port has to be open.
  - Tells with each answer on which node and at which provider the pod runs, as the Kubernetes API knows it.
author: Sovereign Fleet Maintainers (@sovereign-fleet)
options:
  kubeconfig:
    description:
      - Kubeconfig of the cluster.
    type: path
    required: true
  namespace:
    description:
      - Namespace of the pods.
    type: str
    required: true
  selector:
    description:
      - Label selector of the pods. Pods that are going away do not count.
    type: str
    required: true
  port:
    description:
      - Port of the pods that speaks HTTP.
    type: int
    default: 80
  path:
    description:
      - Path to ask for.
    type: str
    default: /
  at_least:
    description:
      - How many pods there must be.
    type: int
    default: 1
  timeout:
    description:
      - Seconds to wait until all pods are ready and have answered with a status below 300.
      - V(0) looks once and returns what there is.
    type: int
    default: 60
  request_timeout:
    description:
      - Seconds that one request may take.
    type: int
    default: 10
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - Looks once, and does not fail if the cluster does not exist yet.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing), when in diff mode.
    support: none
requirements:
  - kubernetes >= 30 (Python package)
"""

EXAMPLES = r"""
- name: Read the greetings
  sovereign.fleet.pod_http_info:
    kubeconfig: ~/.fleet/lab/development/kubeconfig
    namespace: podinfo
    selector: app.kubernetes.io/name=podinfo
    port: 9898
    at_least: 2
  register: greetings

- name: Show who answers from where
  ansible.builtin.debug:
    msg: "{{ item.provider }} {{ item.location }}: {{ item.body.message }}"
  loop: "{{ greetings.pods }}"
"""

RETURN = r"""
pods:
  description: One entry per pod, sorted by name.
  returned: success
  type: list
  elements: dict
  contains:
    pod:
      description: Name of the pod.
      type: str
      sample: podinfo-hetzner-6c9d7f5b9c-x2x7k
    namespace:
      description: Its namespace.
      type: str
      sample: podinfo
    labels:
      description: Its labels.
      type: dict
      sample: {app.kubernetes.io/name: podinfo}
    ready:
      description: Kubernetes says that it is ready.
      type: bool
      sample: true
    node:
      description: The node it runs on; empty as long as it has none.
      type: str
      sample: development-hetzner-workers-1
    node_ready:
      description: Kubernetes says that the node is ready.
      type: bool
      sample: true
    node_labels:
      description: Labels of the node.
      type: dict
      sample: {node.cloudprovider: hetzner}
    provider:
      description: Label C(node.cloudprovider) of the node.
      type: str
      sample: hetzner
    location:
      description: Label C(topology.kubernetes.io/zone) of the node.
      type: str
      sample: nbg1
    status:
      description: HTTP status of the answer; V(0) if there was none.
      type: int
      sample: 200
    body:
      description: The answer, parsed if it is JSON, else as text.
      type: raw
      sample: {message: Hello from Hetzner!}
    error:
      description: Why there is no answer, or an empty string.
      type: str
      sample: ""
code:
  description: Kind of failure, for example V(deadline) or V(Unreachable).
  returned: failure
  type: str
  sample: deadline
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import entry
from ..module_utils.errors import Permanent
from ..module_utils.gitops.outcome import outcome
from ..module_utils.pods import Answer, Question, all_answered, ask, describe
from ..module_utils.waiting import wait_for

SPEC: dict[str, t.Any] = {
    "kubeconfig": {"type": "path", "required": True},
    "namespace": {"type": "str", "required": True},
    "selector": {"type": "str", "required": True},
    "port": {"type": "int", "default": 80},
    "path": {"type": "str", "default": "/"},
    "at_least": {"type": "int", "default": 1},
    "timeout": {"type": "int", "default": 60},
    "request_timeout": {"type": "int", "default": 10},
}


def run(params: t.Mapping[str, t.Any], check_mode: bool = False, diff: bool = False) -> dict[str, t.Any]:
    """Do the module's work and return its result; a failure is a result with `failed`. Needs no AnsibleModule."""
    return outcome(lambda: ask_pods(params, check_mode=check_mode))


def ask_pods(params: t.Mapping[str, t.Any], *, check_mode: bool) -> dict[str, t.Any]:
    """The module's result; raises PlatformError with one sentence."""
    if not params["path"].startswith("/"):
        raise Permanent(f"The path {params['path']!r} must begin with a slash.")
    if check_mode and not Path(params["kubeconfig"]).is_file():
        return {"changed": False, "pods": []}
    question = Question(params["namespace"], params["selector"], params["port"], params["path"])

    def look() -> list[Answer]:
        return ask(params["kubeconfig"], question, params["request_timeout"])

    if check_mode or params["timeout"] == 0:
        answers = look()
    else:
        answers = wait_for(
            look,
            lambda seen: all_answered(seen, params["at_least"]),
            params["timeout"],
            describe=lambda seen: describe(seen, question, params["at_least"]),
            what="the pods to answer",
        )
    return {"changed": False, "pods": [answer.as_result() for answer in answers]}


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    entry.carry_out(module, run)


if __name__ == "__main__":
    main()
