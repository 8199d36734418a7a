"""What servers at OpenStack need beside themselves, made against the emulated services."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import requests

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Conflict,
    Permanent,
    Quota,
    Transient,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.model import (
    Firewall,
    Leftover,
    Offer,
    Opening,
    Owner,
    ServerSpec,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import (
    openstack_prereqs,
    openstack_presets,
    openstack_rules,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.openstack import (
    OpenStackDriver,
    OpenStackModule,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.openstack_marks import (
    group_marks,
    group_name,
    key_marks,
    key_name,
    key_text,
    marks_of,
)
from lab.cloud.testing import Emulator, emulator
from tests.contract.clock import HurriedClock

CLOUD = "ovhcloud"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEmZXTGRh1YqU2VnVzE4T3BlbnNzaEtleUZvclRlc3Rz ops@example.net"
RANGE = "10.64.0.0/16"
OWNER = Owner.of("lab", "dev-eu", "web", "dev-eu-web-1")
LABELS = {"fleet.id": "lab", "fleet.cluster": "dev-eu"}


@dataclass
class Region:
    """GRA11, as a person with the account sees it."""

    cloud: Emulator
    time: HurriedClock

    def driver(self) -> OpenStackDriver:
        """As if in a process of its own."""
        module = OpenStackModule(openstack_presets.OVHCLOUD)
        settings = {setting.name: setting.default for setting in module.SETTINGS} | self.cloud.providers[CLOUD]
        return module.connect(settings, clock=self.time.clock, sleep=self.time.sleep, deadline=None)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Past the driver; paths begin with the service."""
        base = self.cloud.endpoints[CLOUD].removesuffix("/identity/v3")
        account = self.cloud.credentials[CLOUD]
        user = {"name": account["username"], "domain": {"name": "Default"}, "password": account["password"]}
        scope = {"project": {"id": account["project_id"]}}
        auth = {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}
        token = requests.post(f"{base}/identity/v3/auth/tokens", json={"auth": auth}, timeout=5)
        headers = {"X-Auth-Token": token.headers["X-Subject-Token"]}
        answer = requests.request(method, f"{base}{path}", json=body, headers=headers, timeout=5)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def writes(self) -> list[str]:
        """Writing requests but logins, since the last clearing."""
        entries = self.cloud.requests.writes(CLOUD)
        return [f"{entry.method} {entry.path}" for entry in entries if not entry.path.startswith("/identity")]

    def counts(self) -> Any:
        """What there is of each kind."""
        return self.cloud.store.counts(CLOUD)


@pytest.fixture
def region() -> Iterator[Region]:
    with emulator() as cloud:
        yield Region(cloud, HurriedClock())


def _spec(ordinal: int = 1, **changes: Any) -> ServerSpec:
    name = f"dev-eu-web-{ordinal}"
    owner = Owner.of("lab", "dev-eu", "web", name)
    return replace(ServerSpec(name, owner, Offer(CLOUD, "GRA11", "d2-4")), **changes)


def _opened(*sources: str) -> Firewall:
    return Firewall((Opening("tcp", "22", sources),))


# ---- nothing is asked for what nobody wants


def test_a_plain_server_costs_one_look_at_its_image(region: Region) -> None:
    driver = region.driver()

    assert driver.prereq_changes(_spec()) == []
    driver.ensure_prereqs(_spec())

    paths = [entry.path.partition("?")[0] for entry in region.cloud.requests.entries(CLOUD)]
    assert paths == ["/identity/v3/auth/tokens", "/image/GRA11/v2/images"]


# ---- a run that is killed between making and marking


@pytest.mark.parametrize(
    ("path", "wish"),
    [("networks", {"network": RANGE}), ("security-groups", {"firewall": _opened("203.0.113.0/24")})],
)
def test_what_was_made_but_not_tagged_yet_is_known_again(region: Region, path: str, wish: dict[str, Any]) -> None:
    region.cloud.faults.add(CLOUD, "5xx", status=503, method="PUT", path=f"/network/GRA11/v2.0/{path}", count=6)
    with pytest.raises(Transient):
        region.driver().ensure_prereqs(_spec(**wish))
    before = region.counts()

    foreseen = region.driver().belongings(LABELS)
    region.driver().ensure_prereqs(_spec(**wish))

    assert [item.kind for item in foreseen] == ["network" if path == "networks" else "firewall"]
    assert region.counts() == before
    (thing,) = [
        item
        for item in region.ask("GET", f"/network/GRA11/v2.0/{path}")[path.replace("-", "_")]
        if item["name"].startswith("lab-")
    ]
    assert {"fleet.id=lab", "fleet.cluster=dev-eu"} <= set(thing["tags"])


def test_a_network_that_a_person_gives_to_the_fleet_by_tag_is_taken(region: Region) -> None:
    made = region.ask("POST", "/network/GRA11/v2.0/networks", {"network": {"name": "lab-dev-eu"}})["network"]
    with pytest.raises(Conflict, match="already has a network lab-dev-eu in GRA11"):
        region.driver().ensure_prereqs(_spec(network=RANGE))
    tags = {"tags": ["fleet.id=lab", "fleet.cluster=dev-eu", "team=ops"]}
    region.ask("PUT", f"/network/GRA11/v2.0/networks/{made['id']}/tags", tags)

    assert region.driver().ensure_prereqs(_spec(network=RANGE)).network == made["id"]

    (subnet,) = region.ask("GET", f"/network/GRA11/v2.0/subnets?network_id={made['id']}")["subnets"]
    assert (subnet["cidr"], subnet["gateway_ip"]) == (RANGE, None)


@pytest.mark.parametrize("kind", ["reset-after-commit", "cut-json", "html-502"])
@pytest.mark.parametrize(
    ("word", "path", "wish"),
    [
        ("network", "/network/GRA11/v2.0/networks", {"network": RANGE}),
        ("network", "/network/GRA11/v2.0/subnets", {"network": RANGE}),
        ("security_group", "/network/GRA11/v2.0/security-groups", {"firewall": _opened("203.0.113.0/24")}),
        ("security_group", "/network/GRA11/v2.0/security-group-rules", {"firewall": _opened("203.0.113.0/24")}),
        ("server_group", "/compute/GRA11/v2.1/os-server-groups", {"spread": True}),
        ("keypair", "/compute/GRA11/v2.1/os-keypairs", {"ssh_keys": (KEY,)}),
    ],
)
def test_a_lost_answer_makes_nothing_twice(
    region: Region, word: str, path: str, wish: dict[str, Any], kind: str
) -> None:
    region.cloud.faults.add(CLOUD, kind, method="POST", path=path, count=2)

    region.driver().ensure_prereqs(_spec(**wish))

    assert region.counts()[word] == 1
    assert region.driver().prereq_changes(_spec(**wish)) == []
    region.cloud.requests.clear()
    region.driver().ensure_prereqs(_spec(**wish))
    assert region.writes() == []


# ---- security groups


def test_a_new_rule_comes_before_an_old_one_goes(region: Region) -> None:
    region.driver().ensure_prereqs(_spec(firewall=_opened("203.0.113.0/24")))
    region.cloud.requests.clear()
    changed = _spec(firewall=_opened("198.51.100.0/24"), network=RANGE)

    (line,) = [line for line in region.driver().prereq_changes(changed) if line.startswith("firewall")]
    region.driver().ensure_prereqs(changed)

    assert line == (
        "firewall lab-dev-eu-web at ovhcloud/GRA11: adds everything from 10.64.0.0/16, tcp/22 from 198.51.100.0/24; "
        "removes tcp/22 from 203.0.113.0/24"
    )
    ours = [write.partition(" ")[0] for write in region.writes() if "security-group-rules" in write]
    assert ours == ["POST", "POST", "DELETE"]


def test_rules_are_read_as_they_are_written() -> None:
    firewall = Firewall(
        (
            Opening("tcp", "22", ("203.0.113.7", "2001:db8::/32")),
            Opening("udp", "41641-41650", ("0.0.0.0/0", "::/0")),
            Opening("icmp", "", ("0.0.0.0/0", "::/0")),
        )
    )
    wanted = openstack_rules.wanted_rules(firewall, RANGE)

    shown = [openstack_rules.rule_body(rule, "g")["security_group_rule"] for rule in wanted]

    assert openstack_rules.difference(shown, wanted) == ([], [])
    assert sorted(item["protocol"] for item in shown if "icmp" in item.get("protocol", "")) == ["icmp", "ipv6-icmp"]
    assert len(wanted) == 2 + 1 + 2 + 2 + 2


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"remote_ip_prefix": None}, True),
        ({"protocol": "icmpv6"}, True),
        ({"remote_group_id": "g2"}, False),
        ({"remote_address_group_id": "a1"}, False),
        ({"port_range_min": 128, "port_range_max": 0}, False),
    ],
)
def test_the_many_ways_to_say_any_are_one(changes: dict[str, Any], same: bool) -> None:
    wanted = openstack_rules.wanted_rules(Firewall((Opening("icmp", "", ("::/0",)),)), "")
    shown = {"direction": "ingress", "ethertype": "IPv6", "protocol": "ipv6-icmp", "remote_ip_prefix": "::/0"}

    assert (openstack_rules.read_rule({**shown, **changes}) in wanted) is same


# ---- server groups


def _ordered(driver: OpenStackDriver, *ordinals: int) -> None:
    for ordinal in ordinals:
        wished = _spec(ordinal, spread=True)
        driver.create_node(wished, driver.ensure_prereqs(wished))


def _members(region: Region) -> dict[str, int]:
    groups = region.ask("GET", "/compute/GRA11/v2.1/os-server-groups")["server_groups"]
    return {group["name"]: len(group["members"]) for group in groups}


@pytest.fixture
def groups_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openstack_prereqs.Prerequisites, "_group_size", lambda _self, _region: 2)


def test_a_pool_that_is_larger_than_a_group_gets_another_one(region: Region, groups_of_two: None) -> None:
    driver = region.driver()

    _ordered(driver, 1, 2, 3, 4, 5)

    assert _members(region) == {group_name(OWNER, 1): 2, group_name(OWNER, 2): 2, group_name(OWNER, 3): 1}
    assert len([item for item in driver.belongings(LABELS) if item.kind == "placement_group"]) == 3


def test_seats_that_servers_of_other_runs_have_are_counted(region: Region, groups_of_two: None) -> None:
    _ordered(region.driver(), 1, 2, 3)

    _ordered(region.driver(), 4, 5)

    assert _members(region) == {group_name(OWNER, 1): 2, group_name(OWNER, 2): 2, group_name(OWNER, 3): 1}


def test_a_second_try_of_one_server_takes_no_second_seat(region: Region, groups_of_two: None) -> None:
    driver = region.driver()
    wished = _spec(spread=True)
    refs = driver.ensure_prereqs(wished)
    region.cloud.faults.add(CLOUD, "quota", count=3)
    for _try in range(3):
        with pytest.raises(Quota):
            driver.create_node(wished, refs)

    driver.create_node(wished, refs)

    assert _members(region) == {group_name(OWNER): 1}


def test_a_full_group_is_no_reason_to_make_another_one_before_something_is_ordered(
    region: Region, groups_of_two: None
) -> None:
    _ordered(region.driver(), 1, 2)
    region.cloud.requests.clear()

    for ordinal in (1, 2):
        assert region.driver().prereq_changes(_spec(ordinal, spread=True)) == []
        assert region.driver().ensure_prereqs(_spec(ordinal, spread=True)).made == ()
    assert region.writes() == []


def test_the_size_of_groups_is_what_the_cloud_says(region: Region) -> None:
    driver = region.driver()
    _ordered(driver, 1, 2)

    limits = [entry for entry in region.cloud.requests.entries(CLOUD) if entry.path.endswith("/limits")]
    assert len(limits) == 1
    assert _members(region) == {group_name(OWNER): 2}


def test_a_groups_name_proves_whose_it_is() -> None:
    policies = {"policies": ["anti-affinity"]}
    marks = {**LABELS, "fleet.pool": "web"}

    for number in (1, 2, 10):
        assert group_marks({"name": group_name(OWNER, number), **policies}, "lab") == marks
    assert group_marks({"name": group_name(OWNER), "policy": "anti-affinity"}, "lab") == marks
    for name in ("lab-dev-eu-web", "lab-dev-eu-web-00000000", group_name(OWNER).replace("web", "wax"), "lab-", ""):
        assert group_marks({"name": name, **policies}, "lab") == {}
    assert group_marks({"name": group_name(OWNER), **policies}, "lab-dev") == {}
    assert group_marks({"name": group_name(OWNER), "policies": ["affinity"]}, "lab") == {}


# ---- SSH keys


def test_a_key_that_is_there_by_another_name_is_used(region: Region) -> None:
    named = {"keypair": {"name": "ops", "public_key": KEY.replace("ops@example.net", "somebody")}}
    region.ask("POST", "/compute/GRA11/v2.1/os-keypairs", named)

    for key in (KEY, "ops"):
        assert region.driver().ensure_prereqs(_spec(ssh_keys=(key,))).ssh_keys == ("ops",)
    assert region.driver().belongings(LABELS) == [], "a person's key is not ours"


def test_an_uploaded_key_carries_its_marks_as_comment(region: Region) -> None:
    region.driver().ensure_prereqs(_spec(ssh_keys=(KEY,)))

    (pair,) = region.ask("GET", "/compute/GRA11/v2.1/os-keypairs")["keypairs"]
    assert pair["keypair"]["name"] == key_name(OWNER, KEY)
    assert pair["keypair"]["public_key"].endswith(" fleet.id=lab fleet.cluster=dev-eu")
    assert key_marks(pair["keypair"]) == LABELS
    assert key_marks({"name": "other", "public_key": key_text(OWNER, KEY)}) == {}
    assert key_marks({"name": key_name(OWNER, KEY), "public_key": KEY}) == {}


def test_another_key_of_the_name_that_ours_would_have_is_left_alone(region: Region) -> None:
    other = {"keypair": {"name": key_name(OWNER, KEY), "public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA x"}}
    region.ask("POST", "/compute/GRA11/v2.1/os-keypairs", other)

    with pytest.raises(Conflict, match="and it is another one"):
        region.driver().ensure_prereqs(_spec(ssh_keys=(KEY,)))


def test_a_server_takes_one_key(region: Region) -> None:
    with pytest.raises(Permanent, match="takes one SSH key, not 2"):
        region.driver().ensure_prereqs(_spec(ssh_keys=(KEY, "ops")))


# ---- belongings


def test_volumes_addresses_and_balancers_of_others_under_our_mark_are_told_and_can_go(region: Region) -> None:
    volumes = f"/volume/GRA11/v3/{region.cloud.credentials[CLOUD]['project_id']}/volumes"
    networks = region.ask("GET", "/network/GRA11/v2.0/networks")["networks"]
    outside = next(network["id"] for network in networks if network["router:external"])
    region.ask("POST", volumes, {"volume": {"size": 1, "name": "data", "metadata": LABELS}})
    region.ask("POST", volumes, {"volume": {"size": 1, "name": "strange"}})
    address = {"floatingip": {"floating_network_id": outside, "description": "fleet.id=lab fleet.cluster=dev-eu"}}
    region.ask("POST", "/network/GRA11/v2.0/floatingips", address)
    subnets = region.ask("GET", f"/network/GRA11/v2.0/subnets?network_id={outside}")["subnets"]
    balancer = {"name": "ingress", "vip_subnet_id": subnets[0]["id"], "tags": ["fleet.id=lab", "fleet.cluster=dev-eu"]}
    region.ask("POST", "/load-balancer/GRA11/v2/lbaas/loadbalancers", {"loadbalancer": balancer})

    found = region.driver().belongings(LABELS)

    assert [item.kind for item in found] == ["load_balancer", "address", "disk"]
    assert {(item.provider, item.location, item.billable, item.made_by_us) for item in found} == {
        (CLOUD, "GRA11", True, False)
    }
    assert all(item.name for item in found)
    for item in found:
        region.driver().remove_leftover(item)
    assert region.driver().belongings({"fleet.id": "lab"}) == []
    assert region.counts()["volume"] == 1
    assert region.driver().belongings({"fleet.id": "lab", "fleet.cluster": "other"}) == []


def test_a_part_that_fails_fails_the_whole(region: Region) -> None:
    region.cloud.faults.add(CLOUD, "5xx", status=503, method="GET", path="/volume/SBG5")

    with pytest.raises(Transient, match="503"):
        region.driver().belongings(LABELS)


def test_removing_what_is_gone_is_success(region: Region) -> None:
    for kind in ("load_balancer", "address", "disk", "placement_group", "firewall", "network", "ssh_key"):
        number = "00000000-0000-4000-8000-000000000009"
        region.driver().remove_leftover(Leftover(CLOUD, kind, number, "gone", "GRA11"))


def test_marks_are_read_from_tags_words_and_metadata() -> None:
    assert marks_of({"tags": ["fleet.id=a", "plain", "team=b=c"], "description": "by hand"}) == {
        "fleet.id": "a",
        "team": "b=c",
    }
    assert marks_of({"description": "fleet.id=a fleet.cluster=b x=y", "tags": None}) == {
        "fleet.id": "a",
        "fleet.cluster": "b",
    }
    assert marks_of({"metadata": {"fleet.id": "a"}}) == {"fleet.id": "a"}
