"""A stage for every case, and the scorecard that stands at the end of a run of the suite."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from lab import lifecycle
from lab.cloud.hetzner import servers as hetzner_servers
from lab.cloud.testing import emulator
from tests.contract.clock import hurry_silence
from tests.contract.profiles import Profile
from tests.faults.cluster import ApiServer, Cluster
from tests.faults.stage import CANARIES, Stage

OpenStage = Callable[..., AbstractContextManager[Stage]]


@pytest.fixture(autouse=True)
def accounts_from_options_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """No account of the person who runs the tests may come into play."""
    for name in registry.known():
        for setting in registry.setting_list(name):
            if setting.env:
                monkeypatch.delenv(setting.env, raising=False)


@pytest.fixture
def open_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenStage:
    """A stage for these providers, with a cluster if it is asked for."""

    @contextmanager
    def opened(*profiles: Profile, kubernetes: bool = False, lonely: bool = False, **options: Any) -> Iterator[Stage]:
        root_password = SimpleNamespace(token_urlsafe=lambda _length: CANARIES["root password"])
        monkeypatch.setattr(hetzner_servers, "secrets", root_password)
        with ExitStack() as stack:
            cloud = stack.enter_context(emulator(**options))
            monkeypatch.setattr(lifecycle, "control_url", lambda path: cloud.endpoints["control"] + path)
            stage = Stage(profiles, cloud, tmp_path, patch=monkeypatch, lonely=lonely)
            hurry_silence(monkeypatch, stage.time)
            if kubernetes:
                stage.cluster = _cluster(stack.enter_context(ApiServer()), stage)
            yield stage

    return opened


def _cluster(api: ApiServer, stage: Stage) -> Cluster:
    kubeconfig = api.kubeconfig(stage.folder)
    kubeconfig.write_text(kubeconfig.read_text().replace("worthless", CANARIES["kubeconfig"]))
    providers = {profile.cloud: profile.provider for profile in stage.profiles}
    return Cluster(api, kubeconfig, lambda: [(providers[server.cloud], server) for server in stage.ours()], stage.time)


# ---- the scorecard


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One table: classes of faults down, providers across, passed of total."""
    scores: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    notes: list[str] = []
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            if outcome == "passed" and report.when != "call":
                continue
            for name, value in getattr(report, "user_properties", []):
                if name == "score":
                    group, provider = value
                    scores[group][provider].append(outcome == "passed")
                elif name == "note" and outcome == "passed":
                    notes.append(str(value))
    if scores or notes:
        terminalreporter.section("scorecard of faults")
        for line in [*(_table(scores) if scores else []), *notes]:
            terminalreporter.write_line(line)


def _table(scores: dict[str, dict[str, list[bool]]]) -> list[str]:
    providers = sorted({provider for row in scores.values() for provider in row})
    width = max(map(len, scores)) + 2
    lines = ["".ljust(width) + "".join(name.rjust(13) for name in (*providers, "sum"))]
    for group, row in scores.items():
        lines.append(_line(group.ljust(width), [row.get(provider, []) for provider in providers]))
    columns = [[won for row in scores.values() for won in row.get(provider, [])] for provider in providers]
    return [*lines, _line("sum".ljust(width), columns)]


def _line(head: str, cells: list[list[bool]]) -> str:
    return head + "".join(_cell(cell).rjust(13) for cell in [*cells, [won for cell in cells for won in cell]])


def _cell(outcomes: list[bool]) -> str:
    return f"{sum(outcomes)}/{len(outcomes)}" if outcomes else "-"
