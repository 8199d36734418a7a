"""Every benchmark, one after another: `python -m benchmarks`. Each prints ratios of figures from one run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ORDER = ("site", "inventory", "four_clouds", "pools", "placement", "tasks")


def main() -> int:
    for name in ORDER:
        print(f"\n== {name} ==", flush=True)
        done = subprocess.run([sys.executable, str(HERE / f"{name}.py")], cwd=HERE.parent, check=False)
        if done.returncode != 0:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
