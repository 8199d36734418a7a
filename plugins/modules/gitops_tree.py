#!/usr/bin/python
# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: gitops_tree
short_description: Write a whole tree of generated files into a folder
version_added: "0.1.0"
description:
  - Makes a folder hold exactly the generated files that are wanted, in one call, and leaves every other file alone.
  - For those who commit and push by themselves. M(sovereign.fleet.gitops_push) takes the same options and does that as
    well.
author: Sovereign Fleet Maintainers (@sovereign-fleet)
extends_documentation_fragment:
  - sovereign.fleet.generated_tree
options:
  dest:
    description:
      - The folder. It is created if it is missing.
    type: path
    required: true
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing), when in diff mode.
    support: full
    details:
      - Of an encrypted file only the fact of the change is shown.
requirements:
  - sops, when O(secrets) are given
seealso:
  - module: sovereign.fleet.gitops_push
"""

EXAMPLES = r"""
- name: Write the tree of a cluster
  sovereign.fleet.gitops_tree:
    dest: ~/fleet
    files:
      clusters/development/podinfo.yaml: "{{ lookup('ansible.builtin.template', 'podinfo.yaml.j2') }}"
    seeds:
      apps/overlays/hetzner/podinfo/greeting.env: "PODINFO_UI_MESSAGE=Hello from Hetzner!\n"

- name: Write a Secret that only the cluster can read
  sovereign.fleet.gitops_tree:
    dest: ~/fleet
    manifest: clusters/development/.fleet-manifest.json
    files: {}
    secrets:
      - path: clusters/development/podinfo-token.sops.yaml
        namespace: podinfo
        name: podinfo-token
        random: [PODINFO_TOKEN]
    sops:
      age_key_file: ~/.fleet/lab/age.agekey
      age_recipients:
        - age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p
"""

RETURN = r"""
created:
  description: Files that did not exist before.
  returned: success
  type: list
  elements: str
  sample: [clusters/development/podinfo.yaml]
updated:
  description: Files whose content changed.
  returned: success
  type: list
  elements: str
  sample: []
removed:
  description: Generated files that are no longer wanted.
  returned: success
  type: list
  elements: str
  sample: []
code:
  description: Kind of failure, for example V(HandEdited) or V(InTheWay).
  returned: failure
  type: str
  sample: HandEdited
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import entry
from ..module_utils.gitops import difference
from ..module_utils.gitops.folder import Folder
from ..module_utils.gitops.outcome import outcome
from ..module_utils.gitops.request import TREE_SPEC, Request

SPEC: dict[str, t.Any] = {"dest": {"type": "path", "required": True}, **TREE_SPEC}


def run(params: t.Mapping[str, t.Any], check_mode: bool = False, diff: bool = False) -> dict[str, t.Any]:
    """Do the module's work and return its result; a failure is a result with `failed`. Needs no AnsibleModule."""
    return outcome(lambda: write(params, check_mode=check_mode))


def write(params: t.Mapping[str, t.Any], *, check_mode: bool) -> dict[str, t.Any]:
    """The module's result; raises PlatformError with one sentence."""
    request = Request.of(params)
    folder = Folder(params["dest"])
    changes = request.plan(folder, check_mode=check_mode).changes
    if not check_mode:
        folder.apply(changes)
    return {
        "changed": bool(changes),
        "diff": difference.entries(changes, request.hidden),
        **difference.names(changes),
    }


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    entry.carry_out(module, run)


if __name__ == "__main__":
    main()
