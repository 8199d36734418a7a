"""Writes the file of known values of a chart: `python scripts/value_keys.py NAME VERSION ORIGIN < values.yaml`.

What a chart knows but shows only in comments of its values.yaml has to be added by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import yaml

SHAPES = {
    "affinity": (".**",),
    "annotations": (".**",),
    "labels": (".**",),
    "nodeSelector": (".**",),
    "podAnnotations": (".**",),
    "podLabels": (".**",),
    "podSecurityContext": (".**",),
    "resources": (".limits.**", ".requests.**"),
    "securityContext": (".**",),
}
"""Mappings whose keys are those of Kubernetes, whatever the chart has there by default."""


def known(values: Any, path: str = "") -> Iterator[str]:
    """Paths of the values; what is empty may be filled with anything."""
    name = path.rpartition(".")[2]
    if name in SHAPES and (values is None or isinstance(values, dict)):
        yield from (path + below for below in SHAPES[name])
    elif isinstance(values, dict) and values:
        for key, value in values.items():
            yield from known(value, f"{path}.{key}" if path else str(key))
    else:
        yield f"{path}.**" if values is None or isinstance(values, dict) else path


if __name__ == "__main__":
    chart, version, origin = sys.argv[1:]
    print(f"# chart: {chart}\n# version: {version}\n# read from: {origin}")
    print("\n".join(known(yaml.safe_load(sys.stdin))))
