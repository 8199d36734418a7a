"""Join information: the cloud-init that makes a fresh server a node of the cluster."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from lab import plan
from lab.control_plane import kubeconfig
from lab.control_plane.plane import Plane

# There is no default route in the lab from which kubelet could learn its own address.
_ARGUMENTS_SCRIPT = """\
address=$(ip -4 -o address show dev eth0 | sed 's/.*inet \\([0-9.]*\\).*/\\1/')
echo "KUBELET_EXTRA_ARGS=--node-ip=$address --node-labels=@LABELS@" > /etc/default/kubelet
"""


def user_data(plane: Plane, region: str, zone: str, node_labels: Mapping[str, str]) -> str:
    """The #cloud-config for one place and set of labels."""
    labels = {"topology.kubernetes.io/region": region, "topology.kubernetes.io/zone": zone, **node_labels}
    joined = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    server, name, pki = plane.plan.api_url, plane.identity.name, plane.pki
    proxy = kubeconfig.with_certificate(server, pki, "proxy", name)
    bootstrap = kubeconfig.with_token(server, pki, plane.identity.token, name)
    files = {
        "/etc/kubernetes/pki/ca.crt": (pki.crt("ca").read_text(), "0644"),
        "/etc/kubernetes/bootstrap-kubelet.conf": (bootstrap, "0600"),
        "/etc/kubernetes/kube-proxy.conf": (proxy, "0600"),
        "/etc/kubernetes/kube-proxy.yaml": (yaml.safe_dump(_kube_proxy(plane)), "0644"),
        "/var/lib/kubelet/config.yaml": (yaml.safe_dump(_kubelet(plane)), "0644"),
    }
    document = {
        "write_files": [
            {"path": path, "permissions": mode, "content": content} for path, (content, mode) in files.items()
        ],
        "runcmd": [
            _ARGUMENTS_SCRIPT.replace("@LABELS@", joined),
            ["systemctl", "enable", "--now", "containerd", "kubelet", "kube-proxy"],
        ],
    }
    return "#cloud-config\n" + yaml.safe_dump(document, sort_keys=False)


def _kubelet(plane: Plane) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "maxOpenFiles": 20000,
        "oomScoreAdj": 0,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": "/etc/kubernetes/pki/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "rotateCertificates": True,
        "clusterDomain": plan.CLUSTER_DOMAIN,
        "clusterDNS": [plane.plan.dns_service],
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {
            "memory.available": "50Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
        "nodeStatusUpdateFrequency": "5s",
        "makeIPTablesUtilChains": False,
        "resolvConf": "",
        "serializeImagePulls": False,
    }


def _kube_proxy(plane: Plane) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": "/etc/kubernetes/kube-proxy.conf"},
        "clusterCIDR": plane.plan.pods,
        # Connection tracking limits are machine-wide; the lab leaves them as the host has them.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "nftables": {"syncPeriod": "30s", "minSyncPeriod": "100ms"},
    }
