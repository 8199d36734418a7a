"""What a person reads who made a mistake: one sentence, exact, before anything is touched."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.lab import console

pytestmark = pytest.mark.lab
OFFER = {"provider": "hetzner", "location": "nbg1", "type": "cx33"}
POOL: dict[str, Any] = {"name": "w", "count": 1, "offers": [OFFER]}
TAINT = {"key": "a", "value": "b"}
PROVIDERS_FILE = console.ROOT / "inventories/lab/group_vars/clusters/providers.yml"
PROVIDERS: dict[str, Any] = yaml.safe_load(PROVIDERS_FILE.read_text())


def _said(run: console.Run) -> str:
    """The output with every run of white space made one blank: YAML folds long lines."""
    assert "Traceback" not in run.output, run.output
    return " ".join(run.output.replace("''", "'").split())


@pytest.mark.parametrize(
    ("pools", "sentence"),
    [
        pytest.param(
            [{**POOL, "offers": [{**OFFER, "provider": "hetzler"}]}],
            "Cluster development: pools[0].offers[0].provider is 'hetzler'; "
            "allowed: hetzner, infomaniak, ovhcloud, scaleway, stackit.",
            id="unknown provider",
        ),
        pytest.param(
            [{**POOL, "cuont": 2}],
            "Cluster development: Unknown key pools[0].cuont; allowed are: "
            "name, count, offers, labels, taints, max_price_hour, ssh_keys, network, firewall, spread.",
            id="unknown key",
        ),
        pytest.param(
            [{**POOL, "offers": [{**OFFER, "location": "nbg9"}]}],
            "Cluster development: pools[0].offers[0].location is 'nbg9'; "
            "allowed: fsn1, nbg1, hel1, ash, hil, sin (provider hetzner).",
            id="a location that the provider does not have",
        ),
        pytest.param(
            [{**POOL, "count": -1}],
            "Cluster development: pools[0].count is -1; allowed: a whole number of zero or more.",
            id="a count below zero",
        ),
        pytest.param(
            [{**POOL, "taints": [TAINT]}],
            "Cluster development: pools[0].taints[0].effect is None; allowed: NoSchedule, PreferNoSchedule, NoExecute.",
            id="a taint without effect",
        ),
        pytest.param(
            [POOL, POOL],
            "Cluster development: pools[1].name is 'w', which pools[0] is called already; "
            "every pool of a cluster needs a name of its own.",
            id="two pools of one name",
        ),
    ],
)
def test_a_wrong_pool_is_refused_before_any_request(
    fresh_lab: None, pools: list[dict[str, Any]], sentence: str
) -> None:
    console.inventory("--list")
    console.forget_requests()
    run = console.playbook("site", "-e", json.dumps({"pools": pools}))
    assert run.code != 0
    assert sentence in _said(run)
    assert [request for request in console.requests() if request["cloud"] == "cloudfleet"] == []
    assert console.requests("POST", "PUT", "PATCH", "DELETE") == []


def test_a_wrong_token_is_named_with_the_place_to_correct_it(fleet: console.Run) -> None:
    wrong = {**PROVIDERS["providers"], "hetzner": {**PROVIDERS["providers"]["hetzner"], "token": "wrong"}}
    run = console.playbook("site", "-e", json.dumps({"providers": wrong}))
    assert run.code != 0
    assert (
        "Hetzner refused the token (401 unauthorized: unable to authenticate); "
        "set HCLOUD_TOKEN or providers.hetzner.token. Pool hetzner-workers stays as it is."
    ) in _said(run)


def test_an_unreachable_api_is_named_with_its_address(fleet: console.Run) -> None:
    assert console.lab("fault", "hetzner", "outage").code == 0
    run = console.playbook("site")
    assert run.code != 0
    assert (
        "Hetzner cannot be reached at http://127.0.0.1:18001/v1: connection refused; "
        "check the network and HCLOUD_ENDPOINT or providers.hetzner.endpoint. Pool hetzner-workers stays as it is."
    ) in _said(run)
