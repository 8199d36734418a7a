"""Labels and label selectors of STACKIT (Kubernetes rules)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from lab.cloud.stackit.answers import failure, invalid
from lab.cloud.wire import JsonObject

_PART = r"[a-zA-Z0-9](?:[a-zA-Z0-9._-]{0,61}[a-zA-Z0-9])?"
_KEY = re.compile(_PART)
_VALUE = re.compile(rf"(?:{_PART})?")
_MOST = 64
_REQUIREMENT = re.compile(
    r"""(?P<absent>!?)\s*(?P<key>[^\s=!,()]+)
        (?:\s*(?P<equal>==|=|!=)\s*(?P<value>[^\s=!,()]*) | \s+(?P<within>in|notin)\s*\((?P<values>[^()]*)\))?""",
    re.VERBOSE,
)

Test = Callable[[Mapping[str, str]], bool]


def merged(old: Mapping[str, str], changes: object) -> JsonObject:
    """Give labels with the changes of a body put in, null taking a key away; raise 400 for what is not allowed.

    The domain prefix that the newest specification lets a key have is refused: a client must get along without.
    """
    if changes is None:
        return dict(old)
    if not isinstance(changes, dict):
        raise invalid("labels", "value must be an object")
    labels = dict(old)
    for key, value in changes.items():
        if not _KEY.fullmatch(key):
            raise invalid("labels", f"property name {key!r} doesn't match the pattern of label keys")
        if key.startswith("stackit-"):
            raise invalid("labels", f"the prefix of {key!r} is reserved")
        if value is None:
            labels.pop(key, None)
        elif isinstance(value, str) and _VALUE.fullmatch(value):
            labels[key] = value
        else:
            raise invalid(f"labels/{key}", "value doesn't match the pattern of label values")
    if len(labels) > _MOST:
        raise invalid("labels", f"there must be at most {_MOST} labels")
    return labels


def _requirement(text: str) -> Test:
    found = _REQUIREMENT.fullmatch(text)
    if found is None or (found["absent"] and (found["equal"] or found["within"])):
        raise failure(400, f"label_selector {text!r} cannot be parsed")
    key = found["key"]
    if found["equal"]:
        value, unlike = found["value"], found["equal"] == "!="
        return lambda labels: (labels.get(key) == value) != unlike
    if found["within"]:
        wanted = {value.strip() for value in found["values"].split(",")}
        without = found["within"] == "notin"
        return lambda labels: (labels.get(key) in wanted) != without
    absent = bool(found["absent"])
    return lambda labels: (key in labels) != absent


def selector(text: str) -> Test:
    """Compile a selector: k=v, k==v, k!=v, k, !k, k in (a,b), k notin (a,b), joined by commas (and)."""
    tests = [_requirement(part.strip()) for part in re.split(r",(?![^()]*\))", text) if part.strip()]
    return lambda labels: all(test(labels) for test in tests)
