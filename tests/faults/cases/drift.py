"""People and programs that change at the provider what the pools say otherwise."""

from __future__ import annotations

from ansible_collections.sovereign.fleet.plugins.module_utils.model import Owner
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from tests.contract.case import CLUSTER, FLEET, POOL
from tests.contract.profiles import Profile
from tests.faults.acts import all_of, erases, loses_labels, nothing_written, powers_off, protects, unprotects
from tests.faults.scorecard import FaultCase
from tests.faults.stage import Stage

GROUP = "drift"
NAME_TAKEN = (
    "{title} already has a server {node2} (id …) that does not carry this fleet's labels, so it is left alone; rename "
    "or delete it there, or rename the pool."
)


def unique_names(profile: Profile) -> bool:
    """The provider itself refuses a second server of one name."""
    return registry.capabilities(profile.provider).unique_names


def names_may_repeat(profile: Profile) -> bool:
    """Two servers may have one name."""
    return not unique_names(profile)


def address_goes_along(profile: Profile) -> bool:
    """A server's address is part of it; where it is a thing of its own, a person's address stays that person's."""
    return "public_ip" not in profile.parts


def gives_labels_back(stage: Stage) -> None:
    """Whoever took the labels off puts them back."""
    name = stage.facts["node2"]
    lost = next(server for server in stage.case().servers() if server.name == name)
    stage.profile.relabel(stage.cloud, lost.id, Owner.of(FLEET, CLUSTER, POOL, name).labels())
    stage.disown()


def copies_labels(stage: Stage) -> None:
    """Somebody makes a server by hand with all labels of one of ours on it."""
    name = stage.facts["node5"]
    stage.profile.make_foreign(stage.cloud, name, Owner.of(FLEET, CLUSTER, POOL, name).labels())
    stage.quiet()


CASES = (
    FaultCase(
        GROUP,
        "a server of ours is switched off",
        scene=powers_off(2),
        before=2,
        wish=2,
        tells=("{node2} runs at {provider}/…",),
        ran="a pool of 2, the second server switched off at the console before",
    ),
    FaultCase(
        GROUP,
        "a server of ours is deleted",
        scene=erases(1),
        before=2,
        wish=2,
        tells=("{node1} runs at {provider}/…",),
        ran="a pool of 2, the first server deleted at the console before",
    ),
    FaultCase(
        GROUP,
        "a server of ours is deleted, and another one is switched off",
        scene=all_of(erases(1), powers_off(2)),
        before=2,
        wish=2,
        ran="a pool of 2, one server deleted and the other switched off at the console before",
    ),
    FaultCase(
        GROUP,
        "a server of ours lost its labels, and names are unique",
        scene=loses_labels(2),
        before=2,
        wish=2,
        says=NAME_TAKEN,
        mend=gives_labels_back,
        mended="the labels are put back",
        left=1,
        applies=unique_names,
        ran="a pool of 2, the labels of the second server taken off at the console before",
    ),
    FaultCase(
        GROUP,
        "a server of ours lost its labels, and names may repeat",
        scene=loses_labels(2),
        before=2,
        wish=2,
        applies=names_may_repeat,
        ran="a pool of 2, the labels of the second server taken off at the console before",
    ),
    FaultCase(
        GROUP,
        "a server that has to go is protected",
        scene=protects(2),
        before=2,
        wish=1,
        says="The server {node2} (id …) is protected… at {title}; … there and run again.",
        look=nothing_written,
        mend=unprotects(2),
        mended="the protection is lifted",
        left=2,
        ran="a pool of 2 becomes 1, the second server protected at the console before",
    ),
    FaultCase(
        GROUP,
        "somebody made one server more, with our labels on it",
        scene=copies_labels,
        before=2,
        wish=2,
        applies=address_goes_along,
        ran="a pool of 2, a server 5 with its labels made by hand before",
    ),
)
