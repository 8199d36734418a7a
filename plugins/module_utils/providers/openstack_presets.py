# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between clouds that run OpenStack: names, places, images and prices. A cloud is a value, not code.

The driver is told everything that it has to know of a cloud by its preset, and asks the cloud for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ..model import Scope
from .base import Capabilities, Setting

MAX_USER_DATA = 65535 // 4 * 3
"""Nova takes 65535 characters of base64, four for three bytes."""


@dataclass(frozen=True)
class Place:
    """An OpenStack region as Kubernetes sees it. ``country`` is an ISO code.

    ``zones``: its availability zones are failure domains of their own, so that a node's zone is one of them; else the
    region is one zone. ``plan`` is what the price catalogue appends to a plan that is only sold there.
    """

    region: str
    country: str
    zones: bool = False
    plan: str = ""


@dataclass(frozen=True)
class Catalogue:
    """A public order catalogue: a list of plans, each with its price in fractions of the currency.

    ``plan`` is the code of a type's plan, with its ``{type}``; so many of ``fraction`` make one unit of the currency.
    """

    endpoint: str
    path: str
    query: Mapping[str, str]
    plan: str
    fraction: int


@dataclass(frozen=True)
class Preset:
    """One cloud. ``public_network`` is the network whose addresses are public and that a server can be attached to.

    ``environment``: its account is read from the variables OS_*, which can be those of one cloud only.
    """

    name: str
    title: str
    auth_url: str
    places: Mapping[str, Place]
    image: str
    public_network: str
    currency: str = "EUR"
    environment: bool = False
    catalogue: Catalogue | None = None

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """The keys of an account."""
        credential = "application_credential_id"
        prices = self.catalogue.endpoint if self.catalogue else ""
        return (
            Setting("endpoint", self._env("AUTH_URL"), "address of Keystone", required=False, default=self.auth_url),
            Setting("username", self._env("USERNAME"), "name of a user of the project", unless=credential),
            Setting("password", self._env("PASSWORD"), "password of that user", secret=True, unless=credential),
            Setting("project_id", self._env("PROJECT_ID"), "id of the project", unless=credential),
            Setting(
                "user_domain", self._env("USER_DOMAIN_NAME"), "domain of the user", required=False, default="Default"
            ),
            Setting(
                credential,
                self._env("APPLICATION_CREDENTIAL_ID"),
                "id of an application credential, in place of a user",
                required=False,
            ),
            Setting(
                "application_credential_secret",
                self._env("APPLICATION_CREDENTIAL_SECRET"),
                "secret of the application credential",
                secret=True,
                required=False,
            ),
            Setting("price_endpoint", "", "base URL of the price catalogue", required=False, default=prices),
        )

    @cached_property
    def caps(self) -> Capabilities:
        """What is fixed about the cloud."""
        return Capabilities(
            title=self.title,
            locations={
                name: Scope(self.name, name, place.region, place.country) for name, place in self.places.items()
            },
            default_image=self.image,
            provider_id_prefix="openstack:///",
            max_user_data=MAX_USER_DATA,
            unique_names=False,
            leaves_parts=False,
            max_ssh_keys=1,
        )

    def where(self, *names: str) -> str:
        """Where a person sets these keys, in the words of messages."""
        options = f"providers.{self.name}.{' and '.join(names)}"
        known = {setting.name: setting.env for setting in self.settings}
        variables = [known[name] for name in names if known[name]]
        return f"{' and '.join(variables)}, or {options}" if variables else options

    def _env(self, name: str) -> str:
        return f"OS_{name}" if self.environment else ""


OVHCLOUD = Preset(
    name="ovhcloud",
    title="OVHcloud",
    auth_url="https://auth.cloud.ovh.net/v3",
    places={
        "GRA7": Place("GRA", "FR"),
        "GRA9": Place("GRA", "FR"),
        "GRA11": Place("GRA", "FR"),
        "SBG5": Place("SBG", "FR"),
        "SBG7": Place("SBG", "FR"),
        "RBX-A": Place("RBX", "FR"),
        "DE1": Place("DE", "DE"),
        "WAW1": Place("WAW", "PL"),
        "UK1": Place("UK", "GB"),
        "EU-WEST-PAR": Place("EU-WEST-PAR", "FR", zones=True, plan=".3AZ"),
        "EU-SOUTH-MIL": Place("EU-SOUTH-MIL", "IT", zones=True, plan=".3AZ"),
    },
    image="Ubuntu 24.04",
    public_network="Ext-Net",
    environment=True,
    catalogue=Catalogue(
        endpoint="https://api.ovh.com/v1",
        path="/order/catalog/public/cloud",
        query={"ovhSubsidiary": "DE"},
        plan="{type}.consumption",
        fraction=100_000_000,
    ),
)
"""OVHcloud Public Cloud, its regions in Europe. Public IPv4 and root disk are part of a server's price."""

INFOMANIAK = Preset(
    name="infomaniak",
    title="Infomaniak",
    auth_url="https://api.pub1.infomaniak.cloud/identity/v3",
    places={"dc3-a": Place("dc3-a", "CH"), "dc4-a": Place("dc4-a", "CH")},
    image="Ubuntu 24.04 LTS Noble Numbat",
    public_network="ext-net1",
    currency="CHF",
)
"""Infomaniak Public Cloud. It publishes no prices that a program could read."""
