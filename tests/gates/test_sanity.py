"""ansible-test sanity, with no ignore list."""

from __future__ import annotations

import pytest

from tests.gates.project import ROOT, files
from tests.gates.sanity import COPY, TESTS_THAT_MUST_RUN, mirror, sanity


def test_the_copy_is_the_checkout() -> None:
    stale = COPY / "plugins/modules/stale_module.py"
    stale.parent.mkdir(parents=True, exist_ok=True)
    stale.write_text("")
    mirror()
    assert not stale.exists()
    assert [path for path in files() if (COPY / path).read_bytes() != (ROOT / path).read_bytes()] == []


@pytest.mark.sanity
def test_sanity_finds_nothing() -> None:
    output = sanity()
    for name in TESTS_THAT_MUST_RUN:
        assert f'Running sanity test "{name}"' in output, f"the sanity test {name} did not run:\n{output}"
