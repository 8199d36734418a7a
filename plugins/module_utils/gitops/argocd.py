# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lays out a repository for Argo CD, from the same graph as for Flux. Pure: components and a cluster in, files out.

    clusters/<cluster>/argocd/root.yaml   the project, and the Application that manages all others, itself included
    clusters/<cluster>/<component>.yaml   one Application for each provider of the cluster, or one
    and of what clusters share (shared_tree.py) whatever is not an object of Flux

A sync wave is ten times the level in the graph. Argo CD begins a wave when the one before is healthy, so the health of
Applications must be known to it: the component argo-cd sees to that. The values of a chart stand in its Application as
a whole: it belongs to one cluster anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import Permanent
from . import graph, shared_tree
from .cluster import Cluster, Content, Document, Layout
from .component import Chart, Component, GitBase, Manifests
from .graph import Instance
from .secret_needs import namespaces, secret_files, sops_rules
from .stages import as_patch, final_patches, stages, with_contributions
from .tree import MANIFEST_NAME

ENGINE = "argocd"
NAMESPACE = "argocd"
ITSELF = "argo-cd"
"""Component that installs Argo CD and gives Applications their health."""
ROOT = "root"
PROJECT = "fleet"
WAVES_PER_LEVEL = 10
WAVE = "argocd.argoproj.io/sync-wave"

_FINALIZER = "resources-finalizer.argocd.argoproj.io"
_HERE = "https://kubernetes.default.svc"
_STAGES = ("provider", "environment", "overlay", "cluster")
_RETRIES = 10
_NOT_APPLIED = f"{{*.sops.yaml,{MANIFEST_NAME}}}"
"""Secrets that Argo CD cannot open, and the list of generated files, which it would take for an object."""
_LONGEST_WAIT = "5m"


def layout(cluster: Cluster, components: Sequence[Component], secrets: Mapping[str, Mapping[str, str]]) -> Layout:
    """The whole repository of a cluster. ``secrets`` are values that the user gives, by the names of the Secrets."""
    if ITSELF not in {each.name for each in components}:
        raise Permanent(f"Argo CD must be among the components of cluster {cluster.name}: add {ITSELF}.")
    home = f"clusters/{cluster.name}"
    instances = graph.instances(cluster, components, ENGINE)
    cluster = with_contributions(cluster, instances)
    chosen = list({each.component.name: each.component for each in instances}.values())
    applications: dict[str, list[Document]] = {each.name: [] for each in chosen}
    files: dict[str, Content] = {
        ".sops.yaml": [sops_rules(cluster)],
        f"{home}/argocd/{ROOT}.yaml": [_project(cluster, chosen), _root(cluster)],
    }
    made = namespaces(chosen)
    if made:
        files[f"{home}/namespaces.yaml"] = [_early(each) for each in made]
    for instance in instances:
        files |= _shared(cluster, instance)
        applications[instance.component.name].append(_application(cluster, instance))
    files |= {f"{home}/{name}.yaml": list(objects) for name, objects in applications.items()}
    return Layout(
        files=files,
        seeds=shared_tree.seeds(cluster, instances),
        secrets=secret_files(cluster, chosen, secrets),
        places={each.name: each.provider for each in instances if each.provider},
        kustomizations=(ROOT, *(each.name for each in instances)),
    )


def _shared(cluster: Cluster, instance: Instance) -> dict[str, Content]:
    if not isinstance(instance.component.source, Manifests):
        return shared_tree.object_files(instance.component)
    said = stages(cluster, instance)
    return {
        **shared_tree.base_files(instance.component, said),
        **shared_tree.overlay_files(cluster, instance, said),
    }


def _project(cluster: Cluster, components: Sequence[Component]) -> Document:
    """Where manifests may come from: nowhere else."""
    sources = {cluster.url}
    for component in components:
        if isinstance(component.source, Chart):
            chart = component.source
            sources.add(f"{chart.repository}/{chart.name}" if chart.is_oci else chart.repository)
        elif isinstance(component.source, GitBase):
            sources.add(component.source.url)
    spec: Document = {
        "description": "What the catalogue puts on this cluster",
        "sourceRepos": sorted(sources),
        "destinations": [{"server": _HERE, "namespace": "*"}],
        "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
    }
    return _object("AppProject", {"name": PROJECT}, spec)


def _root(cluster: Cluster) -> Document:
    source = {
        **_repository(cluster, f"clusters/{cluster.name}"),
        "directory": {"recurse": True, "exclude": _NOT_APPLIED},
    }
    spec = {
        "project": PROJECT,
        "destination": {"server": _HERE, "namespace": NAMESPACE},
        "source": source,
        "syncPolicy": _sync_policy(cluster),
    }
    return _object("Application", {"name": ROOT}, spec)


def _application(cluster: Cluster, instance: Instance) -> Document:
    component = instance.component
    sources = _sources(cluster, instance)
    spec: Document = {
        "project": PROJECT,
        "destination": {"server": _HERE, **({"namespace": component.namespace} if component.namespace else {})},
        **({"source": sources[0]} if len(sources) == 1 else {"sources": sources}),
        "syncPolicy": _sync_policy(cluster, ["RespectIgnoreDifferences=true"] if component.drift_ignore else []),
    }
    if component.drift_ignore:
        spec["ignoreDifferences"] = [
            {
                **{key: each[key] for key in ("group", "kind", "name") if key in each},
                "jsonPointers": list(each["paths"]),
            }
            for each in component.drift_ignore
        ]
    metadata = {
        "name": instance.name,
        "annotations": {WAVE: str(instance.level * WAVES_PER_LEVEL)},
        "finalizers": [_FINALIZER],
    }
    return _object("Application", metadata, spec)


def _sources(cluster: Cluster, instance: Instance) -> list[Document]:
    component, source = instance.component, instance.component.source
    if isinstance(source, Manifests):
        path = shared_tree.followed(cluster, instance)
        patches = [as_patch(each) for each in final_patches(cluster, instance, ("cluster",))]
        return [{**_repository(cluster, path), **_kustomize({"patches": patches})}]
    final = stages(cluster, instance).final
    if isinstance(source, Chart):
        found = [_chart(source, instance.name, final["values"])]
    else:
        from_git = {"repoURL": source.url, "targetRevision": source.version, "path": source.path}
        found = [{**from_git, **_kustomize(final)}]
    if shared_tree.has_objects(component):
        options: Document = {"nameSuffix": f"-{instance.provider}"} if component.is_suffixed else {}
        options["patches"] = [as_patch(each) for each in final_patches(cluster, instance, _STAGES)]
        found.append({**_repository(cluster, shared_tree.objects_folder(component)), **_kustomize(options)})
    return found


def _chart(chart: Chart, release: str, values: Document) -> Document:
    helm: Document = {"releaseName": release}
    if not chart.replaces_crds:
        helm["skipCrds"] = True
    helm["valuesObject"] = values
    if chart.is_oci:
        where = {"repoURL": f"{chart.repository}/{chart.name}", "path": "."}
    else:
        where = {"repoURL": chart.repository, "chart": chart.name}
    return {**where, "targetRevision": chart.version, "helm": helm}


def _kustomize(options: Document) -> Document:
    used = {key: value for key, value in options.items() if value}
    return {"kustomize": used} if used else {}


def _repository(cluster: Cluster, path: str) -> Document:
    return {"repoURL": cluster.url, "targetRevision": cluster.branch, "path": path}


def _sync_policy(cluster: Cluster, more: Sequence[str] = ()) -> Document:
    """Server-side apply, so that CRDs of any size follow their chart; what a later wave brings may be missing yet."""
    backoff = {"duration": cluster.pace.retry_interval, "factor": 2, "maxDuration": _LONGEST_WAIT}
    return {
        "automated": {"prune": True, "selfHeal": True},
        "syncOptions": ["ServerSideApply=true", "SkipDryRunOnMissingResource=true", *more],
        "retry": {"limit": _RETRIES, "backoff": backoff},
    }


def _early(namespace: Document) -> Document:
    """Namespaces come before the first wave, and stay when nothing needs them any more."""
    annotations = {WAVE: str(-WAVES_PER_LEVEL), "argocd.argoproj.io/sync-options": "Prune=false"}
    return {**namespace, "metadata": {**namespace["metadata"], "annotations": annotations}}


def _object(kind: str, metadata: Document, spec: Document) -> Document:
    head = {"apiVersion": "argoproj.io/v1alpha1", "kind": kind}
    return {**head, "metadata": {"name": metadata["name"], "namespace": NAMESPACE, **metadata}, "spec": spec}
