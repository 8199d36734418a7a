"""`systemctl` inside a machine: hands its words to process 1."""

from __future__ import annotations

import json
import socket
import sys

from lab.machines.init import SOCKET

_VERBS = ("start", "stop", "restart", "enable", "disable", "is-active", "daemon-reload")


def main(words: list[str]) -> int:
    flags = {word for word in words if word.startswith("-")}
    rest = [word for word in words if not word.startswith("-")]
    if not rest or rest[0] not in _VERBS:
        print(f"systemctl here knows {', '.join(_VERBS)}.", file=sys.stderr)
        return 2
    verb = f"{rest[0]}-now" if "--now" in flags and rest[0] in ("enable", "disable") else rest[0]
    names = [name.removesuffix(".service") for name in rest[1:]]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(SOCKET)
        connection.sendall(json.dumps([verb, names]).encode())
        answer = json.loads(connection.recv(65536))
    if answer["text"]:
        print(answer["text"])
    return int(answer["code"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
