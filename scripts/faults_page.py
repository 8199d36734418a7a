"""Writes docs/faults.md from the cases that tests/faults plays: `python -m scripts.faults_page`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/faults.md"
# Each once: Ansible's loader refuses a collection that it finds at two entries, be they the same.
sys.path[:0] = [path for path in (str(ROOT), str(ROOT / ".collections")) if path not in sys.path]

from tests.contract.profiles import DRIVERS, Profile  # noqa: E402
from tests.faults.cases import CASES  # noqa: E402
from tests.faults.scorecard import FaultCase, facts  # noqa: E402

INTRODUCTION = """\
# What can break, and what you read then

Written by `python -m scripts.faults_page` from the cases that `tests/faults` plays; do not edit.

Each line is a test. It breaks something, runs the product, and looks at what the clouds really hold, not at what they
or the product say. The same is asked of every line:

1. The end is what was wished: no node missing, none double, none orphaned.
2. A run succeeds exactly when that is so.
3. A failure is one sentence: provider, resource, cause, next step.
4. The next run after it changes nothing and writes nothing.
5. No secret is in anything that is shown or kept.
6. A run ends within its deadline and five seconds.
7. Nothing without our labels is touched.
8. When the world is right again, one more run heals the rest; nobody does anything by hand.

To try one yourself, with the lab up:

```console
$ python -m lab fault {example}
$ ansible-playbook playbooks/site.yml
$ python -m lab fault clear
```

Commands and sentences stand here as they are for {title}; `…` stands for what differs from run to run. An empty field
under *what you read* means that the run succeeds in spite of the fault. There are {cases} cases, and {runs} runs of
them at {drivers}. `pytest tests/faults` also kills a run at every single request of three nodes in all clouds, and
takes each cloud away while the others are served; at its end it prints how many of the runs have passed.
"""


def page() -> str:
    """The whole page."""
    first = next(case for case in CASES if case.faults)
    runs = sum(case.applies(profile) for case in CASES for profile in DRIVERS)
    names = [facts(profile)["title"] for profile in DRIVERS]
    introduction = INTRODUCTION.format(
        example=_filled(first.faults[0], DRIVERS[0]),
        title=names[0],
        cases=len(CASES),
        runs=runs,
        drivers=f"{', '.join(names[:-1])} and {names[-1]}",
    )
    parts = [introduction]
    for group, cases in groupby(CASES, key=lambda case: case.group):
        parts.append("\n".join(_section(group, list(cases))))
    return "\n".join(parts)


def _section(group: str, cases: list[FaultCase]) -> Iterator[str]:
    yield f"## {group[0].upper()}{group[1:]}\n"
    yield "| what is wrong | `python -m lab fault` | what is run | what you read | what mends it |"
    yield "|---|---|---|---|---|"
    for case in cases:
        shown = [profile for profile in DRIVERS if case.applies(profile)][0]  # noqa: RUF015 - it is there
        faults = "<br>".join(f"`{_filled(fault, shown)}`" for fault in case.faults)
        mended = "" if case.passes else case.mended.replace("python -m lab fault clear", "`fault clear`")
        ran = _filled(case.run_in_words, shown).replace("python -m lab fault", "fault")
        yield "| " + " | ".join([case.title, faults, ran, _filled(case.says, shown), mended]).replace("  ", " ") + " |"
    yield ""


def _filled(text: str, profile: Profile) -> str:
    partner = DRIVERS[(DRIVERS.index(profile) + 1) % len(DRIVERS)]
    return text.format(**facts(profile, partner)).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"{PAGE.relative_to(ROOT)}: {len(CASES)} cases")
