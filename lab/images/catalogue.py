"""Which images the lab offers, as data: the name that manifests use and the built programs behind it."""

from __future__ import annotations

from dataclasses import dataclass

from lab.images.oci import Settings
from lab.tools.families import family, family_of


@dataclass(frozen=True)
class Program:
    """A built program and its absolute path in the image."""

    name: str
    target: str


@dataclass(frozen=True)
class Folder:
    """A data folder of a tool family and its absolute path in the image."""

    family: str
    name: str
    target: str


@dataclass(frozen=True)
class Recipe:
    """What an image is made of and how its containers start."""

    name: str
    contents: tuple[Program | Folder, ...]
    settings: Settings

    @property
    def host(self) -> str:
        """The upstream registry that the name points to."""
        return self.name.partition("/")[0]

    def families(self) -> list[str]:
        """Tool families whose lock decides what is in the image."""
        return [each.family if isinstance(each, Folder) else family_of(each.name).name for each in self.contents]


def _controller(name: str) -> Recipe:
    program = f"{name}-controller"
    version = family(f"flux-{program}").version(f"github.com/fluxcd/{program}")
    target = f"/usr/local/bin/{program}"
    return Recipe(
        f"ghcr.io/fluxcd/{program}:{version}",
        (Program(program, target),),
        Settings(user="65534:65534", entrypoint=(target,)),
    )


PAUSE = "registry.k8s.io/pause:3.10.1"
COREDNS = f"registry.k8s.io/coredns/coredns:{family('coredns').version('github.com/coredns/coredns')}"
PODINFO = "ghcr.io/stefanprodan/podinfo:6.9.2"  # its module has only a pseudo-version, so the tag stands here

# In the order in which a new cluster pulls them.
CATALOGUE: tuple[Recipe, ...] = (
    Recipe(PAUSE, (Program("pause", "/pause"),), Settings(user="65535:65535", entrypoint=("/pause",))),
    Recipe(COREDNS, (Program("coredns", "/coredns"),), Settings(user="65532:65532", entrypoint=("/coredns",))),
    _controller("source"),
    _controller("kustomize"),
    _controller("helm"),
    _controller("notification"),
    Recipe(
        PODINFO,
        (
            Program("podinfo", "/home/app/podinfo"),
            Program("podcli", "/usr/local/bin/podcli"),  # the chart's probes run it
            Folder("podinfo", "ui", "/home/app/ui"),
        ),
        # A command and no entrypoint, as upstream has it: manifests that give `args` alone count on that.
        Settings(user="100:101", workdir="/home/app", command=("./podinfo",)),
    ),
)


def upstream_hosts() -> list[str]:
    """Upstream registries that the lab stands in for."""
    return sorted({recipe.host for recipe in CATALOGUE})
