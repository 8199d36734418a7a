"""What the tests of several plugins need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.plugins.kubernetes_server import KubernetesServer


@pytest.fixture
def kubernetes() -> Iterator[KubernetesServer]:
    """A Kubernetes API of this test's own."""
    with KubernetesServer() as server:
        yield server


class Time:
    """A clock that only sleeping moves. `on_sleep` sees the seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    """A clock that stands still until somebody sleeps."""
    return Time()
