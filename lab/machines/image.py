"""The operating system image of a machine: what a cloud's Ubuntu with Kubernetes packages would hold in /etc."""

from __future__ import annotations

import shutil
import textwrap
import uuid
from pathlib import Path

from lab import plan
from lab.cloud.ports import MachineSpec
from lab.images.catalogue import PAUSE, upstream_hosts
from lab.machines import hardware
from lab.machines.spec import Disk
from lab.registry.mirror import hosts_toml

_CONTAINERD = f"""\
version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
oom_score = 0
disabled_plugins = [
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.erofs",
  "io.containerd.snapshotter.v1.native",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.nri.v1.nri",
  "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing",
]
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "{PAUSE}"
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = "/etc/containerd/certs.d"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true
  [plugins."io.containerd.cri.v1.runtime".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/opt/cni/bin"]
    conf_dir = "/etc/cni/net.d"
"""

_UNITS = {
    "containerd": "containerd --config /etc/containerd/config.toml",
    "kubelet": (
        "kubelet --config=/var/lib/kubelet/config.yaml --kubeconfig=/etc/kubernetes/kubelet.conf "
        "--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --cert-dir=/var/lib/kubelet/pki "
        "$KUBELET_EXTRA_ARGS"
    ),
    "kube-proxy": "kube-proxy --config=/etc/kubernetes/kube-proxy.yaml",
}
_FROM_HOST = ("passwd", "group", "nsswitch.conf", "ld.so.cache", "protocols", "services")


def install(disk: Disk, spec: MachineSpec) -> None:
    """Writes the disk of a new machine; a disk that is there already stays as it is."""
    if (disk.etc / "machine-id").exists():
        return
    for folder in (
        disk.root,
        disk.etc / "cni/net.d",
        disk.etc / "default",
        disk.etc / "kubernetes/manifests",
        disk.var / "lib/kubelet",
        disk.var / "lib/containerd",
        disk.var / "log",
        disk.var / "tmp",
    ):
        folder.mkdir(parents=True, exist_ok=True)
    _write(disk.etc, "hostname", f"{spec.name}\n")
    _write(disk.etc, "hosts", f"127.0.0.1 localhost\n{spec.address} {spec.name}\n")
    _write(disk.etc, "resolv.conf", "")
    for name in _FROM_HOST:
        if (source := Path("/etc") / name).exists():
            shutil.copy(source, disk.etc / name)
    _write(disk.etc, "containerd/config.toml", _CONTAINERD)
    for host in upstream_hosts():
        _write(disk.etc, f"containerd/certs.d/{host}/hosts.toml", hosts_toml(host, plan.registry_url()))
    for name, command in _UNITS.items():
        _write(disk.etc, f"systemd/system/{name}.service", _unit(name, command))
    hardware.write(disk.hardware, spec.cpus, spec.memory_gib)
    link = disk.var / "run"
    if not link.is_symlink():
        link.symlink_to("/run")
    _write(disk.etc, "machine-id", f"{uuid.uuid4().hex}\n")


def _write(folder: Path, name: str, text: str) -> None:
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def _unit(name: str, command: str) -> str:
    return textwrap.dedent(f"""\
        [Unit]
        Description={name}
        [Service]
        EnvironmentFile=-/etc/default/{name}
        ExecStart={command}
        Restart=always
        [Install]
        WantedBy=multi-user.target
        """)
