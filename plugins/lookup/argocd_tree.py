# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The repository of a cluster, laid out for Argo CD."""

from __future__ import annotations

DOCUMENTATION = r"""
name: argocd_tree
short_description: The Git repository of a cluster, laid out for Argo CD
version_added: "0.1.0"
description:
  - Renders the components of the catalogue and the objects of Argo CD into the files of a Git repository.
  - The component C(argo-cd) is added if it is not among O(components).
  - Argo CD does not decrypt files. The secrets of the result have to reach the cluster in another way.
  - Writes nothing. The result is what M(sovereign.fleet.gitops_push) and M(sovereign.fleet.gitops_tree) take.
author: Sovereign Fleet Maintainers (@sovereign-fleet)
extends_documentation_fragment:
  - sovereign.fleet.repository_tree
seealso:
  - plugin: sovereign.fleet.flux_tree
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Show which files a cluster would get
  ansible.builtin.debug:
    msg: "{{ tree.files.keys() | sort }}"
  vars:
    tree: >-
      {{ lookup('sovereign.fleet.argocd_tree', catalogue='catalogue', cluster='development', providers=['hetzner'],
         components=['podinfo'], repository={'url': 'https://git.example.org/fleet.git'}) }}
"""

RETURN = r"""
_raw:
  description: One element.
  type: list
  elements: dict
  contains:
    files:
      description: Texts of the generated files, by path.
      type: dict
    seeds:
      description: Texts of the files that the user owns once they exist, by path.
      type: dict
    secrets:
      description: Secrets to encrypt, as the option of that name of M(sovereign.fleet.gitops_push).
      type: list
      elements: dict
    kustomizations:
      description: Names of the Applications that Argo CD will have.
      type: list
      elements: str
    places:
      description: Provider of each of them that is at one provider.
      type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ..module_utils.errors import PlatformError
from ..module_utils.gitops.argocd import ENGINE
from ..plugin_utils import repository_tree


class LookupModule(LookupBase):
    """See the documentation above."""

    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        """One element: the tree."""
        if terms:
            raise AnsibleLookupError("The lookup argocd_tree takes named options only.")
        self.set_options(var_options=variables, direct=kwargs)
        try:
            return [render(self.get_options())]
        except PlatformError as failed:
            raise AnsibleLookupError(failed.message) from None


def render(options: Mapping[str, Any]) -> dict[str, Any]:
    """The tree of these options; raises PlatformError with one sentence."""
    return repository_tree.render(options, ENGINE)
