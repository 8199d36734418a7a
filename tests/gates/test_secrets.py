"""Secrets: every option that takes one is no_log, and nothing that Ansible shows or keeps holds one."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from ansible_collections.sovereign.fleet.plugins.module_utils import settings
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from lab.cloud.hetzner import servers as hetzner_servers
from lab.cloud.testing import Emulator, emulator
from tests.gates.project import ROOT, TOOLS
from tests.unit.plugins.kubernetes_server import KubernetesServer

# ---- every secret option is no_log

SOUNDS_SECRET = re.compile(
    r"token|secret|pass(word|wd|phrase)|credential|private_key|api_?key|(^|_)keys?$|user_data|auth", re.IGNORECASE
)
PLAIN = {
    "access_key": "names an API key, as a user name does",
    "age_key_file": "a path",
    "application_credential_id": "names a credential, as a user name does",
    "author": "whom commits are by",
    "gitops_author": "whom commits are by",
    "gitops_age_key_file": "a path",
    "pools.ssh_keys": "public keys, or names of keys",
    "pools.taints.key": "the key of a taint",
    "secrets": "names of Secrets; their values are under data",
    "secrets_age_key_file": "a path",
    "secrets_age_keygen_program": "a program",
    "secrets_kubeconfig": "a path",
    "secrets_replace_age_key": "yes or no",
    "service_account_key_path": "a path",
    "token_id": "names a token, as a user name does",
    "user_data_revisions": "texts that stand for user data without telling them",
}
"""Options that sound like a secret and are none, with the reason; a new one has to be thought about and put here."""
# Ansible writes the suboptions of a mapping in `options`, in argument specs of modules and of roles alike.
Spec = Mapping[str, Mapping[str, Any]]


def every_option(spec: Spec, path: str = "") -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Path, name and definition of every option, suboptions too; what stands in a hidden one is hidden."""
    for name, option in spec.items():
        yield f"{path}{name}", name, option
        if not option.get("no_log"):
            yield from every_option(option.get("options") or {}, f"{path}{name}.")


def unguarded(spec: Spec) -> list[str]:
    """Paths of options that take a secret and are not no_log."""
    return [
        path
        for path, name, option in every_option(spec)
        if (SOUNDS_SECRET.search(name) or _is_secret_setting(path))
        and option.get("no_log") is not True
        and name not in PLAIN
        and path not in PLAIN
    ]


def _is_secret_setting(path: str) -> bool:
    parts = path.split(".")
    if len(parts) != 3 or parts[0] != "providers" or parts[1] not in settings.names():
        return False
    return any(setting.secret and setting.name == parts[2] for setting in settings.setting_list(parts[1]))


def specs() -> Iterator[tuple[str, Spec]]:
    """The argument spec of every module, and of every entry point of every role."""
    for file in sorted((ROOT / "plugins/modules").glob("*.py")):
        if file.stem != "__init__":
            yield f"module {file.stem}", _module_spec(file.stem)
    for file in sorted((ROOT / "roles").glob("*/meta/argument_specs.yml")):
        for entry, spec in yaml.safe_load(file.read_text())["argument_specs"].items():
            yield f"role {file.parents[1].name} ({entry})", spec.get("options") or {}


def _module_spec(name: str) -> Spec:
    package = "ansible_collections.sovereign.fleet.plugins"
    module = importlib.import_module(f"{package}.modules.{name}")
    if not hasattr(module, "SPEC"):  # its work is done by the action alone
        module = importlib.import_module(f"{package}.action.{name}")
    spec: Spec = module.SPEC
    return spec


@pytest.mark.parametrize(("where", "spec"), [pytest.param(*found, id=found[0]) for found in specs()])
def test_every_secret_option_is_no_log(where: str, spec: Spec) -> None:
    assert unguarded(spec) == [], f"{where}: add no_log: true, or say in PLAIN why it is no secret"


def test_the_specs_are_those_of_all_modules_and_roles() -> None:
    found = [where for where, _spec in specs()]
    assert len([where for where in found if where.startswith("module ")]) > 10
    assert len({where.split()[1] for where in found if where.startswith("role ")}) >= 5


@pytest.mark.parametrize(
    ("spec", "caught"),
    [
        pytest.param({"api_token": {"type": "str"}}, ["api_token"], id="a token without no_log"),
        pytest.param({"api_token": {"type": "str", "no_log": False}}, ["api_token"], id="a token that is not hidden"),
        pytest.param({"api_token": {"type": "str", "no_log": True}}, [], id="a token that is hidden"),
        pytest.param(
            {"dns": {"type": "dict", "options": {"password": {"type": "str"}}}}, ["dns.password"], id="inside a mapping"
        ),
        pytest.param(
            {"dns": {"type": "dict", "no_log": True, "options": {"password": {"type": "str"}}}},
            [],
            id="inside a hidden mapping",
        ),
        pytest.param(
            {"providers": {"type": "dict", "options": {"hetzner": {"options": {"token": {"no_log": False}}}}}},
            ["providers.hetzner.token"],
            id="a provider's setting that says it is secret",
        ),
        pytest.param({"count": {"type": "int"}, "access_key": {"no_log": False}}, [], id="nothing secret"),
    ],
)
def test_a_secret_option_without_no_log_is_caught(spec: Spec, caught: list[str]) -> None:
    assert unguarded(spec) == caught


def test_every_setting_that_sounds_secret_says_so() -> None:
    faults = [
        f"{provider}.{setting.name}"
        for provider in settings.names()
        for setting in settings.setting_list(provider)
        if SOUNDS_SECRET.search(setting.name) and not setting.secret and setting.name not in PLAIN
    ]
    assert faults == []


def test_no_reason_outlives_its_option() -> None:
    there = {key for _where, spec in specs() for path, name, _option in every_option(spec) for key in (path, name)}
    assert sorted(set(PLAIN) - there) == []


# ---- a run with canaries

CANARIES = {
    "user data": "canary-in-the-user-data",
    "root password": "canary-for-the-root-password",
    "kubeconfig": "canary-in-the-kubeconfig",
}
PLAY = """\
- name: Everything that could leak
  hosts: clusters
  gather_facts: false
  tasks:
    - name: Buy
      sovereign.fleet.node_pool: &pools
        fleet: acme
        cluster: dev
        kubeconfig: "{{ kubeconfig }}"
        wait_joined: false
        providers: "{{ providers }}"
        user_data: {"*": "{{ user_data }}"}
        pools:
          - {name: hz, count: 1, offers: [{provider: hetzner, location: nbg1, type: cx33}]}
          - {name: sc, count: 1, offers: [{provider: scaleway, location: fr-par-1, type: DEV1-L}]}
      register: bought
    - name: Keep the result as a fact
      ansible.builtin.set_fact:
        bought_nodes: "{{ bought }}"
        cacheable: true
    - name: The same as a module of its own, packed and unzipped
      sovereign.fleet.node_pool: *pools
      environment: {SOME: thing}
      check_mode: true
    - name: Look
      sovereign.fleet.node_pool_info:
        fleet: acme
        providers: "{{ providers }}"
    - name: A cloud that refuses the credentials
      sovereign.fleet.node_pool_info:
        fleet: acme
        providers: "{{ providers | combine({'hetzner': {'token': wrong_token}}, recursive=true) }}"
      register: refused
      failed_when: refused is not failed
    - name: A library that says more than it should
      vars: &broken
        broken: {hetzner: {endpoint: "http://127.0.0.1:9/traceback"}}
      block:
        - name: In this process
          sovereign.fleet.node_pool_info: &ask
            fleet: acme
            providers: "{{ providers | combine(broken, recursive=true) }}"
        - name: Never reached
          ansible.builtin.fail:
      rescue:
        - name: Show what Ansible knows of it
          ansible.builtin.debug:
            var: ansible_failed_result
    - name: The same library in a module of its own
      vars: *broken
      block:
        - name: In another process
          sovereign.fleet.node_pool_info: *ask
          environment: {SOME: thing}
        - name: Never reached
          ansible.builtin.fail:
      rescue:
        - name: Show what Ansible knows of it
          ansible.builtin.debug:
            var: ansible_failed_result
"""
TALKATIVE = '''"""The vendor's library, but it quotes the token in an exception of its own when it is asked to."""

import importlib.machinery
import importlib.util
import sys
from pathlib import Path

_here = str(Path(__file__).resolve().parents[1])
_spec = importlib.machinery.PathFinder.find_spec("hcloud", [entry for entry in sys.path if entry != _here])
hcloud = importlib.util.module_from_spec(_spec)
sys.modules["hcloud"] = hcloud  # the real one takes this one's place
_spec.loader.exec_module(hcloud)
_init = hcloud.Client.__init__


def _talk(self, token, api_endpoint="", **options):
    if api_endpoint.endswith("traceback"):
        raise RuntimeError(f"the library dislikes {token}")
    _init(self, token, api_endpoint, **options)


hcloud.Client.__init__ = _talk
'''


class Processes:
    """Everything that stood in a command line while this looked."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Processes:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        self._thread.join()

    def text(self) -> str:
        """All command lines."""
        return "\n".join(line.replace(b"\0", b" ").decode(errors="replace") for line in sorted(self._seen))

    def _look(self) -> None:
        while not self._over.wait(0.02):
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self._seen.add(entry.read_bytes())
                except OSError:
                    continue  # it ended


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    password = SimpleNamespace(token_urlsafe=lambda _length: CANARIES["root password"])
    monkeypatch.setattr(hetzner_servers, "secrets", password)
    with emulator() as clouds:
        yield clouds


def _secrets(cloud: Emulator) -> dict[str, str]:
    """Every canary there is."""
    found = dict(CANARIES)
    for provider in ("hetzner", "scaleway"):
        for setting in registry.setting_list(provider):
            if setting.secret:
                found[f"{provider} {setting.name}"] = cloud.credentials[provider][setting.name]
    found["wrong token"] = "x" * 64
    return found


def _write_inventory(folder: Path, cloud: Emulator, kubeconfig: Path) -> None:
    """Hetzner's token stands in the inventory, Scaleway's keys come from the environment."""
    (folder / "group_vars").mkdir()
    (folder / "clusters.yml").write_text(
        yaml.safe_dump({"clusters": {"hosts": {"dev": {}}, "vars": {"ansible_connection": "local"}}})
    )
    (folder / "nodes.fleet.yml").write_text(
        yaml.safe_dump({"plugin": "sovereign.fleet.nodes", "providers_file": "group_vars/clusters.yml", "cache": True})
    )
    values = {
        "providers": {
            "hetzner": dict(cloud.providers["hetzner"]),
            "scaleway": {"endpoint": cloud.endpoints["scaleway"]},
        },
        "kubeconfig": str(kubeconfig),
        "user_data": f"#cloud-config\n# {CANARIES['user data']}\n",
        "wrong_token": "x" * 64,
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
    }
    (folder / "group_vars/clusters.yml").write_text(yaml.safe_dump(values))


def _environment(folder: Path, cloud: Emulator, callback: str) -> dict[str, str]:
    ours = ("ANSIBLE_", "HCLOUD_", "SCW_", "OS_", "STACKIT_", "FLEET_")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    keys = cloud.credentials["scaleway"]
    return {
        **plain,
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
        "ANSIBLE_STDOUT_CALLBACK": callback,
        "ANSIBLE_LOG_PATH": str(folder / "kept/ansible.log"),
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(folder / "kept/facts"),
        "ANSIBLE_INVENTORY_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_INVENTORY_CACHE_CONNECTION": str(folder / "kept/inventory"),
        "ANSIBLE_RETRY_FILES_ENABLED": "true",
        "ANSIBLE_RETRY_FILES_SAVE_PATH": str(folder / "kept/retry"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_DISPLAY_TRACEBACK": "always",
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
        "XDG_CACHE_HOME": str(folder / "kept/cache"),
        "PYTHONPATH": str(folder / "library"),
        "SCW_ACCESS_KEY": keys["access_key"],
        "SCW_SECRET_KEY": keys["secret_key"],
        "SCW_DEFAULT_PROJECT_ID": keys["project_id"],
    }


def _play(folder: Path, cloud: Emulator, callback: str) -> tuple[subprocess.CompletedProcess[str], str]:
    command = [str(TOOLS / "ansible-playbook"), "-i", str(folder / "inventory"), "-vvvv", "--diff", "play.yml"]
    with Processes() as processes:
        done = subprocess.run(
            command,
            cwd=folder,
            env=_environment(folder, cloud, callback),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
    return done, processes.text()


def _kept(folder: Path) -> dict[str, str]:
    """Every file that the runs left behind."""
    return {
        str(path.relative_to(folder)): path.read_text(errors="replace")
        for path in sorted((folder / "kept").rglob("*"))
        if path.is_file()
    }


def test_no_canary_comes_to_light(cloud: Emulator, tmp_path: Path) -> None:
    with KubernetesServer() as kubernetes:
        kubeconfig = kubernetes.kubeconfig(tmp_path)
        kubeconfig.write_text(kubeconfig.read_text().replace("worthless", CANARIES["kubeconfig"]))
        (tmp_path / "inventory").mkdir()
        (tmp_path / "kept").mkdir()
        (tmp_path / "library/hcloud").mkdir(parents=True)
        (tmp_path / "library/hcloud/__init__.py").write_text(TALKATIVE)
        (tmp_path / "ansible.cfg").write_text("[defaults]\n")
        (tmp_path / "play.yml").write_text(PLAY)
        _write_inventory(tmp_path / "inventory", cloud, kubeconfig)
        began = time.monotonic()
        shown, listed = _play(tmp_path, cloud, "default")
        as_json, listed_too = _play(tmp_path, cloud, "ansible.posix.json")
        took = time.monotonic() - began

    assert shown.returncode == 0, shown.stdout[-3000:] + shown.stderr
    assert as_json.returncode == 0, as_json.stdout[-3000:] + as_json.stderr
    _assert_all_was_shown(shown.stdout, as_json.stdout, _kept(tmp_path))
    sinks = {
        "stdout at -vvvv with --diff": shown.stdout,
        "stderr": shown.stderr + as_json.stderr,
        "the JSON callback": as_json.stdout,
        "command lines of processes": listed + listed_too,
        **_kept(tmp_path),
    }
    leaks = [
        f"the {what} is in {sink}, {text.count(secret)} times, first: {_around(text, secret)}"
        for sink, text in sinks.items()
        for what, secret in _secrets(cloud).items()
        if secret in text
    ]
    assert leaks == []
    assert took < 180


def _assert_all_was_shown(shown: str, as_json: str, kept: Mapping[str, str]) -> None:
    """The sinks hold what they should, so that an empty one proves nothing by its emptiness."""
    assert "dev-hz-1" in shown
    assert "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" in shown
    assert '"plays"' in as_json
    names = "\n".join(kept)
    assert "kept/ansible.log" in names
    assert "kept/facts/" in names
    assert "kept/inventory/" in names
    assert "kept/cache/" in names
    assert any("dev-sc-1" in text for name, text in kept.items() if name.startswith("kept/facts"))


def _around(text: str, secret: str) -> str:
    """Where a canary stands, without all the rest."""
    place = text.index(secret)
    return json.dumps(text[max(0, place - 120) : place + len(secret)].replace(secret, "<CANARY>"))
