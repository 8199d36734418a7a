# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a program that may not ask questions and may not take for ever."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import Permanent, Transient


@dataclass(frozen=True)
class Done:
    """How a program ended. ``errors`` is what it said, decoded and stripped."""

    code: int
    output: bytes
    errors: str


def run(
    arguments: Sequence[str],
    *,
    timeout: float,
    cwd: str = "/",
    environment: Mapping[str, str] | None = None,
    given: bytes = b"",
) -> Done:
    """Runs a program with ``given`` as its input and without a terminal.

    Raises Permanent when there is no such program, Transient when it takes longer than ``timeout`` seconds; it is then
    ended together with the programs that it started.
    """
    program = arguments[0]
    try:
        process = subprocess.Popen(
            list(arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=dict(os.environ if environment is None else environment),
            start_new_session=True,
        )
    except (FileNotFoundError, PermissionError) as error:
        raise Permanent(
            f"The program {program} cannot be started ({error.strerror}). Install it, or tell where it is.",
            code="NoProgram",
        ) from None
    try:
        output, errors = process.communicate(given, timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise Transient(f"{program} did not end within {timeout:g} seconds and was stopped.", code="Timeout") from None
    return Done(process.returncode, output, errors.decode(errors="replace").strip())
