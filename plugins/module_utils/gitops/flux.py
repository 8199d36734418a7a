# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lays out a repository for Flux. Pure: components and a cluster in, files out.

    clusters/<cluster>/flux-system/   Flux itself and what it synchronises, as `flux bootstrap` lays it out
    clusters/<cluster>/<component>.yaml   one Flux Kustomization for each provider of the cluster, or one
    <layer>/base/<component>/   the component's manifests as the catalogue has them
    <layer>/overlays/<provider>/<component>/   the same on the nodes of one provider, with the files that the user owns
    components/provider-<provider>/   what puts workloads on the nodes of a provider

Every provider has a Kustomization of its own, so that the loss of one does not keep the others from being reconciled.
Only files below clusters/<cluster>/ depend on the cluster: the rest is the same for all clusters that share the
repository.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import Template
from typing import Any, TypeAlias

from ..errors import Permanent
from .catalogue import PER_PROVIDER, Component
from .sops import ENCRYPTED_KEYS

NAMESPACE = "flux-system"
"""Namespace of Flux, and name of its first GitRepository and Kustomization."""
AGE_SECRET = "sops-age"
"""Secret with the private age keys that decrypt the repository."""
LOGIN_SECRET = "flux-system"
"""Secret with user name and password of the Git repository."""
PROVIDER_LABEL = "node.cloudprovider"
"""Label of nodes, and key of their taint, that names the provider."""
POD_LABEL = "fleet/provider"
"""Label of everything that an overlay puts at a provider."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
_ON_PROVIDER = Template("""\
apiVersion: apps/v1
kind: $kind
metadata:
  name: any
spec:
  template:
    spec:
      nodeSelector:
        $label: $provider
      tolerations:
        - key: $label
          operator: Equal
          value: $provider
""")
_ARGUMENTS = "/spec/template/spec/containers/0/args/-"

Document = dict[str, Any]
Content: TypeAlias = "str | list[Document]"
"""A text as it is, or YAML documents."""


@dataclass(frozen=True)
class Pace:
    """How often Flux looks, as durations such as ``1m``: at Git, at the cluster, after a failure; and how long a
    component may take to become healthy."""

    interval: str = "1m"
    heal_interval: str = "10m"
    retry_interval: str = "30s"
    timeout: str = "5m"


@dataclass(frozen=True)
class Cluster:
    """A cluster and where its repository is. ``manifest`` is the text of Flux's release manifest; ``arguments`` are
    added to the containers of its Deployments, by their names; ``titles`` are the providers' names as people write
    them."""

    name: str
    providers: tuple[str, ...]
    url: str
    branch: str
    manifest: str
    has_login: bool = False
    pace: Pace = Pace()
    arguments: Mapping[str, Sequence[str]] = field(default_factory=dict)
    age_recipients: tuple[str, ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kind, names in (("cluster", (self.name,)), ("provider", self.providers)):
            for name in names:
                if not _NAME.fullmatch(name):
                    raise Permanent(
                        f"{name!r} cannot be the name of a {kind} in Git. Use small letters, digits and dashes, "
                        "63 of them at most."
                    )

    def title(self, provider: str) -> str:
        """A provider's name as people write it."""
        return self.titles.get(provider) or provider.capitalize()


@dataclass(frozen=True)
class Layout:
    """The repository: ``files`` are generated, ``seeds`` written once; ``secrets`` are options of a secret file;
    ``kustomizations`` are the names of the Flux Kustomizations."""

    files: Mapping[str, Content]
    seeds: Mapping[str, str]
    secrets: tuple[Mapping[str, Any], ...]
    kustomizations: tuple[str, ...]


def layout(cluster: Cluster, components: Sequence[Component], secrets: Mapping[str, Mapping[str, str]]) -> Layout:
    """The whole repository of a cluster. ``secrets`` are values that the user gives, by the names of the Secrets."""
    home = f"clusters/{cluster.name}"
    files: dict[str, Content] = {
        ".sops.yaml": [_sops_rules(cluster)],
        f"{home}/flux-system/gotk-components.yaml": cluster.manifest,
        f"{home}/flux-system/gotk-sync.yaml": sync(cluster),
        f"{home}/flux-system/kustomization.yaml": [_flux_kustomization(cluster)],
    }
    namespaces = sorted({each.namespace for each in components} - {NAMESPACE, "kube-system", "default"})
    if namespaces:
        files[f"{home}/namespaces.yaml"] = [_namespace(name) for name in namespaces]
    seeds: dict[str, str] = {}
    names = [NAMESPACE]
    for component in components:
        files |= {f"{component.layer}/base/{component.name}/{name}": text for name, text in component.manifests.items()}
        objects = _kustomizations(cluster, component, components)
        files[f"{home}/{component.name}.yaml"] = objects
        names += [each["metadata"]["name"] for each in objects]
        for provider in cluster.providers if component.runs == PER_PROVIDER else ():
            files[f"components/provider-{provider}/kustomization.yaml"] = [_provider_component(provider)]
            folder = _overlay(component, provider)
            files[f"{folder}/kustomization.yaml"] = [_overlay_kustomization(component, provider)]
            for own in component.own_files:
                seeds[f"{folder}/{own.name}"] = Template(own.text).safe_substitute(provider=cluster.title(provider))
    sealed = tuple(secret for component in components for secret in _secret_files(home, component, secrets))
    unknown = sorted(set(secrets) - {secret["name"] for secret in sealed})
    if unknown:
        raise Permanent(f"No component of cluster {cluster.name} has a Secret {', '.join(unknown)}.")
    return Layout(files, seeds, sealed, tuple(names))


def sync(cluster: Cluster) -> list[Document]:
    """The GitRepository and the Kustomization by which Flux manages the cluster, itself included."""
    source: Document = {"interval": cluster.pace.interval, "ref": {"branch": cluster.branch}, "url": cluster.url}
    if cluster.has_login:
        source["secretRef"] = {"name": LOGIN_SECRET}
    return [
        {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": {"name": NAMESPACE, "namespace": NAMESPACE},
            "spec": source,
        },
        _kustomization(cluster, NAMESPACE, f"./clusters/{cluster.name}"),
    ]


def patched(cluster: Cluster, manifest: Sequence[Document]) -> list[Document]:
    """The objects of the release manifest as Flux will have them once it manages itself, so that its controllers need
    not start twice."""
    return [_with_arguments(each, cluster.arguments) for each in manifest]


def _with_arguments(given: Document, arguments: Mapping[str, Sequence[str]]) -> Document:
    added = arguments.get(given["metadata"]["name"]) if given["kind"] == "Deployment" else None
    if not added:
        return given
    template = given["spec"]["template"]
    first, *others = template["spec"]["containers"]
    containers = [{**first, "args": [*first.get("args", []), *added]}, *others]
    new_template = {**template, "spec": {**template["spec"], "containers": containers}}
    return {**given, "spec": {**given["spec"], "template": new_template}}


def _flux_kustomization(cluster: Cluster) -> Document:
    patches = [
        {
            "target": {"kind": "Deployment", "name": name},
            "patch": "".join(
                f"- op: add\n  path: {_ARGUMENTS}\n  value: {json.dumps(argument)}\n" for argument in arguments
            ),
        }
        for name, arguments in sorted(cluster.arguments.items())
        if arguments
    ]
    build: Document = _build(resources=["gotk-components.yaml", "gotk-sync.yaml"])
    return {**build, "patches": patches} if patches else build


def _kustomizations(cluster: Cluster, component: Component, components: Sequence[Component]) -> list[Document]:
    runs = {each.name: each.runs for each in components}
    if component.runs != PER_PROVIDER:
        needs = [
            name
            for need in component.needs
            for name in ([f"{need}-{each}" for each in cluster.providers] if runs[need] == PER_PROVIDER else [need])
        ]
        path = f"./{component.layer}/base/{component.name}"
        return [_kustomization(cluster, component.name, path, component, needs)]
    return [
        _kustomization(
            cluster,
            f"{component.name}-{provider}",
            f"./{_overlay(component, provider)}",
            component,
            [f"{need}-{provider}" if runs[need] == PER_PROVIDER else need for need in component.needs],
        )
        for provider in cluster.providers
    ]


def _kustomization(
    cluster: Cluster, name: str, path: str, component: Component | None = None, needs: Sequence[str] = ()
) -> Document:
    spec: Document = {
        "interval": cluster.pace.heal_interval,
        "retryInterval": cluster.pace.retry_interval,
        "timeout": cluster.pace.timeout,
        "path": path,
        "prune": True,
        "sourceRef": {"kind": "GitRepository", "name": NAMESPACE},
        "decryption": {"provider": "sops", "secretRef": {"name": AGE_SECRET}},
    }
    if component and component.runs != PER_PROVIDER:
        spec["targetNamespace"] = component.namespace
    if component and component.health == "all":
        spec["wait"] = True
    if needs:
        spec["dependsOn"] = [{"name": need} for need in needs]
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }


def _overlay(component: Component, provider: str) -> str:
    return f"{component.layer}/overlays/{provider}/{component.name}"


def _overlay_kustomization(component: Component, provider: str) -> Document:
    build = _build(resources=[f"../../../base/{component.name}"])
    build |= {"components": [f"../../../../components/provider-{provider}"]}
    build |= {"namespace": component.namespace, "nameSuffix": f"-{provider}"}
    maps = [{"name": own.config_map, "envs": [own.name]} for own in component.own_files]
    return {**build, "configMapGenerator": maps} if maps else build


def _provider_component(provider: str) -> Document:
    """Puts every workload on the nodes of the provider. Its labels keep the overlays' Services apart."""
    patches = [
        {"target": {"kind": kind}, "patch": _ON_PROVIDER.substitute(kind=kind, label=PROVIDER_LABEL, provider=provider)}
        for kind in _WORKLOADS
    ]
    return {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "labels": [{"pairs": {POD_LABEL: provider}, "includeSelectors": True}],
        "patches": patches,
    }


def _secret_files(home: str, component: Component, values: Mapping[str, Mapping[str, str]]) -> list[Mapping[str, Any]]:
    return [
        {
            "path": f"{home}/{need.name}.sops.yaml",
            "namespace": component.namespace,
            "name": need.name,
            "data": dict(values.get(need.name, {})),
            "random": [key for key in need.random if key not in values.get(need.name, {})],
        }
        for need in component.secrets
    ]


def _sops_rules(cluster: Cluster) -> Document:
    rule = {"path_regex": r"\.sops\.ya?ml$", "encrypted_regex": ENCRYPTED_KEYS, "age": ",".join(cluster.age_recipients)}
    return {"creation_rules": [rule]}


def _namespace(name: str) -> Document:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _build(resources: list[str]) -> Document:
    return {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": resources}
