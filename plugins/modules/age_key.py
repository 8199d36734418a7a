#!/usr/bin/python
# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: age_key
short_description: Make the age key of a fleet, once, and give it to Flux
version_added: "0.1.0"
description:
  - Keeps an age key in a file that only its owner can read, and the same key in the cluster, where Flux decrypts with
    it.
  - Takes the key that is given; without one, the key in the file; without one, the key in the cluster, so that a second
    person who works on the fleet gets the same; without one, it makes a new key.
  - Refuses to lose a key with which something may be encrypted.
author: Sovereign Fleet Maintainers (@sovereign-fleet)
options:
  path:
    description:
      - The key file. Its public keys stand beside it, in a file of the same name with C(.pub) at the end.
    type: path
    required: true
  key:
    description:
      - Private keys to use, as the text of a key file. Several lines hold several keys.
    type: str
  kubeconfig:
    description:
      - Kubeconfig of the cluster. Its Secret C(flux-system/sops-age) is kept equal to the key file.
      - Without it, only the key file is looked after.
    type: path
  replace:
    description:
      - Let the key file or the cluster lose keys. Nothing must be encrypted for these alone any more.
    type: bool
    default: false
  program:
    description:
      - Name or path of the program C(age-keygen).
    type: str
    default: age-keygen
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - Does not fail if the cluster does not exist yet. The public key of a key that would be made is not known.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing), when in diff mode.
    support: full
    details:
      - Shows which places change, never a key.
requirements:
  - age-keygen
  - kubernetes >= 30 (Python package), with O(kubeconfig)
"""

EXAMPLES = r"""
- name: Make the key of the fleet and give it to Flux
  sovereign.fleet.age_key:
    path: ~/.fleet/lab/age.agekey
    kubeconfig: ~/.fleet/lab/development/kubeconfig
  register: age
"""

RETURN = r"""
recipients:
  description: Public keys; what is encrypted for one of them can be decrypted. Empty if the key would only be made.
  returned: success
  type: list
  elements: str
  sample: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
code:
  description: Kind of failure, for example V(KeyWouldBeLost).
  returned: failure
  type: str
  sample: KeyWouldBeLost
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import entry
from ..module_utils.errors import Permanent
from ..module_utils.gitops import age
from ..module_utils.gitops.outcome import outcome
from ..module_utils.gitops.turns import alone
from ..module_utils.kube_apply import ApplyApi

TIMEOUT = 60.0

SPEC: dict[str, t.Any] = {
    "path": {"type": "path", "required": True},
    "key": {"type": "str", "no_log": True},
    "kubeconfig": {"type": "path"},
    "replace": {"type": "bool", "default": False},
    "program": {"type": "str", "default": "age-keygen"},
}


def run(params: t.Mapping[str, t.Any], check_mode: bool = False, diff: bool = False) -> dict[str, t.Any]:
    """Do the module's work and return its result; a failure is a result with `failed`. Needs no AnsibleModule."""
    return outcome(lambda: keep(params, check_mode=check_mode))


def keep(params: t.Mapping[str, t.Any], *, check_mode: bool) -> dict[str, t.Any]:
    """The module's result; raises PlatformError with one sentence."""
    path = Path(params["path"])
    if check_mode:
        return _settle(params, path, check_mode=True)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with alone(path.parent, TIMEOUT):  # two clusters of a fleet must not make two keys
        return _settle(params, path, check_mode=False)


def _settle(params: t.Mapping[str, t.Any], path: Path, *, check_mode: bool) -> dict[str, t.Any]:
    program = params["program"]
    given = age.Keys((params["key"] or "").strip() + "\n")
    if params["key"] and not given:
        raise Permanent("The given key is no age key: none of its lines begins with AGE-SECRET-KEY-.")
    api = _api(params["kubeconfig"], check_mode)
    in_cluster = age.read_cluster(api) if api else None
    decision = age.decide(given, age.read_file(path), in_cluster, replace=params["replace"])
    keys = decision.keys if check_mode else decision.keys or age.generate(program)
    known = age.recipients(keys, program) if keys else []
    write_public = not keys or age.public_text(path).split() != known
    if not check_mode:
        if decision.write_file:
            age.write_file(path, keys)
        if write_public:
            age.write_public(path, known)
        if api and decision.write_cluster:
            age.write_cluster(api, keys)
    new_cluster = bool(params["kubeconfig"]) and api is None
    places = [f"key file {path}"] if decision.write_file else []
    places += [f"public keys {age.public_file(path)}"] if write_public else []
    places += ["Secret flux-system/sops-age"] if decision.write_cluster or new_cluster else []
    return {
        "changed": bool(places),
        "recipients": known,
        "diff": {"before": "", "after": "".join(f"{place}: {', '.join(known) or 'a new key'}\n" for place in places)},
    }


def _api(kubeconfig: str | None, check_mode: bool) -> ApplyApi | None:
    if not kubeconfig or (check_mode and not Path(kubeconfig).is_file()):
        return None
    return ApplyApi(kubeconfig)


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    entry.carry_out(module, run)


if __name__ == "__main__":
    main()
