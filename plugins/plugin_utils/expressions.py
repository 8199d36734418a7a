# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluate the user's expressions for thousands of hosts without compiling them again for each host."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, nodes

PLAIN_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
JINJA_WORDS = frozenset(
    {"true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else"}
)
DICT_ATTRIBUTES = frozenset(dir(dict))
# Ansible has subclasses of its own of these, which only Ansible may unpack.
CONTAINERS = frozenset({dict, list})
MAGIC = frozenset({"inventory_hostname", "inventory_hostname_short", "group_names"})
SCALARS = frozenset({str, int, float, bool, type(None)})


class NotPlain(Exception):
    """The expression, or what it leads to, needs Jinja to be read."""


class Missing(Exception):
    """The expression is a plain path and leads nowhere; Jinja would call it undefined."""


def read_plain_path(expression: object, variables: Mapping[str, Any]) -> Any:
    """Value of a dotted path such as ``labels.team``, the same as Jinja would give; lists and dicts are copies.

    Raises NotPlain wherever Jinja might see more than a chain of keys, Missing when a key below the first is absent.
    """
    if not isinstance(expression, str):
        raise NotPlain
    path = expression.strip()
    if not PLAIN_PATH.fullmatch(path):
        raise NotPlain
    first, *rest = path.split(".")
    if first in JINJA_WORDS or first in MAGIC or first not in variables:
        raise NotPlain
    value = variables[first]
    for key in rest:
        # Jinja looks for an attribute first: `labels.items` is a method, whatever the labels hold.
        if not (type(value) in CONTAINERS and isinstance(value, dict)) or key in DICT_ATTRIBUTES:
            raise NotPlain
        if key not in value:
            raise Missing(path)
        value = value[key]
    if type(value) in SCALARS:
        return value
    if type(value) in CONTAINERS:
        return copy.deepcopy(value)
    raise NotPlain


Condition = Callable[[Mapping[str, Any]], bool]
"""Says of a host's variables whether they meet a condition; raises NotPlain where Jinja has to say it."""


def read_condition(text: object) -> Condition | None:
    """A condition that compares plain paths with literals by == and !=, joined by and, or, not; None for any other."""
    if not isinstance(text, str) or "{" in text:
        return None
    try:
        (output,) = Environment().parse("{{" + text + "}}").body
        (node,) = output.nodes if isinstance(output, nodes.Output) else ()
    except (TemplateSyntaxError, ValueError):
        return None
    return _truth(node)


def _truth(node: nodes.Node) -> Condition | None:
    if isinstance(node, nodes.Compare) and len(node.ops) == 1 and node.ops[0].op in ("eq", "ne"):
        left, right = _scalar(node.expr), _scalar(node.ops[0].expr)
        if left is None or right is None:
            return None
        wanted = node.ops[0].op == "eq"
        return lambda variables: (left(variables) == right(variables)) is wanted
    if isinstance(node, nodes.Not):
        inner = _truth(node.node)
        return None if inner is None else lambda variables: not inner(variables)
    if isinstance(node, (nodes.And, nodes.Or)):
        first, second = _truth(node.left), _truth(node.right)
        if first is None or second is None:
            return None
        if isinstance(node, nodes.And):
            return lambda variables: first(variables) and second(variables)
        return lambda variables: first(variables) or second(variables)
    return None


def _scalar(node: nodes.Node) -> Callable[[Mapping[str, Any]], Any] | None:
    if isinstance(node, nodes.Const) and type(node.value) in SCALARS:
        return lambda _variables: node.value
    path = _path(node)
    return None if path is None else lambda variables: _read_scalar(path, variables)


def _path(node: nodes.Node) -> str | None:
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        parent = _path(node.node)
        return None if parent is None else f"{parent}.{node.attr}"
    return None


def _read_scalar(path: str, variables: Mapping[str, Any]) -> Any:
    try:
        value = read_plain_path(path, variables)
    except Missing:
        raise NotPlain from None
    if type(value) not in SCALARS:
        raise NotPlain
    return value


def compile_once(templar: Any) -> bool:
    """Let a templar remember the expressions it has compiled; returns whether it can.

    Ansible compiles an expression each time it evaluates it, which is most of the time of a large inventory. Only the
    compiled code is kept: trust, undefined values and the shape of results stay Ansible's own. A templar built in
    another way is left as it is, and is merely slower.
    """
    engine = getattr(templar, "_engine", None)
    compile_expression: Callable[[str, Any], Any] | None = getattr(engine, "_compile_expression", None)
    if engine is None or compile_expression is None:
        return False
    compiled: dict[tuple[str, bool], Any] = {}

    def remembered(expression: str, options: Any) -> Any:
        key = (str(expression), bool(options.escape_backslashes))
        if key not in compiled:
            compiled[key] = compile_expression(expression, options)
        return compiled[key]

    engine._compile_expression = remembered
    return True
