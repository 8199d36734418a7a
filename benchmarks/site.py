"""The lab and `site.yml`: how long from nothing, and what a run without change costs beside tasks that do nothing.

    python benchmarks/site.py

Ends a lab that is up, measures on a new one, and ends that too. Wall-clock seconds depend on the machine: read the
ratios.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
TASK = re.compile(r"^TASK \[(.+)\] \*+$", re.MULTILINE)


@dataclass(frozen=True)
class Figures:
    """One finished command: seconds on the clock, seconds of processor time of it and its children, what it said."""

    wall: float
    cpu: float
    output: str


def measure(*words: str) -> Figures:
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - started
    if done.returncode != 0:
        sys.exit(f"`{' '.join(words)}` failed:\n{done.stdout}{done.stderr}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Figures(wall, cpu, done.stdout)


def lab(word: str) -> Figures:
    return measure(str(BIN / "python"), "-m", "lab", word)


def site() -> Figures:
    return measure(str(BIN / "ansible-playbook"), "playbooks/site.yml")


def twin(tasks: int, action: str) -> Figures:
    """A play of the same number of tasks that do nothing."""
    lines = "\n".join(f"    - name: Nothing {number}\n      {action}:" for number in range(tasks))
    text = f"---\n- name: Nothing\n  hosts: clusters\n  gather_facts: false\n  tasks:\n{lines}\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "twin.yml")
        path.write_text(text)
        return measure(str(BIN / "ansible-playbook"), str(path))


def rows(output: str) -> list[tuple[str, float]]:
    """Tasks and their seconds, from the profile_tasks callback's closing table."""
    found = re.findall(r"^(.+?) -+ +([0-9.]+)s$", output, re.MULTILINE)
    return [(name.strip(), float(seconds)) for name, seconds in found]


def seconds_of(task: str, output: str) -> float:
    return next(seconds for name, seconds in rows(output) if name.endswith(task))


def slowest(output: str, count: int = 6) -> list[str]:
    """The tasks that took longest."""
    return [f"{seconds:6.1f} s  {name}" for name, seconds in rows(output)[:count]]


def main() -> None:
    os.environ["ANSIBLE_CALLBACKS_ENABLED"] = "ansible.posix.profile_tasks"
    lab("down")
    up = lab("up")
    first = site()
    again = [site() for _number in range(3)]
    unchanged = min(again, key=lambda figures: figures.wall)
    tasks = len(TASK.findall(unchanged.output))
    modules, actions = twin(tasks, "ansible.builtin.ping"), twin(tasks, "ansible.builtin.debug")
    lab("down")

    print(f"lab up, tools built                {up.wall:6.1f} s")
    print(f"site.yml, first run                {first.wall:6.1f} s   {first.wall / modules.wall:5.2f} x empty twin")
    machines = len(re.findall(r"^\[\S+\] \S+ runs at ", first.output, re.MULTILINE))
    bought = seconds_of("Bring every pool to its count", first.output)
    print(f"  {machines} servers, order to Ready        {bought:6.1f} s   {bought / machines:5.1f} s per machine")
    print("  where it went:")
    print("\n".join(f"    {line}" for line in slowest(first.output)))
    print(f"site.yml, no change ({tasks} tasks)     {unchanged.wall:6.1f} s   {unchanged.cpu:6.1f} s CPU")
    for title, figures in (("modules that do nothing", modules), ("actions that do nothing", actions)):
        wall, cpu = unchanged.wall / figures.wall, unchanged.cpu / figures.cpu
        print(f"  twin of {title}  {figures.wall:6.1f} s   {figures.cpu:6.1f} s CPU   ratio {wall:.2f} / {cpu:.2f} CPU")
    print("  where a run without change goes:")
    print("\n".join(f"    {line}" for line in slowest(unchanged.output)))


if __name__ == "__main__":
    main()
