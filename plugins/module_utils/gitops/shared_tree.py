# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the repository that clusters share: nothing in it depends on a cluster or its settings.

    <layer>/base/<component>/        its manifests, or the objects of Flux that install its chart
    <layer>/objects/<component>/     further objects: its own, its storage classes, what it reads from Vault
    <layer>/overlays/[<environment>/][<provider>/]<component>/   what a cluster follows
    components/provider-<provider>/  puts manifests on the nodes of a provider; below it what a component adds there
    components/environment-<environment>/<component>/            what a component adds in an environment

An overlay stands only for what differs: a component that is the same everywhere is followed at its base.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import Template

from .cluster import POD_LABEL, PROVIDER_LABEL, Cluster, Content, Document
from .component import VAULT_AUTH, Component, Manifests, Patch, SecretNeed, StorageClass
from .graph import Instance
from .releases import documents, kind_of, renamed
from .stages import Stages, as_patch, depends_on_environment, object_patches

COMMON = "common"
VAULT_READER = "vault-reader"
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

Files = dict[str, Content]


def followed(cluster: Cluster, instance: Instance) -> str:
    """Folder of an instance that Flux follows, and Argo CD if the component consists of manifests."""
    component = instance.component
    parts = [cluster.environment] if depends_on_environment(component) else []
    parts += [instance.provider] if instance.provider else []
    if not parts and isinstance(component.source, Manifests) and has_objects(component):
        parts = [COMMON]
    if not parts:
        return f"{component.layer}/base/{component.name}"
    return f"{component.layer}/overlays/{'/'.join(parts)}/{component.name}"


def objects_folder(component: Component) -> str:
    """Folder of the further objects of a component."""
    return f"{component.layer}/objects/{component.name}"


def has_objects(component: Component) -> bool:
    """Whether there are objects beside the chart or the manifests."""
    return bool(component.objects or component.makes_classes or _from_vault(component))


def base_files(component: Component, stages: Stages) -> Files:
    """The component as every provider and environment has it. ``stages`` are those of any instance."""
    folder = f"{component.layer}/base/{component.name}"
    files: Files = {f"{folder}/{name}": text for name, text in component.manifests.items()}
    made = documents(component, stages.base)
    if made:
        files |= {f"{folder}/{name}": [document] for name, document in made}
        resources = [name for name, _document in made]
        resources += [f"../../objects/{component.name}"] if has_objects(component) else []
        files[f"{folder}/kustomization.yaml"] = [build(resources)]
    return files | object_files(component)


def object_files(component: Component) -> Files:
    """Further objects of a component; the same for both engines."""
    if not has_objects(component):
        return {}
    folder = objects_folder(component)
    files: Files = {f"{folder}/manifests/{name}": text for name, text in component.objects.items()}
    resources = ["manifests"] if component.objects else []
    if component.makes_classes:
        classes = [_storage_class(component, each) for each in component.makes_classes]
        files[f"{folder}/storage-classes.yaml"] = classes
        resources.append("storage-classes.yaml")
    if _from_vault(component):
        secrets = [_vault_secret(component, each) for each in _from_vault(component)]
        files[f"{folder}/vault-secrets.yaml"] = [_vault_reader(component), *secrets]
        resources.append("vault-secrets.yaml")
    files[f"{folder}/kustomization.yaml"] = [build(resources)]
    return files


def overlay_files(cluster: Cluster, instance: Instance, stages: Stages) -> Files:
    """What an instance adds to its base: its overlay and the Kustomize Components that the overlay uses."""
    component, provider, environment = instance.component, instance.provider, cluster.environment
    folder = followed(cluster, instance)
    if folder == f"{component.layer}/base/{component.name}":
        return {}
    up = "../" * (folder.count("/") + 1)
    resources = [_relative(folder, f"{component.layer}/base/{component.name}")]
    is_manifests = isinstance(component.source, Manifests)
    if is_manifests and has_objects(component):
        resources.append(_relative(folder, objects_folder(component)))
    files: Files = {}
    used: list[str] = []
    if is_manifests and provider:
        used.append(f"{up}components/provider-{provider}")
        files[f"components/provider-{provider}/kustomization.yaml"] = [_provider_component(provider)]
    for stage, name in (("provider", provider), ("environment", environment)):
        patches = _stage_patches(instance, stages, stage, cluster)
        if patches:
            path = f"components/{stage}-{name}/{component.name}"
            used.append(f"{up}{path}")
            files[f"{path}/kustomization.yaml"] = [_kustomize_component(patches)]
    files[f"{folder}/kustomization.yaml"] = [
        _with_patches(
            _overlay(component, provider, resources, used), _stage_patches(instance, stages, "overlay", cluster)
        )
    ]
    return files


def seeds(cluster: Cluster, instances: Sequence[Instance]) -> dict[str, str]:
    """Files that the user owns once they exist."""
    return {
        f"{followed(cluster, instance)}/{own.name}": Template(own.text).safe_substitute(
            provider=cluster.title(instance.provider)
        )
        for instance in instances
        for own in instance.component.own_files
    }


def release_patch(component: Component, spec: Document) -> Document:
    """A patch of the object that takes the component's stages."""
    return as_patch(Patch(kind_of(component), component.name, {"spec": spec}))


def build(resources: list[str]) -> Document:
    """A kustomization.yaml."""
    return {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": resources}


def _stage_patches(instance: Instance, stages: Stages, stage: str, cluster: Cluster) -> list[Document]:
    component = instance.component
    spec: Document = dict({"provider": stages.provider, "environment": stages.environment}.get(stage, stages.overlay))
    if stage == "provider" and component.is_suffixed and kind_of(component):
        spec = {**renamed(component, instance.name), **spec}
    found = [release_patch(component, spec)] if spec else []
    own = object_patches(component, stage, instance.provider, cluster.environment)
    return found + [as_patch(each) for each in own]


def _overlay(component: Component, provider: str, resources: list[str], used: list[str]) -> Document:
    overlay = build(resources)
    if used:
        overlay["components"] = used
    if isinstance(component.source, Manifests) and component.namespace:
        overlay["namespace"] = component.namespace
    if provider and component.is_suffixed:
        overlay["nameSuffix"] = f"-{provider}"
    maps = [{"name": own.config_map, "envs": [own.name]} for own in component.own_files]
    return {**overlay, "configMapGenerator": maps} if maps else overlay


def _with_patches(given: Document, patches: Sequence[Document]) -> Document:
    return {**given, "patches": list(patches)} if patches else given


def _relative(folder: str, target: str) -> str:
    """``target`` as seen from ``folder``; both stand in the same layer."""
    inside = target.partition("/")[2]
    return "../" * folder.count("/") + inside


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


def _kustomize_component(patches: list[Document]) -> Document:
    return {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", "patches": patches}


def _storage_class(component: Component, made: StorageClass) -> Document:
    """Volumes are made where the pod is placed, and only for those who name the class."""
    document: Document = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": made.name,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "false"},
            "labels": {POD_LABEL: component.providers[0]},
        },
        "provisioner": made.provisioner,
        "reclaimPolicy": made.reclaim,
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": made.expandable,
    }
    return {**document, "parameters": dict(made.parameters)} if made.parameters else document


def _from_vault(component: Component) -> list[SecretNeed]:
    return [each for each in component.secrets if each.vault]


def _vault_reader(component: Component) -> Document:
    """Whom the secret store lets in: the role there is bound to this name."""
    metadata = {"name": VAULT_READER, "namespace": component.namespace}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def _vault_secret(component: Component, need: SecretNeed) -> Document:
    return {
        "apiVersion": "secrets.hashicorp.com/v1beta1",
        "kind": "VaultStaticSecret",
        "metadata": {"name": need.name, "namespace": component.namespace},
        "spec": {
            "type": "kv-v2",
            "mount": need.mount,
            "path": need.vault,
            "vaultAuthRef": f"{VAULT_AUTH}/{VAULT_AUTH}",
            "destination": {"name": need.name, "create": True},
            "refreshAfter": "1h",
        },
    }
