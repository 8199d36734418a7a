"""Shows a machine at the size that was bought: kubelet reads these files in place of the host's."""

from __future__ import annotations

import os
from pathlib import Path

_KIB_PER_GIB = 1024 * 1024


def write(folder: Path, cpus: int, memory_gib: int) -> None:
    """Writes `meminfo` and a `cpu` folder as the kernel would show them, and the sysctl values kubelet wants to see."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "meminfo").write_text(_meminfo(memory_gib * _KIB_PER_GIB))
    cpu = folder / "cpu"
    for number in range(cpus):
        topology = cpu / f"cpu{number}" / "topology"
        topology.mkdir(parents=True, exist_ok=True)
        (topology / "physical_package_id").write_text("0\n")
        # A core id for a CPU that the host lacks would end up in a cpuset that the kernel refuses.
        if number < (os.cpu_count() or 1):
            (topology / "core_id").write_text(f"{number}\n")
    span = "0\n" if cpus == 1 else f"0-{cpus - 1}\n"
    for name in ("online", "possible", "present"):
        (cpu / name).write_text(span)
    # kubelet writes these machine-wide when they differ; here it reads what it wants and leaves the host alone.
    for name, value in (("overcommit_memory", "1"), ("panic", "10"), ("panic_on_oops", "1")):
        (folder / name).write_text(f"{value}\n")


def _meminfo(total_kib: int) -> str:
    values = {
        "MemTotal": total_kib,
        "MemFree": total_kib - 300_000,
        "MemAvailable": total_kib - 200_000,
        **dict.fromkeys(("Buffers", "Cached", "SwapCached", "SwapTotal", "SwapFree"), 0),
    }
    lines = [f"{name + ':':<16}{value:>8} kB" for name, value in values.items()]
    return "\n".join([*lines, "HugePages_Total:       0", "Hugepagesize:       2048 kB", ""])
