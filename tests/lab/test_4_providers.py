"""A provider that is sold out, too dear, silent, or asked to give nodes back."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from tests.lab import console

pytestmark = pytest.mark.lab
WRITES = ("POST", "PUT", "PATCH", "DELETE")
POOLS: list[dict[str, Any]] = yaml.safe_load((console.ROOT / "inventories/lab/host_vars/development.yml").read_text())[
    "pools"
]


def _with(pool: str, **changes: Any) -> tuple[str, str]:
    """The option that gives one pool other values for one run."""
    return "-e", json.dumps({"pools": [{**each, **changes} if each["name"] == pool else each for each in POOLS]})


def _servers(cloud: str) -> list[str]:
    return sorted(server["name"] for server in console.servers() if server["cloud"] == cloud)


def _joined() -> set[str]:
    return {node["metadata"]["name"] for node in console.objects("nodes")}


def test_sold_out_at_one_cloud_the_next_node_is_bought_at_another(fleet: console.Run) -> None:
    assert console.lab("fault", "stackit", "capacity").code == 0

    run = console.playbook("scale", "-e", "pool=stackit-workers", "-e", "count=2")

    assert run.code == 0, run.output
    assert "development-stackit-workers-2: stackit/eu01-1/g2i.1 is no good:" in run.output
    assert "development-stackit-workers-2 runs at ovhcloud/GRA11 as b3-8" in run.output
    assert _servers("stackit") == ["development-stackit-workers-1"]
    assert "development-stackit-workers-2" in _servers("ovhcloud")
    node = next(
        node for node in console.objects("nodes") if node["metadata"]["name"] == "development-stackit-workers-2"
    )
    assert node["metadata"]["labels"]["node.cloudprovider"] == "ovhcloud"
    assert node["metadata"]["labels"]["fleet/pool"] == "stackit-workers"
    console.clear_faults()
    assert console.playbook("site").code == 0
    assert len(console.servers()) == 6


def test_too_dear_is_said_before_anything_is_bought(fleet: console.Run) -> None:
    console.forget_requests()

    run = console.playbook("site", *_with("scaleway-workers", count=3, max_price_hour=0.001))

    assert run.code != 0
    said = " ".join(run.output.split())
    assert "is above max_price_hour 0.001" in said
    assert "Add an offer, or run again later." in said
    assert [request for request in console.requests(*WRITES) if request["cloud"] != "cloudfleet"] == []


def test_three_nodes_fewer_are_named_with_the_money_they_save_and_need_the_hash(fleet: console.Run) -> None:
    fewer = json.dumps(
        {"pools": [{**pool, "count": 0} for pool in POOLS if pool["name"] == "hetzner-workers"] + POOLS[1:3]}
    )
    before = console.servers()
    foreseen = console.playbook("plan", "-e", fewer)
    assert foreseen.code == 0, foreseen.output
    for name in ("development-hetzner-workers-1", "development-hetzner-workers-2"):
        assert name in foreseen.output
    assert re.search(r"hetzner +\d+\.\d\d -> 0\.00 EUR a month \(-\d+\.\d\d\)", foreseen.output), foreseen.output

    refused = console.playbook("site", "-e", fewer)
    assert refused.code != 0
    said = " ".join(refused.output.split())
    assert "This run needs to be confirmed, for it deletes the last node of pool hetzner-workers." in said
    assert re.search(r"then run with confirm: [0-9a-f]{12}", said)
    assert console.servers() == before


def test_one_api_down_the_others_are_served_and_the_end_says_who_was_not(fleet: console.Run) -> None:
    console.inventory("--list")
    assert console.lab("fault", "hetzner", "5xx", "status=503").code == 0

    run = console.playbook("site", *_with("ovhcloud-workers", count=2))

    said = " ".join(run.output.split())
    assert run.code != 0
    assert "Traceback" not in run.output
    assert said.count("Pool hetzner-workers stays as it is.") >= 1
    assert "Everything else is as it should be; run again once that is put right." in said
    assert "development-ovhcloud-workers-2" in _joined()
    assert "Hello from OVHcloud!" in run.output
    listing = console.inventory("--list")
    found = json.loads(listing.output[listing.output.index("{") :])
    assert {"development-hetzner-workers-1", "development-hetzner-workers-2"} <= set(found["stale"]["hosts"])

    console.clear_faults()
    again = console.playbook("site")
    assert again.code == 0, again.output
    assert len(console.servers()) == 6
