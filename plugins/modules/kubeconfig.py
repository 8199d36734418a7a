#!/usr/bin/python
# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeconfig
short_description: Bring a kubeconfig to its place, with everything it names inside
version_added: "0.1.0"
description:
  - Copies one context of a kubeconfig and embeds the certificates, keys and tokens that it names by file, so that the
    copy works wherever it lies.
  - The copy is readable by its owner only. Folders that are missing are made so, too.
author: Sovereign Fleet Maintainers (@sovereign-fleet)
options:
  src:
    description:
      - The kubeconfig to take over.
    type: path
    required: true
  dest:
    description:
      - Where the copy is written.
    type: path
    required: true
  context:
    description:
      - The context to take over. Empty means the current context.
    type: str
    default: ""
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
  diff_mode:
    description: Will return details on what has changed when in diff mode.
    support: partial
    details:
      - Says that the file changes, never what is in it.
requirements:
  - PyYAML
seealso:
  - module: sovereign.fleet.cluster_info
"""

EXAMPLES = r"""
- name: Take over a cluster on this machine
  sovereign.fleet.kubeconfig:
    src: ~/.kube/config
    context: kind-development
    dest: ~/.fleet/acme/development/kubeconfig
"""

RETURN = r"""
dest:
  description: Where the copy is.
  returned: success
  type: str
  sample: /home/kim/.fleet/acme/development/kubeconfig
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import entry, kubeconfig_file
from ..module_utils.errors import PlatformError
from ..module_utils.reporting import failure

SPEC = {
    "src": {"type": "path", "required": True},
    "dest": {"type": "path", "required": True},
    "context": {"type": "str", "default": ""},
}


def run(params: Mapping[str, Any], check_mode: bool = False, diff: bool = False) -> dict[str, Any]:
    """Do the module's work and return its result; a failure is a result with `failed`. Needs no AnsibleModule."""
    dest = params["dest"]
    try:
        text = kubeconfig_file.self_contained(params["src"], params["context"])
        changed = kubeconfig_file.differs(dest, text)
        shown = {"diff": kubeconfig_file.diff(dest)} if changed else {}
        if changed and not check_mode:
            kubeconfig_file.write(dest, text)
    except PlatformError as error:
        return {"changed": False, **failure([error])}
    return {"changed": changed, "dest": dest, **shown}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    entry.carry_out(module, run)


if __name__ == "__main__":
    main()
