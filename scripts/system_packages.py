"""The programs that come from the system: installs the missing ones as root on Debian, else names the command."""

from __future__ import annotations

import os
import sys

from lab import prerequisites
from lab.errors import LabError


def main() -> int:
    missing = prerequisites.missing_packages()
    if missing and os.geteuid() != 0:
        names = " ".join(missing)
        print(f"setup: this machine lacks {names}. On Debian: sudo apt-get install {names}", file=sys.stderr)
        return 1
    try:
        if missing:
            prerequisites.install(missing)
    except LabError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
