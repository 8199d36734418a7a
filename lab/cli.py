"""The words of `python -m lab`."""

from __future__ import annotations

import argparse
import errno
import json
import sys
import urllib.error
import urllib.request

import yaml

from lab import daemon, environment, lifecycle, paths, prerequisites, processes, status
from lab.cloud.faults import KINDS
from lab.cloud.settings import CLOUDS
from lab.errors import LabError
from lab.machines.spec import Disk, known


def main(words: list[str]) -> int:
    """Runs one command; a failure is one sentence on standard error and exit code 1."""
    arguments = _parser().parse_args(words)
    try:
        arguments.run(arguments)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 0
    except OSError as error:
        print(f"lab: {_io_sentence(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; `python -m lab up` goes on where this stopped.", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab", description="Real Kubernetes, emulated clouds.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="bring the lab up; builds what is missing")
    up.add_argument("--simulated", action="store_true", help="without root: nodes by kwok, pods only say that they run")
    up.set_defaults(run=lambda arguments: lifecycle.up(_say, arguments.simulated))
    prepare = commands.add_parser("prepare", help="install what the lab needs from the system's packages")
    prepare.set_defaults(run=lambda _arguments: prerequisites.check(_say))
    down = commands.add_parser("down", help="end everything and remove every trace but the cache")
    down.set_defaults(run=lambda _arguments: lifecycle.down(_say))

    show = commands.add_parser("status", help="what runs and where")
    show.add_argument("--json", action="store_true", help="for programs")
    show.set_defaults(run=lambda arguments: print(_status(arguments.json)))

    env = commands.add_parser("env", help='endpoints and credentials, for `eval "$(python -m lab env)"`')
    env.set_defaults(run=lambda _arguments: print(environment.as_shell()))

    fault = commands.add_parser("fault", help="break an emulated cloud, or `fault clear` to mend all")
    fault.add_argument("cloud", help=f"{', '.join(CLOUDS)}, or clear")
    fault.add_argument("kind", nargs="?", help="; ".join(f"{kind}: {text}" for kind, text in KINDS.items()))
    fault.add_argument("options", nargs="*", metavar="NAME=VALUE", help="seconds, count, method, path, status, …")
    fault.set_defaults(run=_fault)

    logs = commands.add_parser("logs", help="where logs are, or the end of one")
    logs.add_argument("name", nargs="?", help="a process of `status --json`, or MACHINE/UNIT")
    logs.add_argument("--lines", type=int, default=40)
    logs.set_defaults(run=_logs)

    serve = commands.add_parser("serve", help=argparse.SUPPRESS)
    serve.set_defaults(run=lambda _arguments: daemon.run())
    return parser


def _io_sentence(error: OSError) -> str:
    where = error.filename or "its folders"
    if error.errno == errno.ENOSPC:
        return f"The disk is full: writing {where} failed; free some space and run the command again."
    return f"{where}: {error.strerror}; the lab keeps its things in {paths.cache()} and {paths.state()}."


def _say(line: str) -> None:
    print(line, flush=True)


def _status(as_json: bool) -> str:
    found = status.read()
    return found.as_json() if as_json else found.as_text()


def _fault(arguments: argparse.Namespace) -> None:
    if arguments.cloud == "clear":
        _control("DELETE", "/faults")
        return
    if arguments.kind is None:
        raise LabError(f"Which fault? One of: {', '.join(KINDS)}.")
    wanted: dict[str, object] = {"cloud": arguments.cloud, "kind": arguments.kind}
    for option in arguments.options:
        name, separator, value = option.partition("=")
        if not separator:
            raise LabError(f"An option of a fault is NAME=VALUE, not {option!r}.")
        wanted[name] = yaml.safe_load(value)
    _control("POST", "/faults", wanted)


def _control(method: str, path: str, body: dict[str, object] | None = None) -> None:
    request = urllib.request.Request(
        lifecycle.control_url(path),
        method=method,
        data=json.dumps(body).encode() if body is not None else None,
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10):
            return
    except urllib.error.HTTPError as error:
        raise LabError(f"The lab refused that: {error.read().decode(errors='replace')}") from None
    except OSError:
        raise LabError("The lab is not up; `python -m lab up` starts it.") from None


def _logs(arguments: argparse.Namespace) -> None:
    if not arguments.name:
        print(f"processes  {processes.logs()}")
        for spec in known():
            print(f"machine    {Disk(spec.id).var / 'log'}  ({spec.name})")
        return
    machine, _slash, unit = arguments.name.partition("/")
    found = next((spec for spec in known() if spec.name == machine), None)
    folder = Disk(found.id).var / "log" if found else processes.logs()
    file = folder / f"{unit if found else arguments.name}.log"
    if not file.exists():
        raise LabError(f"There is no log {arguments.name} below {paths.state()}; `python -m lab logs` lists them.")
    print("\n".join(file.read_text(errors="replace").splitlines()[-arguments.lines :]))
