# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module's work is begun and ended, wherever it runs: nothing but a result comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .reporting import concise


def attempt(
    name: str,
    run: Callable[..., dict[str, Any]],
    params: Mapping[str, Any],
    *,
    check_mode: bool,
    diff: bool,
    **more: Any,
) -> dict[str, Any]:
    """The result of ``run``. An exception becomes a failure without a traceback: that could show what must stay hidden.

    The caller takes secrets out of the text, as of all texts.
    """
    try:
        return run(params, check_mode=check_mode, diff=diff, **more)
    except Exception as error:  # noqa: BLE001 - a library's own exception is nobody's fault but ours
        said = f"{type(error).__name__}: {error}".rstrip(".")
        return {"changed": False, "failed": True, "msg": f"{name} has a defect: {said}. Please report it."}


def carry_out(module: Any, run: Callable[..., dict[str, Any]], only_on_success: Sequence[str] = ()) -> None:
    """All that the ``main`` of a module does; ``module`` is its AnsibleModule."""
    result = attempt(module._name, run, module.params, check_mode=module.check_mode, diff=module._diff)
    for warning in result.pop("warnings", []):
        module.warn(warning)
    if result.get("failed"):
        module.fail_json(**concise(result, only_on_success))
    module.exit_json(**result)
