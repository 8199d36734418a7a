"""What a component.yml may say: every mistake is an error that names the file, the key and what is allowed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import PlatformError
from ansible_collections.sovereign.fleet.plugins.module_utils.gitops.catalogue import KEYS
from scripts.value_keys import known

from .small_catalogue import CHART, SmallCatalogue
from .tools import CATALOGUE

URL = "https://charts.example.org"
POD = {"containers": [{"name": "app", "image": "example.org/app:1.0.0"}]}
REQUESTS = {"requests": {"cpu": "1m", "memory": "1Mi"}}
CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config"}}


@pytest.fixture(name="small")
def _small(tmp_path: Path) -> SmallCatalogue:
    return SmallCatalogue(tmp_path / "catalogue")


def workload(container: dict[str, Any]) -> dict[str, Any]:
    spec = {"template": {"spec": {"containers": [container]}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"}, "spec": spec}


def test_the_page_explains_every_key() -> None:
    text = (CATALOGUE.parent / "docs/catalogue-schema.md").read_text()
    assert [key for key in KEYS if f"`{key}`" not in text] == []


def test_the_example_of_the_page_is_a_sound_component(small: SmallCatalogue) -> None:
    text = (CATALOGUE.parent / "docs/catalogue-schema.md").read_text()
    example, keys = (re.findall(f"```{kind}\n(.*?)```", text, re.DOTALL)[0] for kind in ("yaml", "text"))
    folder = small.folder / "infrastructure/acme-csi"
    folder.mkdir(parents=True)
    (folder / "component.yml").write_text(example)
    (folder / "value-keys.txt").write_text(keys)
    (component,) = small.load()
    assert (component.name, component.makes_classes[0].name) == ("acme-csi", "hetzner-block")


def test_the_script_reads_the_values_of_a_chart() -> None:
    values = {"a": {"b": 1, "c": [], "d": {}}, "nodeSelector": {"os": "linux"}, "x": {"resources": {}}, "y": None}
    assert list(known(values)) == [
        "a.b",
        "a.c",
        "a.d.**",
        "nodeSelector.**",
        "x.resources.limits.**",
        "x.resources.requests.**",
        "y.**",
    ]


@pytest.mark.parametrize(
    "version",
    ["latest", "1.2.x", "1.x", "*", "^1.2.3", "~1.2.3", ">=1.2.3", "1.2.3 - 2.0.0", "1.2", 1.2, "", "main", None],
)
@pytest.mark.parametrize(
    "source",
    [
        pytest.param({"repository": URL, "chart": "shop"}, id="chart"),
        pytest.param({"git": "https://git.example.org/a", "path": "deploy"}, id="git"),
    ],
)
def test_a_version_that_is_not_exact_is_refused(small: SmallCatalogue, source: dict[str, Any], version: Any) -> None:
    small.chart(source={**source, "version": version})
    with pytest.raises(PlatformError, match=r"shop/component\.yml: source\.version is .* must be one exact version"):
        small.load()


@pytest.mark.parametrize("version", ["1.2.3", "v1.2.3", "1.2.3-rc.1", "client/v8.7.0", "1.2.3+build.5"])
def test_an_exact_version_is_taken(small: SmallCatalogue, version: str) -> None:
    small.chart(source={"repository": URL, "chart": "shop", "version": version})
    assert small.load()[0].version == version


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        pytest.param(
            {"values": {"controller": {"replcas": 2}}},
            r"shop/component\.yml: values\.controller\.replcas is not a known value "
            r"\(did you mean controller\.replicas\?\) of chart shop 1\.2\.3",
            id="a misspelt value",
        ),
        pytest.param(
            {"values": {"controller": {"replicas": {"min": 2}}}},
            r"values\.controller\.replicas\.min is not a known value",
            id="a mapping where the chart has a number",
        ),
        pytest.param(
            {"runs": "per-provider", "provider_values": {"hetzner": {"nmae": "x"}}},
            r"provider_values\.hetzner\.nmae is not a known value \(did you mean name\?\)",
            id="a misspelt value at a provider",
        ),
        pytest.param(
            {"environment_values": {"production": {"zone": []}}},
            r"environment_values\.production\.zone is not a known value",
            id="a misspelt value in an environment",
        ),
        pytest.param(
            {"placement": [{**CHART["placement"][0], "path": "server"}]},
            r"placement\[0\]\.server\.tolerations is not a known value",
            id="a path that takes no tolerations",
        ),
        pytest.param({"value_keys": "keys.txt"}, r"value_keys names .*keys\.txt, which is not there", id="no file"),
        pytest.param({"value_keys": None}, r"value_keys is None, but must be a text", id="no values are known"),
        pytest.param(
            {"provider_values": {"mars": {}}},
            r"provider_values\.mars is not known\. Allowed: hetzner",
            id="no provider",
        ),
        pytest.param(
            {"environment_values": {"test": {}}},
            r"environment_values\.test is not known\. Allowed: development, production",
            id="no environment",
        ),
        pytest.param(
            {"provider_values": {"hetzner": {}}}, "provider_values is for components that run per-provider", id="once"
        ),
        pytest.param(
            {"runs": "per-provider", "providers": ["scaleway"], "provider_values": {"hetzner": {}}},
            r"provider_values\.hetzner is for a provider that is not among providers",
            id="values for a provider that it is not for",
        ),
        pytest.param(
            {"runs": "per-provider", "providers": ["mars"]}, "providers holds 'mars', which is not known", id="mars"
        ),
        pytest.param(
            {"environment_values": {"production": {"name": None}}},
            r"environment_values\.production\.name is empty\. A patch cannot take a value away",
            id="a value that is taken away",
        ),
        pytest.param(
            {"values": {"name": "${domain}"}},
            r"values uses \$\{domain\}, which is not known\. Allowed: cluster, environment, provider",
            id="a variable that is not a setting",
        ),
        pytest.param(
            {"settings": {"cluster": {"description": "x"}}}, r"settings\.cluster is no name of a setting", id="taken"
        ),
        pytest.param({"engines": ["helm"]}, "engines holds 'helm'", id="an unknown engine"),
        pytest.param({"jurisdiction": "Germany"}, "jurisdiction is 'Germany', but must be none, EU or", id="country"),
        pytest.param({"lab": "no"}, "lab is 'no', but must be runs, or one of", id="lab"),
        pytest.param({"lab": {"runs": "a", "renders": "b"}}, "lab is .* must be runs, or one of", id="lab twice"),
        pytest.param({"namespace": "none"}, "namespace may be 'none' only for manifests", id="no namespace"),
        pytest.param(
            {"placement": [{"workload": "Deployment/x", "path": "controller"}]},
            r"placement\[0\]\.requests is missing: every container asks for cpu and memory",
            id="no requests",
        ),
        pytest.param(
            {"placement": [{**CHART["placement"][0], "requests": {"controller.resources": {"cpu": "1"}}}]},
            r"placement\[0\]\.requests\.controller\.resources\.memory is missing",
            id="no request for memory",
        ),
        pytest.param(
            {"source": {"repository": "http://x", "chart": "shop", "version": "1.2.3"}},
            r"source\.repository is 'http://x', but must be a URL that begins with https:// or oci://",
            id="a repository without encryption",
        ),
        pytest.param(
            {"source": {"chart": "shop", "git": "https://x", "version": "1.2.3"}},
            "source must have exactly one of chart, git and manifests",
            id="two sources",
        ),
        pytest.param(
            {"makes_storage_classes": {"hetzner-block": {"provisioner": "x"}}},
            "makes_storage_classes is for components of one provider",
            id="a class without a provider",
        ),
        pytest.param(
            {
                "runs": "per-provider",
                "providers": ["hetzner"],
                "makes_storage_classes": {"block": {"provisioner": "x"}},
            },
            "makes_storage_classes.block must begin with the provider: hetzner-",
            id="a class that does not name its provider",
        ),
        pytest.param(
            {"secrets": {"token": {"vault": {"mount": "kv", "path": "x"}}}},
            r"secrets\.token comes from Vault: add vault-auth to needs",
            id="a secret from Vault without Vault",
        ),
        pytest.param(
            {"secrets": {"token": {"vault": {"mount": "kv", "path": "x"}, "keys": ["a"]}}},
            r"secrets\.token comes from Vault: random and keys are for secrets in Git",
            id="a secret from two places",
        ),
        pytest.param({"health_checks": {"objekts": []}}, r"health_checks\.objekts is not known", id="health"),
        pytest.param(
            {"patches": [{"target": "ConfigMap/x", "change": {"data": {}}}]},
            r"patches\[0\]\.target: ConfigMap/x is not among the manifests",
            id="a patch of nothing",
        ),
        pytest.param({"drift_ignore": [{"kind": "X"}]}, r"drift_ignore\[0\]\.paths is missing", id="drift"),
    ],
)
def test_what_is_wrong_is_named(small: SmallCatalogue, given: dict[str, Any], sentence: str) -> None:
    small.chart(**given)
    with pytest.raises(PlatformError, match=sentence):
        small.load()


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        pytest.param(
            "# chart: shop\n# version: 1.2.2\n", "says version '1.2.2', but source is version '1.2.3'", id="old"
        ),
        pytest.param("# version: 1.2.3\n", "says chart 'nothing', but source is chart 'shop'", id="no chart"),
    ],
)
def test_known_values_of_another_chart_or_version_are_refused(small: SmallCatalogue, head: str, sentence: str) -> None:
    small.chart()
    (small.folder / "apps/shop/value-keys.txt").write_text(head)
    with pytest.raises(PlatformError, match=sentence):
        small.load()


@pytest.mark.parametrize(
    ("container", "sentence"),
    [
        pytest.param({"resources": {}}, "has no request for cpu and memory", id="no request"),
        pytest.param({"resources": {"requests": {"cpu": "1m"}}}, "has no request for memory", id="no memory"),
        pytest.param({"image": "example.org/app:latest"}, "app:latest', which may change", id="latest"),
        pytest.param({"image": "example.org:5000/app"}, "example.org:5000/app', which may change", id="no tag"),
    ],
)
def test_a_container_of_our_manifests_asks_for_resources_and_names_its_image(
    small: SmallCatalogue, container: dict[str, Any], sentence: str
) -> None:
    good = {"name": "app", "image": "example.org/app:1.0.0", "resources": REQUESTS}
    placement = [{"workload": "Deployment/app", "path": "spec.template.spec"}]
    small.manifests("good", workload(good), placement=placement)
    small.load("good")
    small.manifests("bad", workload({**good, **container}), placement=placement)
    with pytest.raises(
        PlatformError, match=f"bad/component.yml: container app of Deployment/app {sentence}|{sentence}"
    ):
        small.load("bad")


def test_a_patch_that_is_the_same_everywhere_belongs_into_the_manifest(small: SmallCatalogue) -> None:
    small.manifests("app", CONFIG, patches=[{"target": "ConfigMap/config", "change": {"data": {"a": "b"}}}])
    with pytest.raises(PlatformError, match=r"patches\[0\] is the same everywhere: write it into the manifest"):
        small.load()


def test_two_components_of_one_name_are_refused(small: SmallCatalogue) -> None:
    small.chart("shop", "apps")
    small.chart("shop", "platform")
    with pytest.raises(PlatformError, match="Component shop stands in .*platform/shop and in .*apps/shop"):
        small.load("shop")


def test_a_circle_is_named(small: SmallCatalogue) -> None:
    small.chart("a", needs=["b"])
    small.chart("b", needs=["c"])
    small.chart("c", needs=["a"])
    with pytest.raises(PlatformError, match="circle: (a -> c -> b -> a|b -> a -> c -> b|c -> b -> a -> c)"):
        small.load()


def test_a_driver_cannot_use_a_class_of_what_needs_it(small: SmallCatalogue) -> None:
    small.driver("hetzner", needs=["shop"])
    small.chart(storage_classes=["${provider}-block"])
    with pytest.raises(PlatformError, match="in a circle: .*hetzner-csi"):
        small.load()


def test_what_vault_needs_cannot_come_from_vault(small: SmallCatalogue) -> None:
    small.chart("vault", needs=["hetzner-csi"])
    small.chart("vault-auth", needs=["vault"])
    small.driver("hetzner", needs=["vault-auth"], secrets={"token": {"vault": {"mount": "kv", "path": "hetzner"}}})
    with pytest.raises(PlatformError, match="in a circle: .*vault-auth"):
        small.load()
