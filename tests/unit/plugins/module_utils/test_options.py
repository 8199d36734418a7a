"""What a person may write, and the sentence for everything else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils import options
from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Permanent
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Offer, Pool, Taint
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry

OFFER = {"provider": "hetzner", "location": "nbg1", "type": "cx33"}
POOL: dict[str, Any] = {"name": "web", "count": 2, "offers": [OFFER]}


def test_a_pool_is_read_with_all_it_can_have() -> None:
    written = {
        **POOL,
        "offers": [OFFER, {"provider": "scaleway", "location": "fr-par-1", "type": "DEV1-L", "image": "ubuntu_jammy"}],
        "labels": {"example.com/team": "blue", "tier": ""},
        "taints": [{"key": "node.cloudprovider", "value": "hetzner", "effect": "NoSchedule"}],
        "max_price_hour": 0.05,
        "ssh_keys": ["me"],
    }

    assert options.parse_pools([written], "dev") == (
        Pool(
            name="web",
            count=2,
            offers=(Offer("hetzner", "nbg1", "cx33"), Offer("scaleway", "fr-par-1", "DEV1-L", "ubuntu_jammy")),
            labels={"example.com/team": "blue", "tier": ""},
            taints=(Taint("node.cloudprovider", "hetzner", "NoSchedule"),),
            max_price_hour=Decimal("0.05"),
            ssh_keys=("me",),
        ),
    )


def test_what_is_none_counts_as_left_out() -> None:
    empty = {**POOL, "labels": None, "taints": None, "max_price_hour": None, "ssh_keys": None}
    empty["offers"] = [{**OFFER, "image": None}]

    assert options.parse_pools([empty]) == options.parse_pools([POOL])


@pytest.mark.parametrize(
    ("pools", "sentence"),
    [
        pytest.param({}, "pools is {}; allowed: a list of pools.", id="no list"),
        pytest.param(["web"], "pools[0] is 'web'; allowed: a mapping with the keys name, count", id="no mapping"),
        pytest.param([{**POOL, "size": 1}], "Unknown key pools[0].size; allowed are: name, count, offers", id="a key"),
        pytest.param([{"count": 1, "offers": [OFFER]}], "pools[0].name is missing", id="no name"),
        pytest.param([{**POOL, "name": "Web"}], "pools[0].name is 'Web'; allowed: lower-case", id="a capital"),
        pytest.param([{**POOL, "name": "web-"}], "pools[0].name is 'web-'; allowed: lower-case", id="an outer dash"),
        pytest.param([{**POOL, "count": -1}], "pools[0].count is -1; allowed: a whole number of zero", id="below zero"),
        pytest.param([{**POOL, "count": True}], "pools[0].count is True; allowed: a whole number", id="a truth value"),
        pytest.param([{**POOL, "count": "2"}], "pools[0].count is '2'; allowed: a whole number", id="text for a count"),
        pytest.param([{**POOL, "offers": []}], "pools[0].offers is empty", id="no offer"),
        pytest.param(
            [{**POOL, "offers": [{**OFFER, "provider": "aws"}]}],
            f"pools[0].offers[0].provider is 'aws'; allowed: {', '.join(registry.known())}.",
            id="an unknown provider",
        ),
        pytest.param(
            [{**POOL, "offers": [OFFER, {**OFFER, "location": "fr-par-1"}]}],
            "pools[0].offers[1].location is 'fr-par-1'; allowed: fsn1, nbg1, hel1, ash, hil, sin (provider hetzner).",
            id="a location of another provider",
        ),
        pytest.param(
            [{**POOL, "offers": [{**OFFER, "zone": "x"}]}],
            "Unknown key pools[0].offers[0].zone; allowed are: provider, location, type, image.",
            id="an unknown key of an offer",
        ),
        pytest.param(
            [{**POOL, "taints": [{"key": "a", "value": "b"}]}],
            "pools[0].taints[0].effect is None; allowed: NoSchedule, PreferNoSchedule, NoExecute.",
            id="a taint without effect",
        ),
        pytest.param(
            [{**POOL, "taints": [{"key": "a", "effect": "Never"}]}],
            "pools[0].taints[0].effect is 'Never'; allowed: NoSchedule, PreferNoSchedule, NoExecute.",
            id="an unknown effect",
        ),
        pytest.param(
            [{**POOL, "labels": {"ready": True}}],
            "pools[0].labels['ready'] is True; allowed: text of letters",
            id="a label that is no text",
        ),
        pytest.param([{**POOL, "labels": {"a b": "c"}}], "pools[0].labels: the key is 'a b'", id="a label key"),
        pytest.param(
            [{**POOL, "max_price_hour": 0}], "pools[0].max_price_hour is 0; allowed: a price", id="a price of nothing"
        ),
        pytest.param([{**POOL, "max_price_hour": "nan"}], "pools[0].max_price_hour is 'nan'", id="no price"),
        pytest.param(
            [POOL, {**POOL, "count": 1}],
            "pools[1].name is 'web', which pools[0] is called already",
            id="two pools of one name",
        ),
        pytest.param(
            [{**POOL, "name": "w" * 60}], "makes the node name 'dev-", id="a name that makes host names too long"
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_path_value_and_what_is_allowed(pools: Any, sentence: str) -> None:
    with pytest.raises(Permanent) as caught:
        options.parse_pools(pools, "dev")

    assert sentence in str(caught.value)
    assert caught.value.code == "invalid_option"


def test_user_data_is_found_from_the_narrowest_key_to_the_widest() -> None:
    texts = {"web/hetzner/nbg1": "here", "web": "pool", "*": "all"}

    assert options.user_data_for(texts, "web", Offer("hetzner", "nbg1", "cx33")) == "here"
    assert options.user_data_for(texts, "web", Offer("hetzner", "fsn1", "cx33")) == "pool"
    assert options.user_data_for(texts, "db", Offer("hetzner", "fsn1", "cx33")) == "all"
    assert options.user_data_for({}, "db", Offer("hetzner", "fsn1", "cx33")) == ""


@pytest.mark.parametrize(
    ("user_data", "sentence"),
    [
        pytest.param(
            {"db": "s3cret"}, "user_data has the unknown key 'db'; allowed are: *, web, web/hetzner/nbg1.", id="key"
        ),
        pytest.param({"web": {"s3cret": 1}}, "user_data['web'] must be text, not dict.", id="no text"),
        pytest.param({"*": "s3cret" * 6000}, "is 36000 bytes; Hetzner takes at most 32768.", id="too long"),
        pytest.param("s3cret", "user_data must be a mapping", id="no mapping"),
    ],
)
def test_wrong_user_data_is_refused_without_repeating_it(user_data: Any, sentence: str) -> None:
    with pytest.raises(Permanent) as caught:
        options.parse_user_data(user_data, options.parse_pools([POOL]))

    assert sentence in str(caught.value)
    assert "s3cret" not in str(caught.value)
