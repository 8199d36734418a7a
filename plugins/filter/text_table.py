# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table as lines of text."""

from __future__ import annotations

DOCUMENTATION = r"""
name: text_table
short_description: A table as lines of text
version_added: "0.1.0"
description:
  - Sets out a list of mappings as a table with a heading, one line per element.
author: Sovereign Fleet Maintainers (@sovereign-fleet)
positional: columns
options:
  _input:
    description:
      - The rows.
    type: list
    elements: dict
    required: true
  columns:
    description:
      - Headings of the columns and where their values stand in a row. A dot leads into a mapping.
      - A value that is missing is shown as a dash, a truth value as V(yes) or V(no).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the pods
  ansible.builtin.debug:
    msg: "{{ greetings.pods | sovereign.fleet.text_table({'NODE': 'node', 'POD': 'pod', 'ANSWER': 'body.message'}) }}"
"""

RETURN = r"""
_value:
  description: The lines, without blanks at their ends.
  type: list
  elements: str
  sample:
    - "NODE    POD             ANSWER"
    - "node-1  podinfo-hetzner  Hello from Hetzner!"
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError


def text_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> list[str]:
    """The lines of the table."""
    if not isinstance(columns, Mapping) or not all(isinstance(row, Mapping) for row in rows):
        raise AnsibleFilterError("text_table wants a list of mappings, and a mapping of headings to keys.")
    table = [list(columns), *([_cell(row, path) for path in columns.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]


def _cell(row: Mapping[str, Any], path: str) -> str:
    value: Any = row
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None or value == "" else " ".join(str(value).split())


class FilterModule:
    """The filter as Ansible finds it."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters of this file by name."""
        return {"text_table": text_table}
