"""What the lab builds, as data: a family is a folder here with go.mod and go.sum; its `tool` lines name the programs.

A family may hold a program of the lab's own, main.go beside go.mod; its source then counts for the lock.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from lab import paths

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Data:
    """A folder or file that a module ships and the lab reads as it is."""

    module: str
    path: str
    to: str


@dataclass(frozen=True)
class Family:
    """One go.mod: the programs of its `tool` lines and the data files taken from its modules."""

    name: str
    data: tuple[Data, ...] = ()
    stamps: tuple[str, ...] = ()  # `-X` linker values: a program built from a module does not know its version

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    def programs(self) -> list[str]:
        """Import paths of the programs, from the `tool` lines of go.mod."""
        found, inside = [], False
        for line in (self.folder / "go.mod").read_text().splitlines():
            words = line.split()
            if words[:2] == ["tool", "("]:
                inside = True
            elif inside and words[:1] == [")"]:
                inside = False
            elif inside and words:
                found.append(words[0])
            elif words[:1] == ["tool"]:
                found.append(words[1])
        return found

    def binaries(self) -> list[str]:
        """File names of the programs, as `go build -o folder/` names them."""
        return [_binary_name(program) for program in self.programs()]

    def version(self, module: str) -> str:
        """Version of a module as go.mod requires it, for example `v1.9.3`."""
        for line in (self.folder / "go.mod").read_text().splitlines():
            words = line.removeprefix("require").split()
            if words[:1] == [module]:
                return words[1]
        raise KeyError(f"{self.folder / 'go.mod'} does not require {module}")

    def lock(self) -> str:
        """Twelve hex digits that change whenever what is built changes."""
        text = repr((self.data, self.stamps)).encode()
        for path in (self.folder / "go.mod", self.folder / "go.sum", *sorted(self.folder.glob("*.go"))):
            text += path.read_bytes()
        return hashlib.sha256(text).hexdigest()[:12]

    def home(self) -> Path:
        """Folder in the cache that holds `bin/` and `data/` of exactly this lock."""
        return paths.cache() / "tools" / self.name / self.lock()

    def built(self) -> bool:
        return self.home().is_dir()


def _binary_name(import_path: str) -> str:
    parts = import_path.split("/")
    version_suffix = parts[-1][:1] == "v" and parts[-1][1:].isdigit()
    return parts[-2] if version_suffix else parts[-1]


def _controller(name: str) -> Family:
    module = f"github.com/fluxcd/{name}-controller"
    return Family(
        f"flux-{name}-controller",
        (Data(module, "config/crd", "crd"), Data(module, "config/manager", "manager")),
    )


def _kubernetes_version(version: str) -> tuple[str, ...]:
    major, minor, _patch = version.split(".")
    values = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return tuple(f"k8s.io/component-base/version.{key}={value}" for key, value in values.items())


# In the order in which a lab needs them.
FAMILIES: tuple[Family, ...] = (
    Family("kubernetes", stamps=_kubernetes_version("1.36.3")),
    Family("etcd"),
    Family("containerd"),
    Family("cni"),
    Family("pause"),
    Family("registry"),
    Family("coredns"),
    Family("podinfo", (Data("github.com/stefanprodan/podinfo", "ui", "ui"),)),
    _controller("source"),
    _controller("kustomize"),
    _controller("notification"),
    _controller("helm"),
    Family("flux-manifests", (Data("github.com/fluxcd/flux2/v2", "manifests", "manifests"),)),
    Family("sops"),
)
# What a lab with simulated machines needs, and nothing else.
KWOK = Family("kwok", (Data("sigs.k8s.io/kwok", "kustomize/stage", "stage"),))

_BY_PROGRAM = {program: family for family in (*FAMILIES, KWOK) for program in family.binaries()}


def family(name: str) -> Family:
    """The family of that name."""
    return next(family for family in (*FAMILIES, KWOK) if family.name == name)


def family_of(program: str) -> Family:
    """The family that builds a program."""
    return _BY_PROGRAM[program]


def program(name: str) -> Path:
    """Path of a built program, for example `program("kubelet")`."""
    return family_of(name).home() / "bin" / name


def data(family_name: str, name: str) -> Path:
    """Path of a data folder that the family took from its modules."""
    return family(family_name).home() / "data" / name
