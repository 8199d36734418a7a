"""What GET requests/{id} tells of an order: its state follows from the object that it was about."""

from __future__ import annotations

import uuid

from lab.cloud.stackit.answers import not_found
from lab.cloud.store import Put, Store
from lab.cloud.wire import JsonObject


def request_for(region: str, action: str, kind: str, number: str) -> Put:
    """Give the row of a request (CREATE or DELETE of a server or network) to be written with what it does."""
    request_id = f"req-{uuid.uuid4().hex}"
    return ("request", request_id, {"action": action, "kind": kind, "object": number, "_region": region})


def request_view(store: Store, region: str, request_id: str) -> JsonObject:
    """Show a request, or raise 404."""
    row = store.get("request", request_id)
    if row is None or row["_region"] != region:
        raise not_found("request", request_id)
    status = _status(row, store.get(row["kind"], row["object"]))
    kind = row["kind"].upper()
    return {
        "requestId": request_id,
        "requestAction": row["action"],
        "requestType": kind,
        "status": status,
        "resources": [{"id": row["object"], "type": kind, "status": status}],
    }


def _status(row: JsonObject, about: JsonObject | None) -> str:
    if row["action"] == "DELETE":
        return "DELETING" if about else "DELETED"
    if about is None:
        return "DELETED"
    return {"CREATING": "CREATING", "ERROR": "FAILED", "FAILED": "FAILED"}.get(about["status"], "CREATED")
