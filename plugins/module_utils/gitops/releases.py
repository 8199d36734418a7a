# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of Flux that install a component: where its chart or its manifests come from, and what is made of them."""

from __future__ import annotations

from .cluster import Document
from .component import Chart, Component, GitBase

SOURCE_INTERVAL = "12h"
"""How often a chart's repository is looked at. Versions are exact, so nothing new is expected there."""
RELEASE_INTERVAL = "10m"
"""How often a release is compared with the cluster."""
RETRY_INTERVAL = "1m"
RELEASE_TIMEOUT = "10m"
RETRIES = 3
_CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"


def documents(component: Component, part: Document) -> list[tuple[str, Document]]:
    """Objects by the names of their files. ``part`` is the base of the component's stages."""
    source = component.source
    if isinstance(source, Chart):
        return [("source.yaml", _chart_source(component, source)), ("release.yaml", _release(component, source, part))]
    if isinstance(source, GitBase):
        return [("source.yaml", _git_source(component, source)), ("work.yaml", _work(component, source, part))]
    return []


def kind_of(component: Component) -> str:
    """Kind of the object that takes the component's stages; empty for manifests."""
    return {Chart: "HelmRelease", GitBase: "Kustomization"}.get(type(component.source), "")


def renamed(component: Component, name: str) -> Document:
    """The part of a specification that refers to the source by its name, when the source bears another one."""
    source = component.source
    if isinstance(source, Chart) and source.is_oci:
        return {"chartRef": {"name": name}}
    if isinstance(source, Chart):
        return {"chart": {"spec": {"sourceRef": {"name": name}}}}
    return {"sourceRef": {"name": name}}


def _chart_source(component: Component, chart: Chart) -> Document:
    if chart.is_oci:
        spec: Document = {
            "interval": SOURCE_INTERVAL,
            "url": f"{chart.repository}/{chart.name}",
            "layerSelector": {"mediaType": _CHART_LAYER, "operation": "copy"},
            "ref": {"tag": chart.version},
        }
        return _object("source.toolkit.fluxcd.io/v1", "OCIRepository", component, spec)
    spec = {"interval": SOURCE_INTERVAL, "url": chart.repository}
    return _object("source.toolkit.fluxcd.io/v1", "HelmRepository", component, spec)


def _release(component: Component, chart: Chart, part: Document) -> Document:
    crds = "CreateReplace" if chart.replaces_crds else "Skip"
    unwaited = {} if component.health.wait else {"disableWait": True}
    spec: Document = {"interval": RELEASE_INTERVAL, "timeout": RELEASE_TIMEOUT}
    if chart.is_oci:
        spec["chartRef"] = {"kind": "OCIRepository", "name": component.name}
    else:
        reference = {"kind": "HelmRepository", "name": component.name}
        spec["chart"] = {
            "spec": {
                "chart": chart.name,
                "version": chart.version,
                "interval": SOURCE_INTERVAL,
                "sourceRef": reference,
            }
        }
    spec["install"] = {"crds": crds, **unwaited, "remediation": {"retries": RETRIES}}
    spec["upgrade"] = {
        "crds": crds,
        **unwaited,
        "cleanupOnFail": True,
        "remediation": {"retries": RETRIES, "remediateLastFailure": True},
    }
    spec["driftDetection"] = {"mode": "enabled"}
    if component.drift_ignore:
        spec["driftDetection"]["ignore"] = [
            {
                "paths": list(each["paths"]),
                "target": {key: each[key] for key in ("group", "kind", "name") if key in each},
            }
            for each in component.drift_ignore
        ]
    return _object("helm.toolkit.fluxcd.io/v2", "HelmRelease", component, {**spec, **part})


def _git_source(component: Component, git: GitBase) -> Document:
    spec = {"interval": SOURCE_INTERVAL, "url": git.url, "ref": {"tag": git.version}}
    return _object("source.toolkit.fluxcd.io/v1", "GitRepository", component, spec)


def _work(component: Component, git: GitBase, part: Document) -> Document:
    spec: Document = {
        "interval": RELEASE_INTERVAL,
        "retryInterval": RETRY_INTERVAL,
        "timeout": RELEASE_TIMEOUT,
        "path": f"./{git.path}",
        "prune": True,
        "wait": component.health.wait,
        "sourceRef": {"kind": "GitRepository", "name": component.name},
    }
    used = {key: value for key, value in part.items() if value}
    return _object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", component, {**spec, **used})


def _object(api: str, kind: str, component: Component, spec: Document) -> Document:
    metadata = {"name": component.name, "namespace": component.namespace}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}
