"""Tables and faults as people read them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.sovereign.fleet.plugins.filter.misplaced_pods import misplaced_pods
from ansible_collections.sovereign.fleet.plugins.filter.text_table import text_table

COLUMNS = {"NODE": "node", "READY": "node_ready", "ANSWER": "body.message"}


def test_columns_are_as_wide_as_they_must_be() -> None:
    rows = [
        {"node": "node-10", "node_ready": True, "body": {"message": "Hello\nfrom  here"}},
        {"node": "n", "node_ready": False, "body": "text"},
    ]
    assert text_table(rows, COLUMNS) == [
        "NODE     READY  ANSWER",
        "node-10  yes    Hello from here",
        "n        no     -",
    ]


def test_a_table_without_rows_has_its_heading() -> None:
    assert text_table([], COLUMNS) == ["NODE  READY  ANSWER"]


def test_something_else_than_rows_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="list of mappings"):
        text_table(["row"], COLUMNS)  # type: ignore[list-item]


def pod(meant: str, provider: str, status: int = 200) -> dict[str, Any]:
    return {
        "pod": f"podinfo-{meant}",
        "labels": {"fleet/provider": meant},
        "node": "n1",
        "provider": provider,
        "status": status,
    }


@pytest.mark.parametrize(
    ("pods", "faults"),
    [
        pytest.param([pod("hetzner", "hetzner"), pod("scaleway", "scaleway")], [], id="all is well"),
        pytest.param([pod("hetzner", "hetzner")], ["No pod answers from scaleway."], id="a provider is missing"),
        pytest.param(
            [pod("hetzner", "hetzner"), pod("scaleway", "scaleway", 500)],
            ["No pod answers from scaleway."],
            id="a provider answers with an error",
        ),
        pytest.param(
            [pod("hetzner", "hetzner"), pod("scaleway", "scaleway"), pod("scaleway", "hetzner")],
            ["Pod podinfo-scaleway is meant for scaleway but runs on n1, which is of hetzner."],
            id="a pod at the wrong provider",
        ),
        pytest.param(
            [pod("hetzner", "hetzner"), pod("scaleway", "scaleway"), pod("scaleway", "")],
            ["Pod podinfo-scaleway is meant for scaleway but runs on n1, which has no label node.cloudprovider."],
            id="a node without a label",
        ),
    ],
)
def test_faults(pods: list[dict[str, Any]], faults: list[str]) -> None:
    assert misplaced_pods(pods, ["hetzner", "scaleway"]) == faults
