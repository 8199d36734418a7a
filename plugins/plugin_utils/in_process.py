# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module of this collection inside the task's own worker: no payload is packed, unzipped and compiled again.

Every module has an action plugin of its name, which is this class. Modules talk to APIs and to files of the controller,
so on a local connection nothing else is needed. Anywhere else a module runs as the ordinary module that it is.
"""

from __future__ import annotations

import inspect
import sys
import typing as t
from collections.abc import Callable
from types import ModuleType

from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils import entry
from ..module_utils.reporting import concise

display = Display()


class InProcess(ActionBase):
    """Stands in for a module, which is loaded with it: before Ansible forks, so that no worker loads it again."""

    module: ModuleType

    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Do what the module would do, with its own argument spec, and give the result that it would give."""
        known = task_vars or {}
        result: dict[str, t.Any] = super().run(tmp, known)
        if not self._is_here(known):
            wrap_async = bool(self._task.async_val)
            result.update(self._execute_module(task_vars=known, wrap_async=wrap_async))
            return result
        checked, options = self.validate_argument_spec(
            argument_spec=self.module.SPEC, required_if=getattr(self.module, "REQUIRED_IF", None)
        )
        progress = self._progress(self.module.run, known)
        answer = entry.attempt(
            self._task.action,
            self.module.run,
            options,
            check_mode=self._task.check_mode,
            diff=self._task.diff,
            **progress,
        )
        for warning in answer.pop("warnings", []):
            display.warning(warning)
        if answer.get("failed"):
            answer = concise(answer, getattr(self.module, "ONLY_ON_SUCCESS", ()))
        result.update(remove_values(answer, checked._no_log_values))
        return result

    @staticmethod
    def _progress(run: Callable[..., t.Any], known: dict[str, t.Any]) -> dict[str, t.Any]:
        """A module that takes its time has a parameter for lines to show meanwhile."""
        if "tell" not in inspect.signature(run).parameters:
            return {}
        return {"tell": lambda line: display.display(f"[{known.get('inventory_hostname', '')}] {line}")}

    def _is_here(self, known: dict[str, t.Any]) -> bool:
        """This process is what the task asks for: local, in the foreground, this Python, no environment of its own."""
        python = known.get("ansible_python_interpreter", sys.executable)
        return (
            self._connection.transport == "local"
            and not self._play_context.become
            and not self._task.async_val
            and not any(self._task.environment or [])
            and self._templar.template(python) in (sys.executable, "auto", "auto_silent")
        )
