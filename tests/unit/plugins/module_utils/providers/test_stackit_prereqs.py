"""What servers at STACKIT need: rules, names that prove an owner, and things that two runs make at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import NotFound, Permanent, Transient
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Firewall, Offer, Opening, Owner
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import stackit_rules as rules
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.stackit_names import group_name, is_our_group
from tests.unit.plugins.module_utils.providers.stackit_account import Account, account, spec

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEmZXTGRh1YqU2VnVzE4T3BlbnNzaEtleUZvclRlc3Rz"
OUT = {("egress", "IPv4", "", "", ""), ("egress", "IPv6", "", "", "")}


@pytest.fixture
def project() -> Iterator[Account]:
    with account() as opened:
        yield opened


# ---- rules


@pytest.mark.parametrize(
    ("opening", "expected"),
    [
        pytest.param(
            Opening("tcp", "22", ("203.0.113.0/24",)),
            {("ingress", "IPv4", "tcp", "22-22", "203.0.113.0/24")},
            id="one port from one range",
        ),
        pytest.param(
            Opening("udp", "41641-41650", ("0.0.0.0/0", "::/0")),
            {("ingress", "IPv4", "udp", "41641-41650", ""), ("ingress", "IPv6", "udp", "41641-41650", "")},
            id="ports from everywhere",
        ),
        pytest.param(
            Opening("icmp", "", ("0.0.0.0/0", "2001:db8::/32")),
            {("ingress", "IPv4", "icmp", "", ""), ("ingress", "IPv6", "ipv6-icmp", "", "2001:db8::/32")},
            id="icmp, which is another protocol in IPv6",
        ),
    ],
)
def test_openings_become_rules_beside_everything_out(opening: Opening, expected: set[rules.Rule]) -> None:
    assert rules.wanted_rules(Firewall((opening,)), "") == OUT | expected


def test_nodes_of_one_private_network_may_talk() -> None:
    assert rules.wanted_rules(Firewall(), "10.64.0.0/16") == OUT | {("ingress", "IPv4", "", "", "10.64.0.0/16")}


@pytest.mark.parametrize(
    ("shown", "rule"),
    [
        pytest.param({"direction": "egress"}, ("egress", "IPv4", "", "", ""), id="as little as can be"),
        pytest.param(
            {"direction": "ingress", "ethertype": "IPv6", "ipRange": "::/0", "protocol": {"name": "tcp", "number": 6}},
            ("ingress", "IPv6", "tcp", "", ""),
            id="any source, written out",
        ),
        pytest.param(
            {"direction": "ingress", "ipRange": None, "portRange": {"min": 22, "max": 22}, "protocol": {"number": 132}},
            ("ingress", "IPv4", "132", "22-22", ""),
            id="a protocol that has only a number",
        ),
        pytest.param(
            {"direction": "ingress", "ethertype": "IPv4", "remoteSecurityGroupId": "g"},
            ("ingress", "IPv4", "", "", "group g"),
            id="from a group, which we never write",
        ),
    ],
)
def test_a_rule_is_read_whichever_way_it_is_written(shown: dict[str, Any], rule: rules.Rule) -> None:
    assert rules.read_rule(shown) == rule


def test_a_rule_that_is_there_twice_is_too_many_once() -> None:
    wanted = rules.wanted_rules(Firewall(), "")
    there = [{"id": str(number), "direction": "egress", "ethertype": "IPv4"} for number in (1, 2)]

    missing, surplus = rules.difference(there, wanted)

    assert (missing, [item["id"] for item in surplus]) == ([("egress", "IPv6", "", "", "")], ["2"])
    assert rules.in_words(missing, surplus) == ("adds everything to ::/0", "removes everything to 0.0.0.0/0")


def test_rules_are_told_as_people_write_them(project: Account) -> None:
    wish = spec(firewall=Firewall((Opening("tcp", "22", ("203.0.113.0/24",)),)))
    project.driver().ensure_prereqs(wish)
    changed = spec(firewall=Firewall((Opening("tcp", "443-445", ("0.0.0.0/0",)),)))

    assert project.driver().prereq_changes(changed) == [
        "firewall lab-dev-web at stackit: adds tcp/443-445 from 0.0.0.0/0",
        "firewall lab-dev-web at stackit: removes tcp/22 from 203.0.113.0/24",
    ]


def test_a_rule_whose_answer_was_lost_is_there_once(project: Account) -> None:
    path = "/v2/projects/00000000-0000-4000-8000-000000000005/regions/eu01/security-groups/"
    project.cloud.faults.add("stackit", "reset-after-commit", method="POST", path=path, count=1)

    refs = project.driver().ensure_prereqs(spec(firewall=Firewall((Opening("udp", "53", ("192.0.2.0/24",)),))))

    (group,) = [item for item in project.items("security-groups") if item["id"] == refs.firewall]
    assert len([rule for rule in group["rules"] if rule["direction"] == "ingress"]) == 2


# ---- names that prove whose a group is


def test_an_affinity_group_is_known_by_its_name_whatever_dashes_are_in_it() -> None:
    ours = spec(owner=Owner.of("lab", "dev-eu", "web-a", "n"))
    theirs = spec(owner=Owner.of("lab-dev", "eu", "web-a", "n"))

    assert group_name(ours).startswith("lab-dev-eu-web-a-")
    assert group_name(ours) != group_name(theirs)
    assert is_our_group(group_name(ours), "lab", "dev-eu")
    assert is_our_group(group_name(ours), "lab", "")
    assert not is_our_group(group_name(ours), "lab", "dev")
    assert not is_our_group(group_name(theirs), "lab", "")
    assert not is_our_group("lab-dev-eu-web-a", "lab", "dev-eu")
    assert not is_our_group("somebody-elses", "lab", "")


# ---- images and keys


def test_an_image_goes_by_name_or_id_and_is_looked_up_once_a_region(project: Account) -> None:
    driver = project.driver()
    debian = next(item for item in project.items("images") if item["name"] == "Debian 12")
    project.cloud.requests.clear()

    by_name = driver.ensure_prereqs(spec(offer=Offer("stackit", "eu01-1", "g1.2", "Debian 12")))
    by_id = driver.ensure_prereqs(spec(offer=Offer("stackit", "eu01-2", "g1.2", debian["id"])))

    assert by_name.image == by_id.image == debian["id"]
    assert len(project.requests("GET", "/images")) == 1
    assert driver.ensure_prereqs(spec()).image not in ("", debian["id"])
    with pytest.raises(NotFound, match=r"no image 'no-such-image' in eu01 for the offer stackit/eu01-1/g1\.2"):
        driver.ensure_prereqs(spec(offer=Offer("stackit", "eu01-1", "g1.2", "no-such-image")))
    assert len(project.requests("GET", "/images")) == 1


def test_a_key_is_known_by_its_material_and_else_uploaded_under_a_name_of_ours(project: Account) -> None:
    project.ask("POST", "keypairs", {"name": "ops", "publicKey": f"{KEY} somebody@elsewhere"})

    assert project.driver().ensure_prereqs(spec(ssh_keys=(f"{KEY} ops@example.net",))).ssh_keys == ("ops",)
    assert project.driver().ensure_prereqs(spec(ssh_keys=("ops",))).ssh_keys == ("ops",)

    other = KEY.replace("RlVz", "RlVy").replace("VnVz", "VnVy")
    (line,) = [line for line in project.driver().prereq_changes(spec(ssh_keys=(other,))) if "key" in line]
    (name,) = project.driver().ensure_prereqs(spec(ssh_keys=(other,))).ssh_keys
    assert line == f"SSH key {name} at stackit"
    assert name.startswith("lab-dev-")
    (made,) = [item for item in project.ask("GET", "keypairs")["items"] if item["name"] == name]
    assert (made["publicKey"], made["labels"]) == (other, {"fleet.id": "lab", "fleet.cluster": "dev"})


def test_a_key_whose_upload_got_no_answer_is_found(project: Account) -> None:
    project.cloud.faults.add("stackit", "reset-after-commit", method="POST", path="/v2/keypairs", count=1)

    (name,) = project.driver().ensure_prereqs(spec(ssh_keys=(KEY,))).ssh_keys

    assert [item["name"] for item in project.ask("GET", "keypairs")["items"]] == [name]


def test_an_unknown_key_is_refused_before_anything_is_made(project: Account) -> None:
    with pytest.raises(Permanent, match="knows no SSH key 'nobody'") as caught:
        project.driver().ensure_prereqs(spec(ssh_keys=("nobody",)))

    assert caught.value.code == "unknown_ssh_key"
    assert project.requests("POST") == []


# ---- networks


def test_the_network_that_nobody_asked_for_belongs_to_the_cluster_and_any_range_will_do(project: Account) -> None:
    project.driver().ensure_prereqs(spec(network="10.64.0.0/16"))

    refs = project.driver().ensure_prereqs(spec())

    (network,) = project.items("networks")
    assert (network["id"], network["name"], network["ipv4"]["prefixes"]) == (refs.network, "lab-dev", ["10.64.0.0/16"])
    assert network["labels"] == {"fleet.id": "lab", "fleet.cluster": "dev"}


def test_of_two_networks_of_one_name_the_older_one_is_used(project: Account) -> None:
    labels = {"fleet.id": "lab", "fleet.cluster": "dev"}
    first, _second = (
        project.ask("POST", "networks", {"name": "lab-dev", "ipv4": {"prefixLength": 24}, "labels": labels})
        for _time in range(2)
    )
    project.cloud.settle()

    assert project.driver().ensure_prereqs(spec()).network == first["id"]
    assert len(project.items("networks")) == 2, "one that is not made by this run is not removed by it"


def test_a_network_whose_order_got_no_answer_is_found(project: Account) -> None:
    path = "/v2/projects/00000000-0000-4000-8000-000000000005/regions/eu01/networks"
    project.cloud.faults.add("stackit", "reset-after-commit", method="POST", path=path, count=1)

    refs = project.driver().ensure_prereqs(spec())

    assert [network["id"] for network in project.items("networks")] == [refs.network]


def test_a_network_that_fails_is_told(project: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = project.driver()
    items, one = type(driver._api).items, type(driver._api).one

    def making(api: Any, path: str, labels: Any = None, **query: str) -> Any:
        found = items(api, path, labels, **query)
        return [{**item, "status": "CREATING"} for item in found] if path.endswith("/networks") else found

    def failed(api: Any, path: str, **query: str) -> Any:
        return {**one(api, path, **query), "status": "FAILED"}

    monkeypatch.setattr(type(driver._api), "items", making)
    monkeypatch.setattr(type(driver._api), "one", failed)

    with pytest.raises(Permanent, match="could not make the network lab-dev"):
        driver.ensure_prereqs(spec())


def test_what_was_ordered_and_never_shows_up_ends_with_a_sentence(
    project: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = project.driver()
    items = type(driver._api).items
    monkeypatch.setattr(
        type(driver._api),
        "items",
        lambda api, path, *rest, **query: [] if path.endswith("/networks") else items(api, path, *rest, **query),
    )

    with pytest.raises(Transient, match="it was ordered, but is not there"):
        driver.ensure_prereqs(spec())

    assert len(project.requests("POST", "/networks")) == 1, "what was confirmed is not ordered again"


def test_what_a_look_has_shown_is_not_looked_at_again(project: Account) -> None:
    wish = spec(spread=True, network="10.64.0.0/16")
    project.driver().ensure_prereqs(wish)
    driver = project.driver()
    assert driver.prereq_changes(wish) == []
    project.cloud.requests.clear()

    driver.ensure_prereqs(wish)

    assert [entry.path.rpartition("/")[2] for entry in project.requests()] == ["images"]


def test_a_look_that_found_something_missing_does_not_keep_it_from_being_made(project: Account) -> None:
    driver = project.driver()
    (foreseen,) = driver.prereq_changes(spec())

    refs = driver.ensure_prereqs(spec())

    assert refs.made == (foreseen,) == ("network lab-dev at stackit",)
    assert refs.network
