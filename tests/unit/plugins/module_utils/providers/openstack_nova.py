"""The servers of an OpenStack region, with which a test does what it likes."""

from __future__ import annotations

from typing import Any

from ansible_collections.sovereign.fleet.plugins.module_utils.model import Event, Pending
from tests.unit.plugins.module_utils.providers.openstack_project import Asked, Parts, Project, Said, server, spec

FLAVORS = {"flavors": [{"id": "f1", "name": "small", "vcpus": 1, "ram": 2048, "disk": 20}]}
IMAGES = {"images": [{"id": "i1", "name": "Ubuntu", "status": "active", "visibility": "public"}]}
NETWORKS = {"networks": [{"id": "n1", "name": "outside", "router:external": True}]}
GONE = Said(404, {"itemNotFound": {"code": 404, "message": "Instance could not be found."}})


class Nova:
    """The servers of a region, with which a test does what it likes."""

    def __init__(self, project: Project) -> None:
        self.there: dict[str, dict[str, Any]] = {}
        self.orders: list[dict[str, Any]] = []
        self.deleted: list[str] = []
        self._project = project
        project.on("GET", "compute", "/servers/detail", lambda _asked: Said(200, {"servers": [*self.there.values()]}))
        project.on("GET", "compute", "/flavors/detail", FLAVORS)
        project.on("GET", "image", "/images", IMAGES)
        project.on("GET", "network", "/networks", NETWORKS)
        project.on("POST", "compute", "/servers", self._order)

    def _order(self, asked: Asked) -> Said:
        self.orders.append(asked.body)
        return Said(202, {"server": {"id": f"new-{len(self.orders)}"}})

    def put(self, *servers: dict[str, Any]) -> None:
        """Let these be there."""
        for item in servers:
            number = str(item["id"])
            self.there[number] = item
            path = f"/servers/{number}"
            self._project.on("GET", "compute", path, lambda _asked, number=number: self._show(number))
            self._project.on("DELETE", "compute", path, lambda _asked, number=number: self._delete(number))

    def take(self, number: str) -> None:
        """Let a server be gone."""
        self.there.pop(number, None)

    def _show(self, number: str) -> Said:
        return Said(200, {"server": self.there[number]}) if number in self.there else GONE

    def _delete(self, number: str) -> Said:
        self.deleted.append(number)
        self.there[number] = {**self.there[number], "OS-EXT-STS:task_state": "deleting"}
        return Said(204)


def order(parts: Parts, nova: Nova, created: str = "2026-11-21T10:00:00Z", **changes: Any) -> Pending:
    """An order that was taken and is listed since."""
    pending = parts.driver.create_node(spec(), parts.driver.ensure_prereqs(spec()))
    nova.put(server(pending.id, created, **changes))
    return pending


def look(parts: Parts, pending: Pending) -> Event:
    """One look at one server under way."""
    return parts.driver.poll([pending])[0]
