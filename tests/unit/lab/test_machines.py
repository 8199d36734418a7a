from __future__ import annotations

import base64
import gzip
import ipaddress
import sys
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.machines import cloud_init, hardware, services
from lab.machines.addresses import Addresses


def test_an_address_is_kept_over_a_restart(tmp_path: Path) -> None:
    first = Addresses(tmp_path / "a.json").reserve("hetzner", "one")
    again = Addresses(tmp_path / "a.json")
    assert again.reserve("hetzner", "one") == first
    assert again.reserve("hetzner", "two") != first


def test_an_address_given_back_is_not_the_next_one_given_out(tmp_path: Path) -> None:
    ledger = Addresses(tmp_path / "a.json")
    first = ledger.reserve("hetzner", "one")
    ledger.release("one")
    assert ledger.reserve("hetzner", "two") != first


def test_a_full_network_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.plan.provider_network", lambda _provider: ipaddress.IPv4Network("198.18.16.0/28"))
    ledger = Addresses(tmp_path / "a.json")
    for number in range(5):
        ledger.reserve("hetzner", str(number))
    with pytest.raises(LabError, match="All addresses of hetzner"):
        ledger.reserve("hetzner", "one too many")


@pytest.mark.parametrize(
    ("entry", "content"),
    [
        pytest.param({"content": "plain"}, b"plain", id="plain text"),
        pytest.param({"content": base64.b64encode(b"coded").decode(), "encoding": "b64"}, b"coded", id="base64"),
        pytest.param(
            {"content": base64.b64encode(gzip.compress(b"packed")).decode(), "encoding": "gz+b64"},
            b"packed",
            id="gzip in base64",
        ),
    ],
)
def test_write_files_decodes_as_cloud_init_does(tmp_path: Path, entry: dict[str, str], content: bytes) -> None:
    cloud_init.write_file({"path": "/etc/x/file", "permissions": "0600", **entry}, tmp_path)
    assert (tmp_path / "etc/x/file").read_bytes() == content
    assert (tmp_path / "etc/x/file").stat().st_mode & 0o777 == 0o600


def test_write_files_replaces_a_longer_file_and_appends_when_asked(tmp_path: Path) -> None:
    cloud_init.write_file({"path": "/f", "content": "a long first text"}, tmp_path)
    cloud_init.write_file({"path": "/f", "content": "short"}, tmp_path)
    cloud_init.write_file({"path": "/f", "content": "er", "append": True}, tmp_path)
    assert (tmp_path / "f").read_text() == "shorter"


@pytest.mark.parametrize("text", ["#cloud-config\n- a list\n", "#cloud-config\n{", "plain words"])
def test_user_data_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(cloud_init.BadUserData):
        cloud_init.carry_out(text)


def test_a_machine_shows_the_size_that_was_bought(tmp_path: Path) -> None:
    hardware.write(tmp_path, cpus=4, memory_gib=8)
    assert "MemTotal:        8388608 kB" in (tmp_path / "meminfo").read_text()
    assert (tmp_path / "cpu/online").read_text() == "0-3\n"
    assert len(list((tmp_path / "cpu").glob("cpu*/topology"))) == 4


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(services, "UNITS", tmp_path)
    monkeypatch.setattr(services, "WANTS", tmp_path / "wants")
    monkeypatch.setattr(services, "LOGS", tmp_path)
    return tmp_path


def test_a_unit_gets_the_arguments_of_its_environment_file(units: Path) -> None:
    (units / "arguments").write_text("EXTRA=--one --two=2\n")
    (units / "a.service").write_text(f"[Service]\nEnvironmentFile=-{units}/arguments\nExecStart=prog --x $EXTRA\n")
    words, _environment = services.command("a")
    assert words == ["prog", "--x", "--one", "--two=2"]


def test_an_unknown_unit_is_named(units: Path) -> None:
    with pytest.raises(services.UnknownUnit, match=r"nothing\.service"):
        services.Services().start("nothing")


def test_a_unit_that_ends_is_due_for_a_restart(units: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "RESTART_SECONDS", 0.0)
    (units / "a.service").write_text(f"[Service]\nExecStart={sys.executable} -c 'import time; time.sleep(60)'\n")
    running = services.Services()
    running.start("a")
    first = running._running["a"]
    first.kill()
    assert running.ended(first.pid)
    assert not running.active("a")
    assert running.restart_due() is None
    assert running.active("a")
    running.stop("a")


def test_enabled_units_start_with_the_machine(units: Path) -> None:
    (units / "a.service").write_text(f"[Service]\nExecStart={sys.executable} -c 'import time; time.sleep(60)'\n")
    services.Services().enable("a")
    after_reboot = services.Services()
    after_reboot.start_enabled()
    assert after_reboot.active("a")
    after_reboot.stop("a")
