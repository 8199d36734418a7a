from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from lab.tools import families

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not families.family("pause").built(), reason="the pause program is not built: `make lab`"),
]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_reaps_what_containers_leave_behind_and_ends_when_told_to(number: signal.Signals) -> None:
    # Pause takes the place of a shell and so inherits its child, which ends when its input is closed.
    script = f"cat <&0 >/dev/null & echo $!; exec {families.program('pause')}"
    with subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as pause:
        assert pause.stdin is not None
        assert pause.stdout is not None
        child = Path("/proc") / pause.stdout.readline().strip()
        assert child.exists()
        pause.stdin.close()
        deadline = time.monotonic() + 5
        while child.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not child.exists()
        assert pause.poll() is None
        pause.send_signal(number)
        assert pause.wait(timeout=5) == 0
