#!/usr/bin/python
# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: gitops_push
short_description: Commit and push a whole tree of generated files
version_added: "0.1.0"
description:
  - Makes a branch of a Git repository hold exactly the generated files that are wanted, by one commit, and leaves every
    other file alone. Nothing is committed when nothing changes.
  - The commit is made on top of what the branch holds at that moment, so the work of others is kept; if somebody pushes
    in between, it is made anew on top of that.
  - A commit of a person to a generated file is an error that names the file and the commit. A commit to any other file
    needs no run of Ansible and is no change.
author: Sovereign Fleet Maintainers (@sovereign-fleet)
extends_documentation_fragment:
  - sovereign.fleet.generated_tree
options:
  repository:
    description:
      - The Git repository.
    type: dict
    required: true
    suboptions:
      url:
        description:
          - URL without credentials. An empty repository will do.
        type: str
        required: true
      branch:
        description:
          - Branch to push to. It is created if it is missing.
        type: str
        default: main
      username:
        description:
          - User name. With a token as O(repository.password), most servers accept any.
        type: str
      password:
        description:
          - Password or token. It is handed to Git through the environment of its process and stored nowhere.
        type: str
  dest:
    description:
      - Folder of the local clone. Its work tree follows the branch, so that one can look at it.
      - Commits and changes that a person made in it are never touched; a warning tells when they keep it from
        following.
    type: path
    required: true
  commit_message:
    description:
      - Message of the commit. By default it tells how many files changed.
    type: str
  author:
    description:
      - Whose name the commit carries.
    type: dict
    suboptions:
      name:
        description:
          - Name.
        type: str
        default: sovereign.fleet
      email:
        description:
          - E-mail address.
        type: str
        default: fleet@localhost
  timeout:
    description:
      - Seconds that one command of Git may take.
    type: int
    default: 120
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - Looks at the repository as it is. No clone is made if there is none.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing), when in diff mode.
    support: full
    details:
      - Of an encrypted file only the fact of the change is shown.
requirements:
  - git >= 2.31
  - sops, when O(secrets) are given
seealso:
  - module: sovereign.fleet.gitops_tree
"""

EXAMPLES = r"""
- name: Push the tree of a cluster
  sovereign.fleet.gitops_push:
    repository:
      url: https://git.example.org/acme/fleet.git
      username: fleet
      password: "{{ vault_git_token }}"
    dest: ~/.fleet/lab/git
    manifest: clusters/development/.fleet-manifest.json
    files:
      clusters/development/podinfo.yaml: "{{ lookup('ansible.builtin.template', 'podinfo.yaml.j2') }}"
    seeds:
      apps/overlays/hetzner/podinfo/greeting.env: "PODINFO_UI_MESSAGE=Hello from Hetzner!\n"
"""

RETURN = r"""
commit:
  description: Commit at the head of the branch; empty in check mode when something would change.
  returned: success
  type: str
  sample: 9fceb02d0ae598e95dc970b74767f19372d61af8
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
seeds:
  description: The files of O(seeds) as they stand in the branch now, by path.
  returned: success
  type: dict
  sample:
    apps/overlays/hetzner/podinfo/greeting.env: "PODINFO_UI_MESSAGE=Hello from Hetzner!\n"
code:
  description: Kind of failure, for example V(HandEdited) or V(InTheWay).
  returned: failure
  type: str
  sample: HandEdited
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import entry
from ..module_utils.gitops import difference
from ..module_utils.gitops.outcome import outcome
from ..module_utils.gitops.publish import Publisher
from ..module_utils.gitops.remote import Author, Remote
from ..module_utils.gitops.request import TREE_SPEC, Request
from ..module_utils.gitops.tree import Change

SPEC: dict[str, t.Any] = {
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
    "dest": {"type": "path", "required": True},
    **TREE_SPEC,
    "commit_message": {"type": "str"},
    "author": {
        "type": "dict",
        "options": {
            "name": {"type": "str", "default": "sovereign.fleet"},
            "email": {"type": "str", "default": "fleet@localhost"},
        },
    },
    "timeout": {"type": "int", "default": 120},
}


def run(params: t.Mapping[str, t.Any], check_mode: bool = False, diff: bool = False) -> dict[str, t.Any]:
    """Do the module's work and return its result; a failure is a result with `failed`. Needs no AnsibleModule."""
    return outcome(lambda: push(params, check_mode=check_mode))


def push(params: t.Mapping[str, t.Any], *, check_mode: bool) -> dict[str, t.Any]:
    """The module's result; raises PlatformError with one sentence."""
    request = Request.of(params)
    publisher = _publisher(params)
    published = (
        publisher.predict(request)
        if check_mode
        else publisher.publish(request, _message_maker(params["commit_message"]))
    )
    return {
        "changed": bool(published.changes),
        "commit": published.commit,
        "seeds": published.seeds,
        "diff": difference.entries(published.changes, request.hidden),
        "warnings": [published.warning] if published.warning else [],
        **difference.names(published.changes),
    }


def _publisher(params: t.Mapping[str, t.Any]) -> Publisher:
    repository = params["repository"]
    author = params["author"] or {}
    return Publisher(
        Path(params["dest"]),
        Remote(
            repository["url"],
            repository.get("branch") or "main",
            repository.get("username") or "",
            repository.get("password") or "",
        ),
        Author(author.get("name") or "sovereign.fleet", author.get("email") or "fleet@localhost"),
        params["timeout"],
    )


def _message_maker(given: str | None) -> t.Callable[[tuple[Change, ...]], str]:
    def message(changes: tuple[Change, ...]) -> str:
        counts = [f"{len(paths)} {verb}" for verb, paths in difference.names(changes).items() if paths]
        return given or f"Generate files from the inventory: {', '.join(counts) or 'manifest'}"

    return message


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    entry.carry_out(module, run)


if __name__ == "__main__":
    main()
