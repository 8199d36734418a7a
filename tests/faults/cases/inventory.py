"""The inventory while a cloud does not answer as it should: hosts are known, or marked, or the command ends."""

from __future__ import annotations

import importlib
from typing import Any

from ansible.inventory.manager import InventoryManager

from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from tests.contract.case import CLUSTER, FLEET
from tests.faults import plays
from tests.faults.cases.concurrency import has_pages
from tests.faults.scorecard import FaultCase, reads
from tests.faults.stage import Stage
from tests.unit.plugins.inventory.reading import Reader, Spoken, load_collection, stale_hosts

GROUP = "inventory"
SHORT = 0.3
"""Real seconds that a provider has: the inventory knows no hurried clock."""
LONGER = 1.0
"""Enough for a cloud that answers, on a slow machine too."""
UNKNOWN = (
    "…: {provider}… did not list its servers: …. Nothing is known of servers there from an earlier run. To go on "
    "without these hosts: -e fleet_accept_missing={provider}"
)
STALE = "{provider}… did not list its servers: …. Its … last known hosts (seen …) stay in the inventory, marked stale."


def reader(stage: Stage) -> Reader:
    """An inventory file for the providers of this stage, read in this process."""
    load_collection()
    stage.patch.setenv("XDG_CACHE_HOME", str(stage.folder / "cache"))
    spoken = Spoken()
    spoken.listen(stage.patch)
    folder = stage.folder / "inventory"
    folder.mkdir(exist_ok=True)
    return Reader(folder, spoken, {"providers": stage.accounts(), "fleet": FLEET, "filters": {"cluster": [CLUSTER]}})


def hosts(inventory: InventoryManager) -> dict[str, dict[str, Any]]:
    """Variables of every host, without what Ansible adds."""
    return {name: dict(host.vars) for name, host in inventory.hosts.items()}


def never_silent(stage: Stage, case: FaultCase) -> None:
    """Known hosts are marked, unknown ones end the command, and afterwards everything is as before."""
    plays.stand(stage, case.before)
    ours = {server.name for server in stage.ours()}
    read = reader(stage)

    for fault in case.faults:
        stage.fault(fault)
    said = read.refused(timeout=SHORT)
    assert reads(UNKNOWN, stage.facts, said), f"I3: {said}"
    stage.mend()

    before = hosts(read.read())
    assert set(before) == ours, "I1"

    read.spoken.warnings.clear()
    for fault in case.faults:
        stage.fault(fault)
    served = read.read(timeout=SHORT)
    assert set(served.hosts) == ours, "I2: a host is missing, and the command says success"
    assert stale_hosts(served) == ours, "I2: hosts that nobody saw are not marked"
    assert set(served.groups["stale"].get_hosts()) == set(served.groups["unreachable_provider"].get_hosts())
    assert any(reads(STALE, stage.facts, warning) for warning in read.spoken.warnings), f"I3: {read.spoken.warnings}"
    said += read.refused(timeout=SHORT, strict_providers=True)
    stage.mend()

    assert hosts(read.read()) == before, "I8"
    assert stage.writes() == []
    kept = [path.read_text() for path in (stage.folder / "cache").rglob("*.json")]
    assert stage.leaks(said, *read.spoken.warnings, *read.spoken.errors, *kept) == [], "I5"
    assert stage.strangers_touched() == [], "I7"


def unnoticed(stage: Stage, case: FaultCase) -> None:
    """What passes within the time is not noticed."""
    plays.stand(stage, case.before)
    read = reader(stage)
    for fault in case.faults:
        stage.fault(fault)

    inventory = read.read()

    assert set(inventory.hosts) == {server.name for server in stage.ours()}
    assert (stale_hosts(inventory), read.spoken.warnings) == (set(), [])
    assert stage.strangers_touched() == []


def later_page_fails(stage: Stage, case: FaultCase) -> None:
    """A list of which a later page is missing is no shorter list."""
    plays.stand(stage, case.before)
    module, _colon, attribute = stage.profile.page.partition(":")
    package = registry.__name__.rpartition(".")[0]
    stage.patch.setattr(importlib.import_module(f"{package}.{module}"), attribute, 1)
    read = reader(stage)
    ours = {server.name for server in stage.ours()}
    assert set(read.read().hosts) == ours
    for fault in case.faults:
        stage.fault(fault)

    assert stale_hosts(read.read(timeout=SHORT)) == ours

    stage.mend()
    assert stale_hosts(read.read()) == set()


def empty_rightly(stage: Stage, case: FaultCase) -> None:
    """A cloud that has no server of ours is no missing cloud, and the other one's hosts are there."""
    plays.stand(stage, case.before)
    partner = stage.case(stage.partner)
    read = reader(stage)
    assert partner.name != stage.profile.provider

    inventory = read.read()

    assert set(inventory.hosts) == {server.name for server in stage.ours()}
    assert (stale_hosts(inventory), read.spoken.warnings) == (set(), [])


def other_cloud_goes_on(stage: Stage, case: FaultCase) -> None:
    """One cloud is away; the hosts of the other one are there, fresh, and only the first one's are marked."""
    assert stage.partner is not None
    mine = stage.pool(1)
    place, kind = stage.partner.first
    theirs = {
        "name": "other",
        "count": 1,
        "offers": [{"provider": stage.partner.provider, "location": place, "type": kind}],
    }
    assert stage.run([mine, theirs]).get("msg") is None
    read = reader(stage)
    assert len(read.read().hosts) == 2
    for fault in case.faults:
        stage.fault(fault)

    inventory = read.read(timeout=LONGER)

    assert len(inventory.hosts) == 2
    assert stale_hosts(inventory) == {stage.facts["node1"]}
    accepted = {"accept_missing": [stage.profile.provider]}
    assert len(read.read(timeout=LONGER, **accepted).hosts) == 2
    stage.mend()
    assert stale_hosts(read.read()) == set()


FAULTS = {
    "refuses connections": "{cloud} outage",
    "takes requests and never answers": "{cloud} stall",
    "resets every connection": "{cloud} reset-before",
    "cuts every answer short": "{cloud} cut-json",
    "has a proxy's error page for every request": "{cloud} html-502",
    "answers with a page of HTML and status 200": "{cloud} html-200",
    "answers every request with 500": "{cloud} 5xx status=500",
    "answers every request with 503": "{cloud} 5xx status=503",
    "has a rate limit for an hour": "{cloud} 429 retry_after=3600",
    "has a rate limit without a word on how long": "{cloud} 429",
    "refuses the credentials": "{cloud} unauthorized",
}
LISTED = "ansible-inventory --list, with and without hosts known from before"

CASES = (
    *(
        FaultCase(GROUP, f"a cloud {what}", (fault,), before=2, says=UNKNOWN, play=never_silent, ran=LISTED)
        for what, fault in FAULTS.items()
    ),
    FaultCase(
        GROUP,
        "a 503 once",
        ("{cloud} 5xx status=503 count=1",),
        before=1,
        play=unnoticed,
        ran="ansible-inventory --list",
    ),
    FaultCase(
        GROUP,
        "a connection reset once",
        ("{cloud} reset-before count=1",),
        before=1,
        play=unnoticed,
        ran="ansible-inventory --list",
    ),
    FaultCase(
        GROUP,
        "a later page of the list fails",
        ("{cloud} 5xx status=503 method=GET path={orders} skip=1",),
        before=3,
        says=STALE,
        play=later_page_fails,
        applies=has_pages,
        ran="ansible-inventory --list, with hosts known from before",
    ),
    FaultCase(
        GROUP,
        "a cloud has no server of ours, rightly",
        before=1,
        offers="elsewhere",
        play=empty_rightly,
        ran="ansible-inventory --list",
    ),
    FaultCase(
        GROUP,
        "one of two clouds is away",
        ("{cloud} outage",),
        offers="elsewhere",
        says=STALE,
        play=other_cloud_goes_on,
        ran="ansible-inventory --list, with hosts known from before",
    ),
)
