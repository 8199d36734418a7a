# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lays out a repository for Flux. Pure: components and a cluster in, files out.

    clusters/<cluster>/flux-system/   Flux itself and what it synchronises, as `flux bootstrap` lays it out
    clusters/<cluster>/<component>.yaml   one Flux Kustomization for each provider of the cluster, or one
    and what clusters share, see shared_tree.py

Every provider has a Kustomization of its own, so that the loss of one does not keep the others from being reconciled.
Only files below clusters/<cluster>/ depend on the cluster and its settings: the rest is the same for all clusters that
share the repository.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from . import graph, shared_tree
from .cluster import Cluster, Content, Document, Layout
from .component import PER_PROVIDER, Component, Health, Manifests
from .graph import Instance
from .secret_needs import namespaces, secret_files, sops_rules
from .stages import as_patch, final_patches, stages, with_contributions

ENGINE = "flux"
NAMESPACE = "flux-system"
"""Namespace of Flux, and name of its first GitRepository and Kustomization."""
AGE_SECRET = "sops-age"
"""Secret with the private age keys that decrypt the repository."""
LOGIN_SECRET = "flux-system"
"""Secret with user name and password of the Git repository."""

_ARGUMENTS = "/spec/template/spec/containers/0/args/-"


def layout(cluster: Cluster, components: Sequence[Component], secrets: Mapping[str, Mapping[str, str]]) -> Layout:
    """The whole repository of a cluster. ``secrets`` are values that the user gives, by the names of the Secrets."""
    home = f"clusters/{cluster.name}"
    instances = graph.instances(cluster, components, ENGINE)
    cluster = with_contributions(cluster, instances)
    chosen = list({each.component.name: each.component for each in instances}.values())
    files: dict[str, Content] = {
        ".sops.yaml": [sops_rules(cluster)],
        f"{home}/flux-system/gotk-components.yaml": cluster.manifest,
        f"{home}/flux-system/gotk-sync.yaml": sync(cluster),
        f"{home}/flux-system/kustomization.yaml": [_flux_kustomization(cluster)],
    }
    made = namespaces(chosen, NAMESPACE)
    if made:
        files[f"{home}/namespaces.yaml"] = made
    works: dict[str, list[Document]] = {each.name: [] for each in chosen}
    for instance in instances:
        said = stages(cluster, instance)
        files |= shared_tree.base_files(instance.component, said)
        files |= shared_tree.overlay_files(cluster, instance, said)
        works[instance.component.name].append(_work(cluster, instance, said.cluster))
    files |= {f"{home}/{name}.yaml": list(objects) for name, objects in works.items()}
    return Layout(
        files=files,
        seeds=shared_tree.seeds(cluster, instances),
        secrets=secret_files(cluster, chosen, secrets),
        places={each.name: each.provider for each in instances if each.provider},
        kustomizations=(NAMESPACE, *(each["metadata"]["name"] for objects in works.values() for each in objects)),
    )


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
        _kustomization(cluster, NAMESPACE, f"./clusters/{cluster.name}", {}),
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
    build = shared_tree.build(["gotk-components.yaml", "gotk-sync.yaml"])
    return {**build, "patches": patches} if patches else build


def _work(cluster: Cluster, instance: Instance, to_cluster: Document) -> Document:
    """What Flux does for an instance; what only the cluster knows stands in it as patches."""
    component = instance.component
    more: Document = {}
    if isinstance(component.source, Manifests) and component.runs != PER_PROVIDER and component.namespace:
        more["targetNamespace"] = component.namespace
    more |= _health(component.health)
    if instance.needs:
        more["dependsOn"] = [{"name": need} for need in instance.needs]
    patches = [shared_tree.release_patch(component, to_cluster)] if to_cluster else []
    patches += [as_patch(each) for each in final_patches(cluster, instance, ("cluster",))]
    if patches:
        more["patches"] = patches
    return _kustomization(cluster, instance.name, f"./{shared_tree.followed(cluster, instance)}", more)


def _kustomization(cluster: Cluster, name: str, path: str, more: Document) -> Document:
    spec: Document = {
        "interval": cluster.pace.heal_interval,
        "retryInterval": cluster.pace.retry_interval,
        "timeout": cluster.pace.timeout,
        "path": path,
        "prune": True,
        "sourceRef": {"kind": "GitRepository", "name": NAMESPACE},
        "decryption": {"provider": "sops", "secretRef": {"name": AGE_SECRET}},
    }
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {**spec, **more},
    }


def _health(health: Health) -> Document:
    spec: Document = {"wait": True} if health.wait else {}
    if health.objects:
        spec["healthChecks"] = [_with_api(each) for each in health.objects]
    if health.expressions:
        spec["healthCheckExprs"] = [_with_api(each) for each in health.expressions]
    return spec


def _with_api(given: Mapping[str, str]) -> Document:
    return {"apiVersion": given["api"], **{key: value for key, value in given.items() if key != "api"}}
