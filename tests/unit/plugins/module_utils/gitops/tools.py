"""Programs that some tests need: the system's, or the lab's build of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lab.tools.families import program


def find(name: str) -> str:
    """Path of a program, or an empty string."""
    built = program(name)
    return str(built) if built.is_file() else shutil.which(name) or ""


SOPS = find("sops")
KUBECTL = find("kubectl")
AGE_KEYGEN = shutil.which("age-keygen") or ""

needs_sops = pytest.mark.skipif(
    not (SOPS and AGE_KEYGEN), reason="sops or age-keygen is missing: build the lab's tools"
)
needs_kubectl = pytest.mark.skipif(not KUBECTL, reason="kubectl is missing: build the lab's tools")

CATALOGUE = Path(__file__).parents[5] / "catalogue"
