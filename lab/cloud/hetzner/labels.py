"""Labels and label selectors as Hetzner understands them (Kubernetes rules)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from lab.cloud.hetzner.answers import failure, invalid
from lab.cloud.wire import JsonObject

_PART = r"[a-zA-Z0-9](?:[a-zA-Z0-9._-]{0,61}[a-zA-Z0-9])?"
_DNS = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_KEY = re.compile(rf"(?:(?:{_DNS})(?:\.{_DNS})*/)?{_PART}")
_VALUE = re.compile(rf"(?:{_PART})?")
_COMPARE = re.compile(r"(?P<key>[^\s=!,()]+)\s*(?P<operator>==|=|!=)\s*(?P<value>[^\s=!,()]*)")
_SET = re.compile(r"(?P<key>[^\s=!,()]+)\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
_EXISTS = re.compile(r"(?P<not>!?)\s*(?P<key>[^\s=!,()]+)")

Test = Callable[[Mapping[str, str]], bool]


def checked(value: object) -> JsonObject:
    """Give the labels of a request body, or raise invalid_input."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid("labels", "must be an object")
    for key, text in value.items():
        prefix = key.rpartition("/")[0]
        if not _KEY.fullmatch(key) or len(prefix) > 253:
            raise invalid("labels", f"label key '{key}' is not correctly formatted")
        if not isinstance(text, str) or not _VALUE.fullmatch(text):
            raise invalid("labels", f"label value '{text}' (key: '{key}') is not correctly formatted")
    return value


def _requirement(text: str) -> Test:
    if found := _SET.fullmatch(text):
        key, wanted = found["key"], {value.strip() for value in found["values"].split(",")}
        if found["operator"] == "in":
            return lambda labels: labels.get(key) in wanted
        return lambda labels: labels.get(key) not in wanted
    if found := _COMPARE.fullmatch(text):
        key, value = found["key"], found["value"]
        if found["operator"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if found := _EXISTS.fullmatch(text):
        key = found["key"]
        if found["not"]:
            return lambda labels: key not in labels
        return lambda labels: key in labels
    raise failure("invalid_input", "invalid input in field 'label_selector'")


def selector(text: str) -> Test:
    """Compile a selector: k=v, k==v, k!=v, k, !k, k in (a,b), k notin (a,b), joined by commas (and)."""
    tests = [_requirement(part.strip()) for part in re.split(r",(?![^()]*\))", text) if part.strip()]
    return lambda labels: all(test(labels) for test in tests)
