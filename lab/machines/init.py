"""Process 1 of a machine: starts enabled units, carries out user-data once, reaps, answers systemctl."""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from pathlib import Path

from lab.machines.services import Services, UnknownUnit

SOCKET = "/run/init.sock"


def main() -> None:
    wake, woken = socket.socketpair()
    for end in (wake, woken):
        end.setblocking(False)
    signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control.bind(SOCKET)
    control.listen(16)

    services = Services()
    services.start_enabled()
    first_boot = subprocess.Popen([sys.executable, "-m", "lab.machines.cloud_init"])
    selector = selectors.DefaultSelector()
    selector.register(wake, selectors.EVENT_READ)
    selector.register(control, selectors.EVENT_READ)
    while True:
        ready = {key.fileobj for key, _events in selector.select(services.restart_due())}
        if wake in ready:
            wake.recv(4096)
            _reap(services, first_boot)
        if control in ready:
            _answer(control, services)


def _reap(services: Services, first_boot: subprocess.Popen[bytes]) -> None:
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None:
            return
        if ended.si_pid == first_boot.pid:
            first_boot.wait()
        elif not services.ended(ended.si_pid):
            os.waitpid(ended.si_pid, 0)


def _answer(control: socket.socket, services: Services) -> None:
    connection, _address = control.accept()
    with connection:
        verb, names = json.loads(connection.recv(65536))
        try:
            text = carry_out(services, verb, names)
            answer = {"code": 0 if text is None else 3, "text": text or ""}
        except (UnknownUnit, OSError) as error:
            answer = {"code": 5, "text": str(error)}
        connection.sendall(json.dumps(answer).encode())


def carry_out(services: Services, verb: str, names: list[str]) -> str | None:
    """Does one systemctl verb; the text of a refusal, or None when all went well."""
    for name in names:
        if verb in ("stop", "restart", "disable-now"):
            services.stop(name)
        if verb in ("start", "restart", "enable-now"):
            services.start(name)
        if verb in ("enable", "enable-now"):
            services.enable(name)
        if verb in ("disable", "disable-now"):
            services.disable(name)
        if verb == "is-active" and not services.active(name):
            return "inactive"
    return None


def finished_marker() -> Path:
    """Exists once user-data has been carried out; a machine that lost power before that does it again."""
    return Path("/var/lib/cloud/instance/boot-finished")


if __name__ == "__main__":
    main()
