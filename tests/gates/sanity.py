"""ansible-test sanity outside a folder named ansible_collections, and without the download of get-pip.

ansible-test accepts a collection only below `ansible_collections/<namespace>/<name>` and sees through links; a copy
inside a folder that another repository ignores looks empty to it, and it then ends with success. So the files are
copied and get a git of their own.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.gates.project import ROOT, files, run

COPY = ROOT / ".cache/ansible_collections/sovereign/fleet"
TOLD_NOTHING = re.compile(r"All targets skipped|No targets found|No tests? (?:found|to run)", re.IGNORECASE)
FAULT = re.compile(r"^(?:ERROR|FATAL|WARNING|See documentation)|^[a-z-]+(?: --python .*)?$", re.MULTILINE)
TESTS_THAT_MUST_RUN = ("ansible-doc", "import", "pep8", "pylint", "validate-modules", "yamllint")

GET_PIP = '''"""Gives an empty virtual environment the pip that Python carries, then what ansible-test asks for."""

import os
import subprocess
import sys

os.environ.pop("GET_PIP", None)
wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
# A child process: ensurepip inside this one would leave pip without the machine's configuration.
subprocess.run([sys.executable, "-m", "ensurepip", "--default-pip"], check=True, stdout=subprocess.DEVNULL)
sys.exit(subprocess.run([sys.executable, "-m", "pip", "install", *wanted], check=False).returncode)
'''


def mirror(target: Path = COPY) -> int:
    """Makes `target` equal to the checkout's own files; returns how many there are."""
    wanted = files()
    for path in wanted:
        source, copy = ROOT / path, target / path
        if not copy.is_file() or copy.read_bytes() != source.read_bytes():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)
    keep = set(wanted)
    for copy in sorted(target.rglob("*"), reverse=True):
        path = copy.relative_to(target)
        if path.parts[0] == ".git" or path.parts[:2] == ("tests", "output"):
            continue
        if copy.is_dir() and not copy.is_symlink():
            if not any(copy.iterdir()):
                copy.rmdir()
        elif path not in keep:
            copy.unlink()
    if not (target / ".git").is_dir():
        run("git", "init", "--quiet", cwd=target)
    run("git", "add", "--all", cwd=target)
    return len(wanted)


def seed_pip() -> Path:
    """Puts our script where ansible-test keeps its download of get-pip, unless something is there already."""
    spec = importlib.util.find_spec("ansible_test")
    assert spec is not None, "ansible-test is not installed in this environment"
    source = Path(next(iter(spec.submodule_search_locations or ()))) / "_internal/python_requirements.py"
    found = re.search(r"""pip=['"]([\d.]+)['"]""", source.read_text())
    assert found, f"{source.name} of this ansible-core no longer names the version of pip that it wants"
    seed = Path.home() / ".ansible/test/cache" / f"get_pip_{found.group(1).replace('.', '_')}.py"
    if not seed.exists():
        seed.parent.mkdir(parents=True, exist_ok=True)
        seed.write_text(GET_PIP)
    return seed


def faults(output: str) -> str:
    """The lines of ansible-test's output that name a fault; without those about the packages it installs."""
    return "\n".join(line for line in output.splitlines() if FAULT.match(line)) or output


def sanity(*arguments: str, timeout: float = 2400) -> str:
    """Runs ansible-test sanity over a fresh copy; the test fails when it finds a fault or looked at nothing."""
    assert mirror() > 0, "git lists no file of this checkout"
    seed_pip()
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = ["ansible-test", "sanity", "--venv", "--python", python, "--color", "no", *arguments]
    try:
        output = run(*command, cwd=COPY, timeout=timeout, show=faults)
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"ansible-test sanity did not end within {timeout:.0f} s") from error
    assert not TOLD_NOTHING.search(output), f"ansible-test sanity looked at nothing:\n{output}"
    return output
