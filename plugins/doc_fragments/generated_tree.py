# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options that describe a tree of generated files."""

from __future__ import annotations


class ModuleDocFragment:
    """Options shared by the modules that write a tree."""

    DOCUMENTATION = r"""
options:
  files:
    description:
      - The generated files, all of them. Keys are paths relative to the root of the tree, values are the texts.
      - A file that was generated before and is no longer listed is removed.
      - A generated file that a person has edited is an error that names it, unless the edit made it what is wanted
        anyway.
    type: dict
    required: true
  seeds:
    description:
      - Files that are written once, where they are missing, and belong to the user from then on. Same form as O(files).
    type: dict
    default: {}
  secrets:
    description:
      - Kubernetes Secrets, each one a file that is encrypted with SOPS for the keys in O(sops.age_recipients).
      - The plain values are handed to SOPS through a pipe; they reach neither a disk, nor the difference, nor a log.
      - A file is encrypted anew only when a value or the recipients change, which is found out by decrypting it.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description:
          - Path of the file, relative to the root of the tree.
        type: str
        required: true
      namespace:
        description:
          - Namespace of the Secret.
        type: str
        required: true
      name:
        description:
          - Name of the Secret.
        type: str
        required: true
      data:
        description:
          - Keys and values of the Secret.
        type: dict
        default: {}
      random:
        description:
          - Keys that get a random value the first time and keep it.
        type: list
        elements: str
        default: []
  sops:
    description:
      - How O(secrets) are encrypted.
    type: dict
    suboptions:
      program:
        description:
          - Name or path of the program C(sops).
        type: str
        default: sops
      age_key_file:
        description:
          - File with the private age key, needed to see whether an encrypted file still says what it should.
        type: path
      age_recipients:
        description:
          - Public age keys that can decrypt. The one of O(sops.age_key_file) must be among them.
        type: list
        elements: str
        default: []
  manifest:
    description:
      - Path of the manifest, relative to the root of the tree. It lists every generated file with its SHA-256.
      - Several clusters can share a tree when each has a manifest in a folder of its own; a file that another manifest
        lists as well is not removed.
    type: str
    default: .fleet-manifest.json
  overwrite:
    description:
      - Paths of files that may be overwritten or removed although a person has edited or made them.
    type: list
    elements: str
    default: []
"""
