"""Names, tokens, labels."""

from __future__ import annotations

import json

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.model import (
    OWNER_LABELS,
    Owner,
    Pool,
    ServerSpec,
    kubernetes_labels,
    node_name,
    node_ordinal,
    owner_token,
)
from tests.unit.plugins.fake_cloud import a_node, a_pool

OWNER = Owner.of("acme", "dev", "web", "dev-web-1")


def test_the_token_follows_from_the_names_alone() -> None:
    assert OWNER.token == owner_token("acme", "dev", "web", "dev-web-1")
    assert len(OWNER.token) == 16
    assert OWNER.token != Owner.of("acme", "dev", "web", "dev-web-2").token
    assert OWNER.token != Owner.of("other", "dev", "web", "dev-web-1").token


def test_an_owner_survives_its_labels() -> None:
    assert Owner.from_labels({**OWNER.labels(), "more": "labels"}) == OWNER
    assert tuple(OWNER.labels()) == OWNER_LABELS
    assert not any("/" in key for key in OWNER.labels())


@pytest.mark.parametrize("key", OWNER_LABELS)
def test_labels_that_lack_one_or_hold_a_wrong_one_name_no_owner(key: str) -> None:
    labels = OWNER.labels()

    assert Owner.from_labels({**labels, key: "x"}) is None
    assert Owner.from_labels({name: value for name, value in labels.items() if name != key}) is None


@pytest.mark.parametrize(
    ("name", "ordinal"),
    [
        pytest.param("dev-web-1", 1, id="the first"),
        pytest.param("dev-web-20", 20, id="a later one"),
        pytest.param("dev-web-0", None, id="ordinals begin at one"),
        pytest.param("dev-web-01", None, id="no leading zero"),
        pytest.param("dev-web-x", None, id="no number"),
        pytest.param("dev-web-", None, id="nothing"),
        pytest.param("dev-web-²", None, id="a digit that is none"),
        pytest.param("dev-webby-1", None, id="another pool"),
        pytest.param("prod-web-1", None, id="another cluster"),
    ],
)
def test_ordinals_are_read_from_names(name: str, ordinal: int | None) -> None:
    assert node_ordinal("dev", "web", name) == ordinal
    if ordinal:
        assert node_name("dev", "web", ordinal) == name


def test_a_pools_labels_cannot_override_those_of_the_platform() -> None:
    pool = Pool("web", 1, a_pool(1).offers, labels={"fleet/pool": "other", "team": "blue"})

    assert kubernetes_labels(a_node("dev-web-1"), pool) == {
        "team": "blue",
        "node.cloudprovider": "north",
        "topology.kubernetes.io/region": "n",
        "topology.kubernetes.io/zone": "n1",
        "node.kubernetes.io/instance-type": "small",
        "fleet/pool": "web",
        "fleet/country": "DE",
        "cfke.io/provider": "north",
    }


def test_a_result_is_plain_json() -> None:
    result = a_node("dev-web-1").as_result()

    assert json.loads(json.dumps(result)) == result
    assert (result["pool"], result["cluster"], result["price_hour"]) == ("web", "dev", 0.01)


def test_user_data_is_not_in_a_spec_as_text() -> None:
    spec = ServerSpec("n", OWNER, a_pool(1).offers[0], user_data="token: s3cret")

    assert "s3cret" not in repr(spec)
