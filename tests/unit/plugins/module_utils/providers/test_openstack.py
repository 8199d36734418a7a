"""OpenStack: a cloud is data, an order is one request, and what Nova says to it has a class."""

from __future__ import annotations

import base64
import pathlib
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import (
    Ambiguous,
    Capacity,
    NotFound,
    Permanent,
    Quota,
)
from ansible_collections.sovereign.fleet.plugins.module_utils.model import Offer, Refs
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import openstack_presets
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.openstack import OpenStackModule
from lab.cloud.testing import emulator
from tests.unit.plugins.module_utils.providers.openstack_nova import Nova
from tests.unit.plugins.module_utils.providers.openstack_project import (
    PRESET,
    Parts,
    Project,
    Said,
    connect,
    server,
    spec,
)


@pytest.fixture
def project() -> Project:
    return Project()


@pytest.fixture
def nova(project: Project) -> Nova:
    return Nova(project)


@pytest.fixture
def parts(project: Project, nova: Nova, time: Any) -> Parts:
    return connect(project, time)


# ---- a cloud is data


def test_a_cloud_that_no_code_knows_works_by_its_preset_alone(time: Any) -> None:
    preset = replace(
        PRESET,
        name="third",
        title="Third",
        places={"GRA9": openstack_presets.Place("west", "FR")},
        image="Debian 12",
        public_network="Ext-Net",
        catalogue=openstack_presets.OVHCLOUD.catalogue,
    )
    module = OpenStackModule(preset)
    with emulator() as cloud:
        account = {setting.name: setting.default for setting in module.SETTINGS} | cloud.providers["ovhcloud"]
        driver = module.connect(account, clock=time.clock, sleep=time.sleep, deadline=None)
        wished = spec(offer=Offer("third", "GRA9", "d2-4"))
        pending = driver.create_node(wished, driver.ensure_prereqs(wished))
        for _look in range(200):
            event = driver.poll([pending])[0]
            if event.done:
                break
            cloud.settle()
        flavors = {flavor.name: flavor for flavor in driver.catalog(driver.scopes()[0])}

    assert event.node is not None
    assert (event.node.provider, event.node.location, event.node.region) == ("third", "GRA9", "west")
    assert (driver.name, driver.caps.title, event.node.type, event.node.country) == ("third", "Third", "d2-4", "FR")
    assert flavors["d2-4"].price_hour == Decimal("0.0206")


def test_the_driver_knows_no_cloud_by_its_name() -> None:
    folder = pathlib.Path(openstack_presets.__file__).parent
    names = {value.name for value in vars(openstack_presets).values() if isinstance(value, type(PRESET))}
    assert names == {"ovhcloud", "infomaniak"}
    for path in folder.glob("openstack*.py"):
        if path.name == "openstack_presets.py":
            continue
        code = "\n".join(line for line in path.read_text(encoding="utf-8").splitlines() if '"' in line)
        assert not [name for name in names if f'"{name}"' in code], path.name


@pytest.mark.parametrize("preset", [openstack_presets.OVHCLOUD, openstack_presets.INFOMANIAK])
def test_the_variables_of_openstack_belong_to_one_cloud_only(preset: openstack_presets.Preset) -> None:
    variables = [setting.env for setting in preset.settings if setting.env]

    assert bool(variables) is preset.environment
    assert all(variable.startswith("OS_") for variable in variables)
    secret = {setting.name for setting in preset.settings if setting.secret}
    assert secret == {"password", "application_credential_secret"}
    assert [name for name, scope in preset.caps.locations.items() if scope.name != name or not scope.country] == []
    encoded = base64.b64encode(b"x" * preset.caps.max_user_data)
    assert len(encoded) <= 65535 < len(base64.b64encode(b"x" * (preset.caps.max_user_data + 1)))


# ---- ordering


def test_an_order_is_one_request_with_everything_in_it(parts: Parts, project: Project, nova: Nova) -> None:
    refs = Refs(image="i1", ssh_keys=("key",), network="n2", firewall="g1", placement_group="p1")
    project.on("GET", "compute", "/limits", {"limits": {"absolute": {"maxServerGroupMembers": 10}}})
    project.on("GET", "compute", "/os-server-groups", {"server_groups": []})

    pending = parts.driver.create_node(spec(labels={"fleet.revision": "r"}), refs)

    assert (pending.id, pending.location, pending.node and pending.node.owner) == ("new-1", "r1", spec().owner)
    (body,) = nova.orders
    assert body == {
        "server": {
            "name": "dev-eu-web-1",
            "flavorRef": "f1",
            "imageRef": "i1",
            "metadata": {"fleet.revision": "r", **spec().owner.labels()},
            "networks": [{"uuid": "n1"}, {"uuid": "n2"}],
            "config_drive": True,
            "user_data": base64.b64encode(b"#cloud-config\n").decode(),
            "key_name": "key",
            "security_groups": [{"name": "g1"}],
        },
        "os:scheduler_hints": {"group": "p1"},
    }


def test_what_all_orders_share_is_looked_up_once(parts: Parts, project: Project) -> None:
    for ordinal in range(1, 11):
        parts.driver.create_node(spec(ordinal), parts.driver.ensure_prereqs(spec(ordinal)))

    reads = [asked.path for asked in project.requests("GET")]
    assert sorted(reads) == ["/flavors/detail", "/images", "/networks"]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (Said(403, {"forbidden": {"code": 403, "message": "Quota exceeded for instances: 1 of 1"}}), Quota),
        (Said(400, {"badRequest": {"code": 400, "message": "Flavor f1 could not be found."}}), NotFound),
        (Said(400, {"badRequest": {"code": 400, "message": "Invalid key_name provided."}}), Permanent),
        (Said(400, {"badRequest": {"code": 400, "message": "No fixed IP addresses available"}}), Capacity),
        (Said(500, {"computeFault": {"code": 500, "message": "oops"}}), Ambiguous),
        (Said(202, {}), Ambiguous),
    ],
)
def test_what_nova_says_to_an_order(parts: Parts, project: Project, said: Said, kind: type[Exception]) -> None:
    project.on("POST", "compute", "/servers", said)

    with pytest.raises(kind) as caught:
        parts.driver.create_node(spec(), Refs(image="i1"))

    assert caught.type is kind
    assert len(project.requests("POST", "compute")) == 1


def test_user_data_is_never_repeated(parts: Parts, project: Project) -> None:
    token = base64.b64encode(b"join-token").decode()
    message = f"Invalid input for field/attribute user_data. Value: {token}. '{token}' is too long"
    project.on("POST", "compute", "/servers", Said(400, {"badRequest": {"code": 400, "message": message}}))

    with pytest.raises(Permanent) as caught:
        parts.driver.create_node(spec(user_data="join-token"), Refs(image="i1"))

    assert token not in str(caught.value)
    assert "user_data" in str(caught.value)


def test_a_type_that_is_not_sold_is_not_even_ordered(parts: Parts, nova: Nova) -> None:
    wished = spec(offer=Offer("north", "r1", "huge"))

    with pytest.raises(NotFound, match=r"North does not sell the type huge in r1 \(any more\)"):
        parts.driver.create_node(wished, Refs(image="i1"))

    assert nova.orders == []


def test_an_image_goes_by_name_or_by_id_and_the_newest_public_one_is_taken(parts: Parts, project: Project) -> None:
    number = "00000000-0000-4000-8000-00000000000a"
    images = [
        {"id": "old", "name": "Ubuntu", "status": "active", "visibility": "public", "created_at": "2026-01-01"},
        {"id": "new", "name": "Ubuntu", "status": "active", "visibility": "public", "created_at": "2026-09-01"},
        {"id": "mine", "name": "Ubuntu", "status": "active", "visibility": "private", "created_at": "2026-10-01"},
        {"id": number, "name": "Own", "status": "active", "visibility": "private"},
        {"id": "sick", "name": "Sick", "status": "queued", "visibility": "public"},
    ]
    project.on("GET", "image", "/images", {"images": images})

    assert parts.driver.ensure_prereqs(spec()).image == "new"
    by_id = spec(offer=Offer("north", "r1", "small", number))
    assert parts.driver.ensure_prereqs(by_id).image == number
    for name in ("Sick", "None"):
        with pytest.raises(NotFound, match=rf"North has no image '{name}' in r1; the offer was north/r1/small"):
            parts.driver.ensure_prereqs(spec(offer=Offer("north", "r1", "small", name)))


def test_a_region_without_a_public_network_is_no_place_for_a_server(parts: Parts, project: Project) -> None:
    project.on("GET", "network", "/networks", {"networks": []})

    with pytest.raises(Permanent, match="shows this project no network outside in r1"):
        parts.driver.create_node(spec(), Refs(image="i1"))


# ---- claims


def test_marking_merges_metadata(parts: Parts, nova: Nova) -> None:
    nova.put(server("a", metadata={"team": "ops", "fleet.id": "lab"}))
    (node,) = parts.driver.list_nodes(parts.driver.scopes()[0], None)
    parts.project.on("POST", "compute", "/servers/a/metadata", {"metadata": {}})

    marked = parts.driver.mark(node, spec().owner)

    assert marked.owner == spec().owner
    assert marked.labels == {"team": "ops", **spec().owner.labels()}
    assert parts.project.requests("POST", "compute")[0].body == {"metadata": spec().owner.labels()}
