# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List prices as they were on a day: what a bill is reckoned with while a provider does not tell its prices.

EUR without VAT. A price from here always comes with its day, so that nobody takes it for today's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from ..model import HOURS_PER_MONTH


@dataclass(frozen=True)
class Listed:
    """Prices of one type: ``hour`` of the server alone, the rest per month as in ``Flavor``. ``as_of`` is an ISO date.

    ``month`` is the vendor's own monthly price, None where it has none.
    """

    hour: Decimal
    month: Decimal | None
    ipv4_month: Decimal
    disk_month: Decimal
    as_of: str


@dataclass(frozen=True)
class PriceList:
    """The list of one provider, and in words where it was read.

    ``servers`` holds price per hour and per month by type, ``month_hours`` how many hours such a month has. The root
    disk, where it is charged apart, is in ``disks`` by type or else ``disk_month``. ``off_is_free``: a server that is
    off costs no compute.
    """

    as_of: str
    source: str
    servers: Mapping[str, tuple[str, str]]
    month_hours: int = HOURS_PER_MONTH
    ipv4_month: str = "0"
    disk_month: str = "0"
    disks: Mapping[str, str] = field(default_factory=dict)
    off_is_free: bool = False


# What boots from block storage only gets a volume of its image's size, 10 GB at 0.08 each.
_SCALEWAY_BLOCK = "0.80"

LISTS: Mapping[str, PriceList] = {
    "hetzner": PriceList(
        "2026-09-04",
        "Hetzner's web pages, net prices",
        # Only the price per month is published there. It is a cap that 624 hours reach, so that is what an hour is.
        {
            "cx23": ("0.0088", "5.49"),
            "cx33": ("0.0136", "8.49"),
            "cx43": ("0.0256", "15.99"),
            "cx53": ("0.0473", "29.49"),
            "cax11": ("0.0096", "5.99"),
            "cpx12": ("0.0184", "11.49"),
            "cpx22": ("0.0312", "19.49"),
            "ccx13": ("0.0689", "42.99"),
        },
        month_hours=624,
        ipv4_month="0.50",
    ),
    "scaleway": PriceList(
        "2026-08-14",
        "Scaleway's public product catalogue, zone fr-par-1",
        {
            "DEV1-S": ("0.00898", "6.55"),
            "DEV1-M": ("0.0202", "14.74"),
            "DEV1-L": ("0.04284", "31.27"),
            "PLAY2-NANO": ("0.02754", "20.10"),
            "PRO2-XXS": ("0.0561", "40.95"),
            "BASIC2-A2C-4G": ("0.023", "16.79"),
            "BASIC3-X2C-4G": ("0.03945", "28.80"),
        },
        ipv4_month="2.92",
        disks=dict.fromkeys(("PLAY2-NANO", "PRO2-XXS", "BASIC2-A2C-4G", "BASIC3-X2C-4G"), _SCALEWAY_BLOCK),
        off_is_free=True,
    ),
    "ovhcloud": PriceList(
        "2026-08-14",
        "OVHcloud's public order catalogue, subsidiary DE",
        {
            "d2-2": ("0.0104", "7.59"),
            "d2-4": ("0.0206", "15.04"),
            "d2-8": ("0.0372", "27.16"),
            "b3-8": ("0.0512", "37.38"),
            "c3-4": ("0.0457", "33.36"),
            "b3-16": ("0.1023", "74.68"),
        },
    ),
    "stackit": PriceList(
        "2026-06-09",
        "STACKIT's price list 1.0.38, region eu01, months of 720 hours, disks without their performance class",
        {
            "c1.1": ("0.01827", "13.15"),
            "c2i.2": ("0.04329", "31.17"),
            "g1.1": ("0.03791", "27.30"),
            "g2i.1": ("0.05115", "36.83"),
            "g1.2": ("0.07582", "54.59"),
        },
        month_hours=720,
        ipv4_month="2.92",
        # 20 GB at 0.0000907638 an hour.
        disk_month="1.30699872",
    ),
}
"""By provider. A provider without a list has no prices but those that it tells itself."""


def listed(provider: str, server_type: str) -> Listed | None:
    """The list price of a type, None where no list has it."""
    prices = LISTS.get(provider)
    if prices is None or server_type not in prices.servers:
        return None
    hour, month = prices.servers[server_type]
    return Listed(Decimal(hour), Decimal(month), *beside(provider, server_type), prices.as_of)


def beside(provider: str, server_type: str) -> tuple[Decimal, Decimal]:
    """What public address and root disk of a server cost a month there, as far as a list tells."""
    prices = LISTS.get(provider)
    if prices is None:
        return Decimal(0), Decimal(0)
    return Decimal(prices.ipv4_month), Decimal(prices.disks.get(server_type, prices.disk_month))


def month_hours(provider: str) -> int:
    """How many of its hours a month of a server costs there at most."""
    prices = LISTS.get(provider)
    return HOURS_PER_MONTH if prices is None else prices.month_hours


def age_days(as_of: str, today: date) -> int:
    """How old a list is, in days."""
    return (today - date.fromisoformat(as_of)).days


def off_is_free(provider: str) -> bool:
    """Whether a server that is off costs no compute there; address and disk are charged everywhere."""
    prices = LISTS.get(provider)
    return prices is not None and prices.off_is_free
