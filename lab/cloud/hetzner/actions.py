"""Actions: the jobs that Hetzner's API answers with and that clients poll."""

from __future__ import annotations

from datetime import UTC, datetime

from lab.cloud.store import Put, Store
from lab.cloud.wire import JsonObject

KIND = "action"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def begun(store: Store, command: str, *resources: tuple[str, int]) -> JsonObject:
    """A new action that runs; the caller writes it together with what it is about."""
    return {
        "id": store.allocate(),
        "command": command,
        "status": "running",
        "progress": 0,
        "started": _now(),
        "finished": None,
        "resources": [{"id": number, "type": kind} for kind, number in resources],
        "error": None,
    }


def ended(action: JsonObject, error: JsonObject | None = None) -> JsonObject:
    """The action after its end; `error` is {code, message}."""
    return {
        **action,
        "status": "error" if error else "success",
        "progress": 100,
        "finished": _now(),
        "error": error,
    }


def put(action: JsonObject) -> Put:
    """The write of an action."""
    return (KIND, str(action["id"]), action)


def wire(action: JsonObject) -> JsonObject:
    """The action as the API shows it."""
    return {key: value for key, value in action.items() if not key.startswith("_")}
