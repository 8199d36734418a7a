"""One control plane: its folder, its identity, its four processes."""

from __future__ import annotations

import json
import secrets
import shutil
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from lab import mode, paths, plan, processes
from lab.control_plane import kubeconfig
from lab.control_plane.pki import Pki
from lab.errors import LabError
from lab.tools.families import data, program

_READY_SECONDS = 90.0
_LEASE_SECONDS = 40
# kwok looks after nodes that carry this annotation and no others.
FAKE_NODE = "kwok.x-k8s.io/node=fake"


def folder() -> Path:
    return paths.state() / "control-planes"


@dataclass(frozen=True)
class Identity:
    """What makes a control plane the same one after a restart of the lab."""

    cluster_id: str
    name: str
    slot: int
    token: str


class Plane:
    """A control plane below its folder."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.home = folder() / identity.cluster_id
        self.plan = plan.ClusterPlan(identity.slot)

    @classmethod
    def new(cls, cluster_id: str, name: str, slot: int) -> Plane:
        plane = cls(Identity(cluster_id, name, slot, f"{secrets.token_hex(3)}.{secrets.token_hex(8)}"))
        plane.home.mkdir(parents=True)
        (plane.home / "identity.json").write_text(json.dumps(asdict(plane.identity)))
        return plane

    @classmethod
    def load(cls, cluster_id: str) -> Plane | None:
        try:
            return cls(Identity(**json.loads((folder() / cluster_id / "identity.json").read_text())))
        except (OSError, ValueError, TypeError):
            return None

    @property
    def pki(self) -> Pki:
        return Pki(self.home / "pki")

    @property
    def admin_kubeconfig(self) -> Path:
        return self.home / "admin.kubeconfig"

    def running(self) -> bool:
        return all(processes.Process.read(self._process_name(name)) for name in self._commands())

    def start(self) -> None:
        """Starts what does not run yet and returns when the API server is ready."""
        self._certificates()
        for name, command in self._commands().items():
            processes.start(self._process_name(name), command())
            if name == "apiserver":
                # The controller manager reads its permissions once, at start: the API server must be ready by then.
                self._wait_ready()

    def stop(self) -> None:
        for name in reversed(self._commands()):
            process = processes.Process.read(self._process_name(name))
            if process:
                processes.stop(process)

    def destroy(self) -> None:
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def _process_name(self, name: str) -> str:
        return f"{name}-{self.identity.cluster_id}"

    def _commands(self) -> dict[str, Callable[[], list[str]]]:
        """The processes in the order in which they start."""
        commands = {
            "etcd": self._etcd,
            "apiserver": self._api_server,
            "controllers": self._controller_manager,
            "scheduler": self._scheduler,
        }
        return {**commands, "kwok": self._kwok} if mode.simulated() else commands

    def _certificates(self) -> None:
        pki, api = self.pki, self.plan.api_service
        pki.authority("ca")
        pki.authority("front-proxy-ca")
        names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
        names += [f"kubernetes.default.svc.{plan.CLUSTER_DOMAIN}", "localhost", plan.LOOPBACK, plan.host_address(), api]
        pki.leaf("apiserver", "kube-apiserver", hosts=names)
        pki.leaf("kubelet-client", "kube-apiserver-kubelet-client", groups=["system:masters"])
        pki.leaf("front-proxy-client", "front-proxy-client", by="front-proxy-ca")
        pki.leaf("admin", "lab-admin", groups=["system:masters"])
        pki.leaf("controllers", "system:kube-controller-manager")
        pki.leaf("scheduler", "system:kube-scheduler")
        pki.leaf("proxy", "system:kube-proxy")
        pki.signing_key("service-account")
        for name in ("admin", "controllers", "scheduler"):
            target = self.home / f"{name}.kubeconfig"
            target.touch(mode=0o600)
            target.write_text(kubeconfig.with_certificate(self.plan.api_url, pki, name, self.identity.name))

    def _etcd(self) -> list[str]:
        clients, peers = (f"http://{plan.LOOPBACK}:{self.plan.local_port(number)}" for number in (0, 1))
        return [
            # `go build` names the program of go.etcd.io/etcd/server/v3 after the last part of its path.
            str(program("server")),
            f"--data-dir={self.home / 'etcd'}",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",
        ]

    def _api_server(self) -> list[str]:
        pki = self.pki
        return [
            str(program("kube-apiserver")),
            f"--etcd-servers=http://{plan.LOOPBACK}:{self.plan.local_port(0)}",
            f"--bind-address={plan.host_address()}",
            f"--advertise-address={plan.host_address()}",
            f"--secure-port={self.plan.api_port}",
            f"--service-cluster-ip-range={self.plan.services}",
            f"--service-account-issuer=https://kubernetes.default.svc.{plan.CLUSTER_DOMAIN}",
            f"--service-account-key-file={pki.folder / 'service-account.pub'}",
            f"--service-account-signing-key-file={pki.key('service-account')}",
            f"--client-ca-file={pki.crt('ca')}",
            f"--tls-cert-file={pki.crt('apiserver')}",
            f"--tls-private-key-file={pki.key('apiserver')}",
            f"--kubelet-client-certificate={pki.crt('kubelet-client')}",
            f"--kubelet-client-key={pki.key('kubelet-client')}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--requestheader-client-ca-file={pki.crt('front-proxy-ca')}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={pki.crt('front-proxy-client')}",
            f"--proxy-client-key-file={pki.key('front-proxy-client')}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--enable-bootstrap-token-auth",
            # The API server has no kube-proxy beside it: webhooks and aggregated APIs are reached at pod addresses.
            "--enable-aggregator-routing=true",
            "--allow-privileged=true",
            # Loopback is no address that a Service could point to.
            *(["--endpoint-reconciler-type=none"] if mode.simulated() else []),
        ]

    def _identity_flags(self, name: str) -> list[str]:
        path = self.home / f"{name}.kubeconfig"
        return [
            f"--kubeconfig={path}",
            f"--authentication-kubeconfig={path}",
            f"--authorization-kubeconfig={path}",
            f"--bind-address={plan.LOOPBACK}",
            "--leader-elect=false",
        ]

    def _controller_manager(self) -> list[str]:
        pki = self.pki
        return [
            str(program("kube-controller-manager")),
            *self._identity_flags("controllers"),
            f"--secure-port={self.plan.local_port(2)}",
            "--use-service-account-credentials",
            f"--service-account-private-key-file={pki.key('service-account')}",
            f"--root-ca-file={pki.crt('ca')}",
            f"--cluster-signing-cert-file={pki.crt('ca')}",
            f"--cluster-signing-key-file={pki.key('ca')}",
            "--controllers=*,bootstrapsigner,tokencleaner",
            "--allocate-node-cidrs=true",
            f"--cluster-cidr={self.plan.pods}",
            "--node-cidr-mask-size=25",
            f"--service-cluster-ip-range={self.plan.services}",
            "--node-monitor-period=2s",
            "--node-monitor-grace-period=16s",
        ]

    def _scheduler(self) -> list[str]:
        return [
            str(program("kube-scheduler")),
            *self._identity_flags("scheduler"),
            f"--secure-port={self.plan.local_port(3)}",
        ]

    def _kwok(self) -> list[str]:
        return [
            str(program("kwok")),
            f"--kubeconfig={self.admin_kubeconfig}",
            "--manage-all-nodes=false",
            f"--manage-nodes-with-annotation-selector={FAKE_NODE}",
            f"--node-lease-duration-seconds={_LEASE_SECONDS}",
            f"--config={self._stages()}",
        ]

    def _stages(self) -> Path:
        """What kwok does to nodes and pods, as its own module ships it."""
        command = [str(program("kubectl")), "kustomize", "--load-restrictor=LoadRestrictionsNone"]
        command.append(str(data("kwok", "stage") / "fast"))
        target = self.home / "stages.yaml"
        target.write_text(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        return target

    def _wait_ready(self) -> None:
        context = ssl.create_default_context(cafile=str(self.pki.crt("ca")))
        context.load_cert_chain(self.pki.crt("admin"), self.pki.key("admin"))
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                with opener.open(f"{self.plan.api_url}/readyz", timeout=5):
                    return
            except OSError:
                pass
            for name in ("etcd", "apiserver"):
                if processes.Process.read(self._process_name(name)) is None:
                    log = processes.tail(self._process_name(name))
                    raise LabError(f"{name} of cluster {self.identity.name} ended while starting: {log}")
            if time.monotonic() > deadline:
                raise LabError(
                    f"The API server of cluster {self.identity.name} was not ready after {_READY_SECONDS:.0f} s; "
                    f"see {processes.logs()}."
                )
            time.sleep(0.05)
