# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Known values of Helm charts. Helm ignores a value that its chart does not know; we refuse it.

A file of known values holds one dotted path a line. ``path.**`` stands for the path and everything below it. Its head
says for which chart and version it was written, so that an upgrade cannot forget it:

    # chart: traefik
    # version: 41.3.0
    # read from: where the paths were read
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from ..errors import Permanent
from .component import Chart
from .values import leaves

_HEAD = re.compile(r"^# (chart|version): (\S+)$", re.MULTILINE)
_BELOW = ".**"


def parsed(text: str, file: str, chart: Chart) -> frozenset[str]:
    """The paths of a file; Permanent unless it was written for this chart and version."""
    head = dict(_HEAD.findall(text))
    for key, wanted in (("chart", chart.name), ("version", chart.version)):
        if head.get(key) != wanted:
            raise Permanent(
                f"{file} says {key} {head.get(key, 'nothing')!r}, but source is {key} {wanted!r}. "
                "Read the chart's values anew, then change the head."
            )
    lines = (line.strip() for line in text.splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))


def unknown(values: Mapping[str, Any], known: frozenset[str]) -> list[str]:
    """Paths that the chart does not know."""
    return [path for path, _value in leaves(values) if not _is_known(path, known)]


def refuse_unknown(values: Mapping[str, Any], known: frozenset[str], file: str, place: str, chart: str) -> None:
    """Permanent when a value would be ignored; ``file`` and ``place`` say where the values stand."""
    wrong = unknown(values, known)
    if wrong:
        raise Permanent(f"{file}: {'; '.join(_sentence(path, known, place) for path in wrong)} {_advice(chart)}")


def _is_known(path: str, known: frozenset[str]) -> bool:
    if path in known:
        return True
    parts = path.split(".")
    return any(".".join(parts[:end]) + _BELOW in known for end in range(1, len(parts) + 1))


def _sentence(path: str, known: Iterable[str], place: str) -> str:
    near = get_close_matches(path, [each.removesuffix(_BELOW) for each in known], n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"{place}.{path} is not a known value{hint}"


def _advice(chart: str) -> str:
    return f"of chart {chart}, which would ignore it. Correct it, or add it to the file that value_keys names."
