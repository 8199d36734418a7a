"""The bridge and the blackhole route: the route comes first and goes last, so that no packet of the lab ever leaves."""

from __future__ import annotations

from lab import plan
from lab.network.commands import batch, ip, listing

# Higher than any route the lab adds: it only catches what has no machine any more.
BLACKHOLE_METRIC = "4000"
LINK_PREFIX = "fleet-"


def up() -> None:
    """Adds the blackhole route, then the bridge with its address. Does nothing when both are there."""
    if not any(route.get("type") == "blackhole" for route in listing("route", "show", plan.RANGE)):
        ip("route", "add", "blackhole", plan.RANGE, "metric", BLACKHOLE_METRIC)
    if not any(link["ifname"] == plan.BRIDGE for link in listing("link", "show", "type", "bridge")):
        batch(
            [
                f"link add {plan.BRIDGE} type bridge",
                f"address add {plan.BRIDGE_ADDRESS}/{plan.MACHINES.prefixlen} dev {plan.BRIDGE}",
                f"link set {plan.BRIDGE} up",
            ]
        )


def down() -> None:
    """Removes every link, namespace and route of the lab, the blackhole route last."""
    for link in links():
        ip("link", "delete", link, check=False)
    for namespace in namespaces():
        ip("netns", "delete", namespace, check=False)
    ip("link", "delete", plan.BRIDGE, check=False)
    for route in listing("route", "show", "root", plan.RANGE):
        if route.get("type") != "blackhole":
            ip("route", "delete", route["dst"], check=False)
    ip("route", "delete", "blackhole", plan.RANGE, "metric", BLACKHOLE_METRIC, check=False)


def links() -> list[str]:
    """Names of the lab's links on the host, without the bridge."""
    return [link["ifname"] for link in listing("link", "show") if link["ifname"].startswith(LINK_PREFIX)]


def namespaces() -> list[str]:
    """Names of the lab's network namespaces."""
    return [entry["name"] for entry in listing("netns", "list") if entry["name"].startswith(LINK_PREFIX)]


def leftovers() -> list[str]:
    """What of the lab's network is there, in words; empty after `down`."""
    found = [f"link {name}" for name in links()] + [f"network namespace {name}" for name in namespaces()]
    found += [f"link {link['ifname']}" for link in listing("link", "show") if link["ifname"] == plan.BRIDGE]
    found += [f"route {route['dst']}" for route in listing("route", "show", "root", plan.RANGE)]
    return found
