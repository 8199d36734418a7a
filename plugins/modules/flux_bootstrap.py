#!/usr/bin/python
# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: flux_bootstrap
short_description: Install Flux in a cluster and let it follow a Git repository
version_added: "0.1.0"
description:
  - Applies the install manifest of Flux and the objects by which Flux follows C(clusters/<cluster>) of a repository, in
    one call, server-side.
  - That folder holds Flux itself too, so from then on Flux manages and upgrades itself from Git. This module then only
    looks whether Flux is there and follows the right repository.
author: Sovereign Fleet Maintainers (@sovereign-fleet)
options:
  kubeconfig:
    description:
      - Kubeconfig of the cluster.
    type: path
    required: true
  cluster:
    description:
      - Name of the cluster, and of its folder in the repository.
    type: str
    required: true
  manifest:
    description:
      - File with the install manifest of a release of Flux. Read only if Flux is missing.
    type: path
    required: true
  repository:
    description:
      - The Git repository.
    type: dict
    required: true
    suboptions:
      url:
        description:
          - URL without credentials, as the cluster reaches it.
        type: str
        required: true
      branch:
        description:
          - Branch to follow.
        type: str
        default: main
      username:
        description:
          - User name. With a token as O(repository.password), most servers accept any.
        type: str
      password:
        description:
          - Password or token. It is kept in the Secret C(flux-system/flux-system).
        type: str
  arguments:
    description:
      - Arguments to add to controllers of Flux, lists by the names of the Deployments. The repository must say the
        same.
    type: dict
    default: {}
  interval:
    description:
      - How often Flux looks at the Git repository.
    type: str
    default: 1m
  heal_interval:
    description:
      - How often Flux puts right what was changed in the cluster by hand.
    type: str
    default: 10m
  retry_interval:
    description:
      - How long Flux waits after a failure.
    type: str
    default: 30s
  timeout:
    description:
      - How long Flux may take to apply the folder of the cluster.
    type: str
    default: 5m
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - Does not fail if the cluster does not exist yet.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing), when in diff mode.
    support: full
    details:
      - Lists the objects that are applied, without their content.
requirements:
  - kubernetes >= 30 (Python package)
  - PyYAML
seealso:
  - module: sovereign.fleet.gitops_push
  - module: sovereign.fleet.flux_ready
"""

EXAMPLES = r"""
- name: Install Flux
  sovereign.fleet.flux_bootstrap:
    kubeconfig: ~/.fleet/lab/development/kubeconfig
    cluster: development
    manifest: ~/.fleet/lab/flux-v2.9.5.yaml
    repository:
      url: https://git.example.org/acme/fleet.git
      username: flux
      password: "{{ vault_git_token }}"
"""

RETURN = r"""
applied:
  description: Objects that were applied.
  returned: success
  type: list
  elements: str
  sample: [GitRepository flux-system/flux-system, Kustomization flux-system/flux-system]
code:
  description: Kind of failure, for example V(Unreachable).
  returned: failure
  type: str
  sample: Unreachable
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    import yaml

    HAS_YAML = True
except ImportError:
    HAS_YAML = False

from ..module_utils import entry
from ..module_utils.errors import NotFound, Permanent
from ..module_utils.gitops import bootstrap
from ..module_utils.gitops.cluster import Cluster, Pace
from ..module_utils.gitops.outcome import outcome
from ..module_utils.kube_apply import ApplyApi

SPEC: dict[str, t.Any] = {
    "kubeconfig": {"type": "path", "required": True},
    "cluster": {"type": "str", "required": True},
    "manifest": {"type": "path", "required": True},
    "repository": {
        "type": "dict",
        "required": True,
        "options": {
            "url": {"type": "str", "required": True},
            "branch": {"type": "str", "default": "main"},
            "username": {"type": "str"},
            "password": {"type": "str", "no_log": True},
        },
    },
    "arguments": {"type": "dict", "default": {}},
    "interval": {"type": "str", "default": "1m"},
    "heal_interval": {"type": "str", "default": "10m"},
    "retry_interval": {"type": "str", "default": "30s"},
    "timeout": {"type": "str", "default": "5m"},
}


def run(params: t.Mapping[str, t.Any], check_mode: bool = False, diff: bool = False) -> dict[str, t.Any]:
    """Do the module's work and return its result; a failure is a result with `failed`. Needs no AnsibleModule."""
    return outcome(lambda: install(params, check_mode=check_mode))


def install(params: t.Mapping[str, t.Any], *, check_mode: bool) -> dict[str, t.Any]:
    """The module's result; raises PlatformError with one sentence."""
    repository = params["repository"]
    login = bootstrap.Login(repository.get("username") or "", repository.get("password") or "")
    cluster = Cluster(
        name=params["cluster"],
        providers=(),
        url=repository["url"],
        branch=repository.get("branch") or "main",
        manifest="",
        has_login=bool(login.password),
        pace=Pace(params["interval"], params["heal_interval"], params["retry_interval"], params["timeout"]),
        arguments=params["arguments"],
    )
    if check_mode and not Path(params["kubeconfig"]).is_file():
        planned = bootstrap.predict_new(cluster, login)
    else:
        api = ApplyApi(params["kubeconfig"])
        planned = bootstrap.plan(api, cluster, login, lambda: _objects(Path(params["manifest"]), check_mode))
        if not check_mode:
            bootstrap.carry_out(api, planned)
    titles = planned.titles()
    return {
        "changed": bool(titles),
        "applied": titles,
        "diff": {"before": "", "after": "".join(f"{title}\n" for title in titles)},
    }


def _objects(file: Path, check_mode: bool) -> list[t.Any]:
    if check_mode and not file.is_file():
        return []  # it would have been fetched by now
    try:
        text = file.read_text(encoding="utf-8")
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the other one takes seconds for a release of Flux
        return [each for each in yaml.load_all(text, Loader=loader) if each]
    except FileNotFoundError:
        raise NotFound(f"There is no install manifest of Flux at {file}. Download it from Flux's releases.") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise Permanent(f"{file} is not YAML. Is it really the install manifest of Flux?") from None


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    if not HAS_YAML:
        module.fail_json(msg=missing_required_lib("PyYAML"))
    entry.carry_out(module, run)


if __name__ == "__main__":
    main()
