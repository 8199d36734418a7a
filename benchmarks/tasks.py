"""What a task of ours costs that finds nothing to do, against an action plugin that returns at once.

python benchmarks/tasks.py [--tasks 40] [--runs 3]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EMPTY_ACTION = """
from ansible.plugins.action import ActionBase
class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        return super().run(tmp, task_vars)
"""
KINDS = {
    "no task at all": [],
    "an empty action plugin": ["nothing:"],
    "sovereign.fleet.gitops_tree": ["sovereign.fleet.gitops_tree:", "  dest: tree", "  files: {}"],
    "ansible.builtin.ping, a module": ["ansible.builtin.ping:"],
}


def play(folder: Path, number: int, tasks: int, lines: list[str]) -> Path:
    """A playbook with the same task over and over."""
    body = "\n".join(f"      {line}" for line in lines)
    repeated = "".join(f"    - name: Task {index}\n{body}\n" for index in range(tasks if lines else 0)) or "    []\n"
    text = f"- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n{repeated}"
    path = folder / f"play{number}.yml"
    path.write_text(text)
    return path


def measure(folder: Path, path: Path) -> tuple[float, float]:
    """Seconds on the clock and of CPU."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
        "ANSIBLE_ACTION_PLUGINS": str(folder / "actions"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "LC_ALL": "C.UTF-8",
    }
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,"]
    # The interpreter is said, as in every inventory here: looking for one costs more than all else.
    command += ["-e", "ansible_python_interpreter={{ ansible_playbook_python }}", str(path)]
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(output)
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=40)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "actions").mkdir()
        (folder / "actions" / "nothing.py").write_text(EMPTY_ACTION)
        (folder / "tree").mkdir()
        plays = {
            title: play(folder, number, arguments.tasks, lines) for number, (title, lines) in enumerate(KINDS.items())
        }
        taken: dict[str, list[tuple[float, float]]] = {title: [] for title in plays}
        for _number in range(arguments.runs):
            for title, path in plays.items():
                taken[title].append(measure(folder, path))
    least = {title: (min(run[0] for run in runs), min(run[1] for run in runs)) for title, runs in taken.items()}
    base = least.pop("no task at all")
    cost = {
        title: tuple((here - there) / arguments.tasks * 1000 for here, there in zip(figures, base, strict=True))
        for title, figures in least.items()
    }
    floor = cost["an empty action plugin"]
    print(f"{arguments.tasks} tasks, best of {arguments.runs}, without what the empty play takes\n")
    print(f"{'':<34}{'ms a task':>10}{'CPU ms':>8}{'ratio':>8}{'CPU':>7}")
    for title, (wall, cpu) in cost.items():
        print(f"{title:<34}{wall:>10.1f}{cpu:>8.1f}{wall / floor[0]:>7.1f}x{cpu / floor[1]:>6.1f}x")


if __name__ == "__main__":
    main()
