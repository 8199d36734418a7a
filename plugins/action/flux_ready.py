# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for Flux on the controller, so that the person at the terminal sees what it is doing."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils.errors import PlatformError
from ..module_utils.flux_wait import WORK, FluxWait
from ..module_utils.flux_watch import FluxWatch
from ..module_utils.kube_api import KubeApi

SPEC: dict[str, t.Any] = {
    "kubeconfig": {"type": "path", "required": True},
    "revision": {"type": "str", "default": ""},
    "source": {"type": "str", "default": ""},
    "names": {"type": "list", "elements": "str", "default": []},
    "reconcile": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 300},
}

display = Display()


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return when Flux is ready, or a failure with one sentence."""
        super().run(tmp, task_vars)
        _checked, options = self.validate_argument_spec(argument_spec=SPEC)
        host = (task_vars or {}).get("inventory_hostname", "")
        try:
            return _wait(options, host, check_mode=self._task.check_mode)
        except PlatformError as failed:
            return {"failed": True, "msg": str(failed), "code": failed.code}


def _wait(options: dict[str, t.Any], host: str, *, check_mode: bool) -> dict[str, t.Any]:
    if check_mode and not Path(options["kubeconfig"]).is_file():
        return {
            "changed": False,
            "ready": False,
            "kustomizations": [],
            "msg": "Would wait for Flux; there is no cluster yet.",
        }
    wait = FluxWait(options["revision"], options["names"], options["source"])
    watch = FluxWatch(
        KubeApi(options["kubeconfig"]),
        wait,
        reconcile=options["reconcile"],
        say=lambda line: display.display(f"[{host}] {line}"),
    )
    if check_mode:
        ready = _look(watch)
        waiting = wait.unfinished()
        message = "Flux is ready." if ready else f"Would wait for Flux: {'; '.join(waiting) or 'nothing is there yet'}"
        return {"changed": False, "ready": ready, "kustomizations": _kustomizations(wait), "msg": message}
    watch.run(options["timeout"])
    kustomizations = _kustomizations(wait)
    return {
        "changed": watch.requests > 0,
        "ready": True,
        "kustomizations": kustomizations,
        "msg": f"Flux is ready: {len(kustomizations)} Kustomizations.",
    }


def _look(watch: FluxWatch) -> bool:
    """In check mode Flux itself may be among the things that would be installed."""
    try:
        return watch.look()
    except PlatformError as failed:
        if failed.code in ("404", "NotFound"):
            return False
        raise


def _kustomizations(wait: FluxWait) -> list[dict[str, str]]:
    return [{"name": c.name, "revision": c.applied, "message": c.message} for c in wait.of(WORK)]
