"""What a fleet leaves behind, over providers in memory: found everywhere, removed in order, never taken for gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Auth,
    Conflict,
    Permanent,
    PlatformError,
    Transient,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.leaving import NAMED, Errand, clear
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Leftover, Node, Scope
from ansible_collections.sovereign.fleet.plugins.module_utils.running import Run
from tests.unit.plugins.conftest import Time
from tests.unit.plugins.fake_cloud import FLEET, a_node

IN_USE = Conflict("North says that it is in use.", provider="north", code="resource_in_use")
DOWN = Transient("South does not answer.", provider="south")
LOOK, REMOVE, REMOVE_ALL = Errand(), Errand(remove=True), Errand(remove=True, with_data=True)


@dataclass
class Cloud:
    """As much of a provider as is asked for what is left. ``refusals`` are raised by the next removals of an id.

    ``slow`` things take as many removals to go as they are named there. ``appears`` is there from the second look on.
    """

    diary: list[str]
    name: str = "north"
    nodes: list[Node] = field(default_factory=list)
    remains: list[Leftover] = field(default_factory=list)
    things: list[Leftover] = field(default_factory=list)
    refusals: dict[str, list[PlatformError]] = field(default_factory=dict)
    slow: list[Leftover] = field(default_factory=list)
    down_from_look: int = 1000
    filters: list[Mapping[str, str] | None] = field(default_factory=list)
    appears: Leftover | None = None

    def scopes(self) -> list[Scope]:
        return [Scope(self.name, "all", "", "")]

    def list_nodes(self, scope: Scope, owner_filter: Mapping[str, str] | None) -> Iterator[Node]:
        yield from self.nodes

    def leftovers(
        self, owner_filter: Mapping[str, str] | None, locations: Sequence[str] | None = None
    ) -> list[Leftover]:
        assert locations is None
        return list(self.remains)

    def belongings(self, owner_filter: Mapping[str, str]) -> list[Leftover]:
        self.filters.append(owner_filter)
        if len(self.filters) >= self.down_from_look:
            raise replace_provider(DOWN, self.name)
        if self.appears is not None and len(self.filters) == 2:
            self.things.append(self.appears)
        return list(self.things)

    def remove_leftover(self, leftover: Leftover) -> None:
        if waiting := self.refusals.get(leftover.id):
            raise waiting.pop(0)
        self.diary.append(f"{leftover.kind} {leftover.id}")
        if leftover in self.slow:
            self.slow.remove(leftover)
            return
        for shelf in (self.remains, self.things):
            if leftover in shelf:
                shelf.remove(leftover)


def replace_provider(error: PlatformError, name: str) -> PlatformError:
    """The same failure at another provider."""
    return type(error)(str(error).replace("South", name.title()), provider=name)


class World:
    """Two providers and one diary."""

    def __init__(self, time: Time) -> None:
        self.time = time
        self.diary: list[str] = []
        self.told: list[str] = []
        self.north = Cloud(self.diary)
        self.south = Cloud(self.diary, "south")

    def clear(self, errand: Errand = LOOK, *, check: bool = False, cluster: str = "", **more: Any) -> dict[str, Any]:
        run = Run(
            FLEET,
            cluster,
            {"north": self.north, "south": self.south},
            self.time.clock,
            self.time.sleep,
            self.time.clock() + 60,
            self.told.append,
        )
        return clear(errand, run, more.pop("unknown", {}), check=check, diff=True)


def _thing(kind: str, number: str, provider: str = "north", **changes: Any) -> Leftover:
    return replace(Leftover(provider, kind, number, f"lab-dev-{number}", "n1"), **changes)


def _ids(things: Sequence[Mapping[str, Any]]) -> list[str]:
    return [thing["id"] for thing in things]


@pytest.fixture
def world(time: Time) -> World:
    return World(time)


def test_nothing_is_nothing(world: World) -> None:
    assert world.clear(Errand(prove=True)) == {
        "changed": False,
        "leftovers": [],
        "removed": [],
        "billable": 0,
        "unknown": [],
        "warnings": [],
        "diff": {"before": "", "after": ""},
    }


def test_everything_under_our_mark_is_told_and_nothing_is_touched(world: World) -> None:
    world.north.nodes.append(a_node("dev-web-1"))
    world.north.remains.append(_thing("disk", "d1"))
    world.south.things += [
        _thing("ssh_key", "k1", "south", billable=False, location=""),
        _thing("disk", "pvc", "south", made_by_us=False),
    ]
    found = world.clear()
    assert [(thing["kind"], thing["id"]) for thing in found["leftovers"]] == [
        ("server", "id-dev-web-1"),
        ("disk", "d1"),
        ("disk", "pvc"),
        ("ssh_key", "k1"),
    ]
    assert found["leftovers"][1] == {
        "provider": "north",
        "kind": "disk",
        "id": "d1",
        "name": "lab-dev-d1",
        "location": "n1",
        "billable": True,
        "made_by_us": True,
    }
    assert (found["billable"], found["changed"], found.get("failed"), world.diary) == (3, False, None, [])


@pytest.mark.parametrize(
    ("cluster", "marks"),
    [("", {"fleet.id": "lab"}), ("dev", {"fleet.id": "lab", "fleet.cluster": "dev"})],
    ids=["a fleet", "a cluster"],
)
def test_what_is_asked_for(world: World, cluster: str, marks: dict[str, str]) -> None:
    world.clear(cluster=cluster)
    assert world.north.filters == world.south.filters == [marks]


def test_what_two_answers_show_is_one_thing(world: World) -> None:
    world.north.remains.append(_thing("address", "a1"))
    world.north.things.append(_thing("address", "a1", made_by_us=False))
    (found,) = world.clear()["leftovers"]
    assert found["made_by_us"]


def test_things_go_in_the_order_in_which_they_can(world: World) -> None:
    kinds = ("ssh_key", "network", "firewall", "placement_group", "disk", "nic", "address", "load_balancer")
    world.north.things += [_thing(kind, kind) for kind in kinds]
    result = world.clear(REMOVE)
    assert world.diary == [f"{kind} {kind}" for kind in reversed(kinds)]
    assert (result["changed"], result["leftovers"], len(result["removed"])) == (True, [], 8)
    assert world.clear(REMOVE)["changed"] is False


def test_check_mode_foresees_what_a_run_does(world: World) -> None:
    world.north.things += [_thing("network", "n1", billable=False), _thing("disk", "pvc", made_by_us=False)]
    foreseen = world.clear(REMOVE, check=True)
    assert (foreseen["changed"], world.diary) == (True, [])
    assert foreseen["diff"] == {
        "before": "disk lab-dev-pvc (id pvc) at north/n1, billed\nnetwork lab-dev-n1 (id n1) at north/n1\n",
        "after": "disk lab-dev-pvc (id pvc) at north/n1, billed\n",
    }
    assert world.clear(REMOVE) == foreseen


def test_what_may_hold_data_stays_and_is_told_unless_it_shall_go_too(world: World) -> None:
    world.north.things += [_thing("disk", "pvc", made_by_us=False), _thing("network", "n1")]
    kept = world.clear(REMOVE)
    assert (_ids(kept["leftovers"]), _ids(kept["removed"]), kept.get("failed")) == (["pvc"], ["n1"], None)
    (warning,) = kept["warnings"]
    assert "disk lab-dev-pvc (id pvc) at north/n1. with_data: true removes this too" in warning
    gone = world.clear(REMOVE_ALL)
    assert (_ids(gone["removed"]), gone["leftovers"], gone["warnings"]) == (["pvc"], [], [])


def test_as_long_as_a_server_is_there_nothing_is_removed(world: World) -> None:
    world.south.nodes.append(a_node("dev-web-1", provider="south"))
    world.north.things.append(_thing("network", "n1"))
    result = world.clear(REMOVE_ALL)
    assert (result["failed"], result["code"], result["changed"], world.diary) == (True, "servers_left", False, [])
    assert result["msg"] == (
        "Nothing of fleet lab was removed, because servers of it are still there: server dev-web-1 (id id-dev-web-1) "
        "at south/n1. Delete them first, with node_pool or playbooks/teardown.yml."
    )
    assert world.clear(REMOVE_ALL, check=True)["msg"] == result["msg"]


def test_a_server_that_is_being_deleted_is_waited_for(world: World, time: Time) -> None:
    world.north.nodes.append(a_node("dev-web-1", state="deleting"))
    world.north.things.append(_thing("network", "n1"))
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        world.north.nodes.clear()

    time.sleep = sleep  # type: ignore[method-assign]
    result = world.clear(replace(REMOVE, prove=True))
    assert (result.get("msg"), result["leftovers"], len(pauses)) == (None, [], 1)


def test_what_only_shows_when_something_else_is_gone_goes_too(world: World) -> None:
    world.north.things.append(_thing("load_balancer", "lb"))
    world.north.refusals["lb"] = [IN_USE]
    world.north.appears = _thing("address", "of-lb")
    result = world.clear(REMOVE)
    assert (result.get("msg"), result["leftovers"]) == (None, [])
    assert _ids(result["removed"]) == ["lb", "of-lb"]


def test_what_is_in_use_is_tried_again(world: World) -> None:
    world.north.things.append(_thing("network", "n1"))
    world.north.refusals["n1"] = [IN_USE, IN_USE, IN_USE, IN_USE]
    result = world.clear(REMOVE)
    assert (result.get("msg"), _ids(result["removed"])) == (None, ["n1"])
    assert world.told == ["network lab-dev-n1 (id n1) at north/n1 is removed"]
    assert 4 < world.time.now < 10


def test_what_goes_slowly_is_seen_off_and_told_once(world: World) -> None:
    balancer = _thing("load_balancer", "lb")
    world.north.things.append(balancer)
    world.north.slow = [balancer, balancer]
    result = world.clear(REMOVE)
    assert (result.get("msg"), result["leftovers"], len(world.told)) == (None, [], 1)


def test_what_does_not_get_gone_in_time_is_a_failure(world: World) -> None:
    balancer = _thing("load_balancer", "lb")
    world.north.things.append(balancer)
    world.north.slow = [balancer] * 1000
    world.south.nodes.append(a_node("dev-web-1", provider="south", state="deleting"))
    result = world.clear(REMOVE)
    assert (result["failed"], result["removed"], result["billable"]) == (True, [], 2)
    assert (
        "(1) The load balancer lab-dev-lb (id lb) at north/n1 could not be removed: it is going, but" in result["msg"]
    )
    assert "(2) The server dev-web-1 (id id-dev-web-1) at south/n1 could not be removed" in result["msg"]


def test_what_stays_in_use_fails_when_the_time_is_over(world: World) -> None:
    world.north.things += [_thing("network", "n1"), _thing("ssh_key", "k1")]
    world.north.refusals["n1"] = [IN_USE] * 100
    result = world.clear(REMOVE)
    assert (result["failed"], result["changed"], _ids(result["leftovers"])) == (True, True, ["n1"])
    assert result["msg"] == (
        "The network lab-dev-n1 (id n1) at north/n1 could not be removed: North says that it is in use. Run again, or "
        "with a longer timeout."
    )
    assert 60 <= world.time.now <= 65


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        pytest.param(Auth("The token may only read.", provider="north"), 1, id="not allowed"),
        pytest.param(Conflict("It is protected.", provider="north", code="protected"), 1, id="protected"),
        pytest.param(Permanent("North says no.", provider="north"), 3, id="a refusal that may mean in use"),
    ],
)
def test_what_cannot_be_removed_is_not_tried_for_ever(world: World, error: PlatformError, tries: int) -> None:
    world.north.things.append(_thing("network", "n1"))
    world.north.refusals["n1"] = [error] * 10
    result = world.clear(REMOVE)
    assert str(error) in result["msg"]
    assert len(world.north.refusals["n1"]) == 10 - tries
    assert world.time.now < 10


def test_a_silent_provider_is_unknown_and_not_empty(world: World) -> None:
    world.north.things.append(_thing("network", "n1"))
    world.south.down_from_look = 1
    looked = world.clear()
    assert looked["unknown"] == [{"provider": "south", "msg": "South does not answer."}]
    assert (looked["warnings"], looked.get("failed")) == (["South does not answer."], None)
    removed = world.clear(REMOVE)
    assert (removed["failed"], removed["msg"], _ids(removed["removed"])) == (True, "South does not answer.", ["n1"])


def test_what_the_other_parts_of_a_provider_showed_is_told(world: World) -> None:
    world.south.remains.append(_thing("disk", "d1", "south"))
    world.south.down_from_look = 1
    found = world.clear()
    assert (_ids(found["leftovers"]), [entry["provider"] for entry in found["unknown"]]) == (["d1"], ["south"])


def test_a_provider_that_falls_silent_on_the_way_leaves_its_things_standing(world: World) -> None:
    world.south.things += [_thing("network", "n1", "south"), _thing("ssh_key", "k1", "south")]
    world.south.refusals["n1"] = [replace_provider(IN_USE, "south")] * 100
    world.south.down_from_look = 2
    result = world.clear(REMOVE)
    assert (_ids(result["removed"]), _ids(result["leftovers"])) == (["k1"], ["n1"])
    assert "South does not answer." in result["msg"]


def test_nothing_is_removed_from_a_provider_that_may_have_servers_which_need_it(world: World) -> None:
    world.south.remains.append(_thing("address", "a1", "south"))
    world.south.down_from_look = 1
    result = world.clear(REMOVE_ALL)
    assert (result["failed"], result["changed"], _ids(result["leftovers"]), world.diary) == (True, False, ["a1"], [])


def test_an_account_that_cannot_be_used_is_unknown_too(world: World) -> None:
    broken = {"west": Auth("The account at west is incomplete.", provider="west", code="no_credentials")}
    assert world.clear(unknown=broken)["unknown"] == [{"provider": "west", "msg": "The account at west is incomplete."}]
    assert world.clear(Errand(prove=True), unknown=broken)["failed"]


def test_a_proof_names_what_is_left_and_what_is_not_known_in_one_sentence(world: World) -> None:
    world.north.nodes.append(a_node("dev-web-1"))
    world.north.things.append(_thing("ssh_key", "k1", billable=False, location=""))
    world.south.down_from_look = 1
    result = world.clear(Errand(prove=True), cluster="dev")
    assert (result["failed"], result["code"]) == (True, "not_gone")
    assert result["msg"] == (
        "Not all of cluster dev of fleet lab is gone, still there: server dev-web-1 (id id-dev-web-1) at north/n1, "
        "SSH key lab-dev-k1 (id k1) at north; what is left at south is not known: South does not answer."
    )


def test_a_long_list_is_counted(world: World) -> None:
    world.north.things += [_thing("disk", f"d{number:02d}") for number in range(NAMED + 5)]
    message = world.clear(Errand(prove=True))["msg"]
    assert "and 5 more" in message
    assert f"d{NAMED - 1:02d}" in message
    assert f"d{NAMED:02d}" not in message


def test_removing_and_proving_says_each_thing_once(world: World) -> None:
    world.north.things += [_thing("network", "n1"), _thing("disk", "pvc", made_by_us=False)]
    world.north.refusals["n1"] = [Auth("The token may only read.", provider="north")]
    result = world.clear(Errand(remove=True, prove=True))
    assert result["msg"] == (
        "(1) The network lab-dev-n1 (id n1) at north/n1 could not be removed: The token may only read. "
        "(2) Not all of fleet lab is gone, still there: disk lab-dev-pvc (id pvc) at north/n1."
    )
