"""Orders for servers, and how a server that was made otherwise is told."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.blueprint import Blueprint
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Firewall, Offer, Opening, Owner
from tests.unit.plugins.fake_cloud import CLUSTER, FLEET, a_node, a_pool

SMALL = Offer("north", "n1", "small")
OLD, NEW = "#cloud-config old", "#cloud-config new"


def _blueprint(user_data: dict[str, str] | None = None, revisions: dict[str, str] | None = None) -> Blueprint:
    return Blueprint(FLEET, CLUSTER, user_data or {}, revisions or {})


def _made_by(blueprint: Blueprint, offer: Offer = SMALL, **changes: Any) -> Any:
    """A node with the revision that this blueprint writes on it."""
    revision = blueprint.revision(a_pool(1), offer)
    labels = {**a_node("dev-web-1").labels, "fleet.revision": revision}
    return a_node("dev-web-1", labels=labels, **changes)


def test_an_order_has_all_that_the_pool_asks_for() -> None:
    firewall = Firewall((Opening("tcp", "22", ("192.0.2.0/24",)),))
    pool = a_pool(1, ssh_keys=("ops",), network="10.0.0.0/16", firewall=firewall, spread=True)

    spec = _blueprint({"web": NEW}).spec(pool, "dev-web-1", SMALL)

    assert (spec.name, spec.owner, spec.offer) == (
        "dev-web-1",
        Owner.of(FLEET, CLUSTER, "web", "dev-web-1"),
        SMALL,
    )
    assert (spec.user_data, spec.ssh_keys, spec.network) == (NEW, ("ops",), "10.0.0.0/16")
    assert (spec.firewall, spec.spread) == (firewall, True)
    assert set(spec.labels) == {"fleet.revision"}


def test_the_revision_is_twelve_digits_of_image_and_user_data() -> None:
    pool, image = a_pool(1), Offer("north", "n1", "small", "debian-13")

    assert _blueprint({"*": NEW}).revision(pool, image) == hashlib.sha256(f"debian-13\n{NEW}".encode()).hexdigest()[:12]
    revisions = {_blueprint({"*": text}).revision(pool, offer) for text in (OLD, NEW) for offer in (SMALL, image)}
    assert len(revisions) == 4


@pytest.mark.parametrize(
    ("user_data", "text"),
    [
        pytest.param({"*": "all", "web": "pool", "web/north/n1": "place"}, "place", id="the place"),
        pytest.param({"*": "all", "web": "pool", "web/north/n2": "place"}, "pool", id="the pool"),
        pytest.param({"*": "all", "db": "pool"}, "all", id="all"),
        pytest.param({"db": "pool"}, "", id="none"),
    ],
)
def test_the_most_exact_user_data_is_used(user_data: dict[str, str], text: str) -> None:
    assert _blueprint(user_data).spec(a_pool(1), "dev-web-1", SMALL).user_data == text


@pytest.mark.parametrize(
    ("then", "now", "stale"),
    [
        pytest.param(_blueprint({"*": OLD}), _blueprint({"*": OLD}), False, id="nothing has changed"),
        pytest.param(_blueprint({"*": OLD}), _blueprint({"*": NEW}), True, id="other user data"),
        pytest.param(_blueprint({"*": OLD}), _blueprint({"web": OLD}), False, id="the same under another key"),
        pytest.param(_blueprint({"*": OLD}), _blueprint(), False, id="a call that does not say what it is"),
        pytest.param(
            _blueprint({"*": OLD}, {"*": "1"}), _blueprint({"*": NEW}, {"*": "1"}), False, id="a token that rotates"
        ),
        pytest.param(_blueprint({"*": OLD}, {"*": "1"}), _blueprint({"*": OLD}, {"*": "2"}), True, id="a new revision"),
        pytest.param(
            _blueprint({"web/north/n1": OLD}, {"*": "1"}),
            _blueprint({"web/north/n1": NEW}, {"*": "1"}),
            False,
            id="a revision for all of them",
        ),
        pytest.param(_blueprint({"*": OLD}, {"*": "1"}), _blueprint({}, {"*": "2"}), True, id="the revision alone"),
        pytest.param(_blueprint(), _blueprint({"*": NEW}), True, id="it was made without any"),
    ],
)
def test_a_node_is_stale_when_user_data_changes(then: Blueprint, now: Blueprint, stale: bool) -> None:
    reason = now.why_stale(a_pool(1), _made_by(then))

    assert ("other user data" in reason) == stale


def test_a_node_is_stale_when_the_image_of_its_offer_changes() -> None:
    blueprint, image = _blueprint({"*": OLD}), Offer("north", "n1", "small", "debian-13")
    node = _made_by(blueprint)

    assert "revision" in blueprint.why_stale(a_pool(1, "web", image), node)
    assert blueprint.why_stale(a_pool(1, "web", image, SMALL), node) == "", "one offer of this place fits"


@pytest.mark.parametrize("changes", [{"type": "large"}, {"location": "n2"}, {"provider": "south"}])
def test_a_node_is_stale_when_no_offer_describes_it(changes: dict[str, str]) -> None:
    node = a_node("dev-web-1", **changes)

    assert _blueprint().why_stale(a_pool(1), node) == (
        f"{node.provider}/{node.location}/{node.type} is in no offer of pool web any more"
    )


def test_a_node_without_a_revision_was_not_made_here_and_is_left_alone() -> None:
    node = a_node("dev-web-1", type="large", labels={})

    assert _blueprint({"*": NEW}).why_stale(a_pool(1), node) == ""


def test_user_data_is_in_no_printed_blueprint() -> None:
    assert "secret" not in repr(_blueprint({"*": "secret"}))
    assert "secret" not in repr(_blueprint({"*": "secret"}).spec(a_pool(1), "dev-web-1", SMALL))
