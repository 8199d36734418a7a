# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's compose, groups and keyed_groups for thousands of hosts: what is simple is done here, the rest by Ansible.

An entry is simple for a host when its expression can be read without Jinja (see ``expressions``) and its other options
are left alone. The result is what Ansible would make of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ansible.utils.vars import validate_variable_name

from . import expressions

if TYPE_CHECKING:
    from ansible.inventory.data import InventoryData
    from ansible.inventory.host import Host

PLAIN_TEXT = frozenset({str})
"""Ansible has subclasses of its own, which only Ansible may unpack."""
SIMPLE_KEYED = {"key", "prefix", "separator"}


class Construction:
    """One run over all hosts. Each method does what is simple for a host and gives back what is left for Ansible."""

    def __init__(self, inventory: InventoryData, sanitize: Callable[[str], str], *, leading_separator: bool) -> None:
        self._inventory = inventory
        self._sanitize = sanitize
        self._leading_separator = leading_separator
        self._conditions: dict[str, expressions.Condition | None] = {}
        self._names: dict[tuple[int, str], str] = {}
        self._members: dict[str, list[Host]] = defaultdict(list)

    def compose(self, host: Host, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Set variables; no expression sees what another one sets."""
        left, made = {}, {}
        for name, expression in wanted.items():
            try:
                value = expressions.read_plain_path(expression, host.vars)
            except (expressions.Missing, expressions.NotPlain):
                left[name] = expression
                continue
            if type(value) not in expressions.SCALARS:
                left[name] = expression
            else:
                made[name] = value
        if left:
            # Ansible is to see the variables as they were before any of the entries.
            return dict(wanted)
        for name in made:
            validate_variable_name(name)
        host.vars.update(made)
        return left

    def groups(self, host: Host, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Put the host into the groups whose condition it meets."""
        left = {}
        for name, condition in wanted.items():
            try:
                if self._condition(condition)(host.vars):
                    self._members[self._group(-1, name)].append(host)
            except expressions.NotPlain:
                left[name] = condition
        return left

    def keyed_groups(self, host: Host, wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Put the host into the groups that are named after its variables."""
        left = []
        for index, keyed in enumerate(wanted):
            try:
                if set(keyed) - SIMPLE_KEYED:
                    raise expressions.NotPlain
                value = expressions.read_plain_path(keyed.get("key"), host.vars)
                if type(value) not in PLAIN_TEXT or not value:
                    raise expressions.NotPlain
            except (expressions.Missing, expressions.NotPlain):
                left.append(keyed)
                continue
            self._members[self._group(index, value, keyed)].append(host)
        return left

    def finish(self) -> None:
        """Write what was collected. Groups are filled one by one, which is much cheaper than host by host."""
        for name, hosts in self._members.items():
            fill(self._inventory, name, hosts)

    def _condition(self, text: Any) -> expressions.Condition:
        key = str(text)
        if key not in self._conditions:
            self._conditions[key] = expressions.read_condition(text)
        condition = self._conditions[key]
        if condition is None:
            raise expressions.NotPlain
        return condition

    def _group(self, index: int, value: str, keyed: Mapping[str, Any] | None = None) -> str:
        known = self._names.get((index, value))
        if known is None:
            prefix, separator = ("", "") if keyed is None else (keyed.get("prefix", ""), keyed.get("separator", "_"))
            if prefix == "" and not self._leading_separator:
                separator = ""
            known = self._inventory.add_group(self._sanitize(f"{prefix}{separator}{value}"))
            self._names[index, value] = known
        return known


def fill(inventory: InventoryData, name: str, hosts: list[Host]) -> None:
    """Put hosts into a group that exists."""
    group = inventory.groups[name]
    for host in hosts:
        group.add_host(host)
