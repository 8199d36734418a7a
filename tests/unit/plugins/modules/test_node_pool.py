"""The module: check mode predicts, a run changes, a second run does not, the diff tells why; and nothing leaks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

from ansible_collections.sovereign.fleet.plugins.module_utils import running
from ansible_collections.sovereign.fleet.plugins.modules import node_pool, node_pool_info
from lab.cloud.testing import Emulator, emulator
from tests.unit.plugins.fake_cloud import FakeKube, a_kube_node, a_node

CANARY = "canary-join-token"
POOLS: list[dict[str, Any]] = [
    {"name": "hz", "count": 1, "offers": [{"provider": "hetzner", "location": "nbg1", "type": "cx33"}]},
    {"name": "sc", "count": 1, "offers": [{"provider": "scaleway", "location": "fr-par-1", "type": "DEV1-L"}]},
]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    for variable in ("HCLOUD_TOKEN", "HCLOUD_ENDPOINT", "SCW_ACCESS_KEY", "SCW_SECRET_KEY", "SCW_API_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(running, "FIRST_INTERVAL", 0.01)
    with emulator() as clouds:
        yield clouds


def _arguments(cloud: Emulator, **changes: Any) -> dict[str, Any]:
    providers = {name: dict(cloud.providers[name]) for name in ("hetzner", "scaleway")}
    return {"fleet": "lab", "cluster": "dev", "pools": POOLS, "providers": providers, **changes}


def _module(
    module: Any, arguments: dict[str, Any], capsys: pytest.CaptureFixture[str], *, check: bool = False
) -> tuple[int, dict[str, Any], str]:
    """Run a module the way Ansible does; exit code, result, and everything that was printed."""
    given = {**arguments, "_ansible_check_mode": check, "_ansible_diff": True}
    with patch_module_args(given), pytest.raises(SystemExit) as ended:
        module.main()
    printed = capsys.readouterr()
    code = ended.value.code
    return int(code or 0), json.loads(printed.out), printed.out + printed.err


def test_the_four_truths(cloud: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = _arguments(cloud, user_data={"*": CANARY})

    code, foreseen, printed = _module(node_pool, arguments, capsys, check=True)
    assert (code, foreseen["changed"], cloud.store.names()) == (0, True, [])
    assert cloud.requests.writes() == []
    assert [item["name"] for item in foreseen["pending"]["create"]] == ["dev-hz-1", "dev-sc-1"]
    said = printed

    code, done, printed = _module(node_pool, arguments, capsys)
    assert (code, done["changed"], done["created"]) == (0, True, ["dev-hz-1", "dev-sc-1"])
    assert done["diff"]["after"] == foreseen["diff"]["after"]
    assert cloud.store.names() == ["dev-hz-1", "dev-sc-1"]
    said += printed

    cloud.requests.clear()
    code, again, printed = _module(node_pool, arguments, capsys)
    assert (code, again["changed"], cloud.requests.writes()) == (0, False, [])
    assert again["diff"]["before"] == again["diff"]["after"]
    assert [node["state"] for node in again["nodes"]] == ["running", "running"]
    said += printed

    # "invocation" repeats the arguments, with every secret masked: so the whole output must be clean.
    for secret in (CANARY, cloud.credentials["hetzner"]["token"], cloud.credentials["scaleway"]["secret_key"]):
        assert secret not in said


def test_a_failure_is_one_sentence_with_its_code(cloud: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = "wrong-token-".ljust(64, "0")
    arguments = _arguments(cloud, pools=POOLS[:1])
    arguments["providers"]["hetzner"]["token"] = wrong

    code, failed, printed = _module(node_pool, arguments, capsys)

    assert code == 1
    assert failed["msg"].startswith(
        "Hetzner refused the token (401 unauthorized: unable to authenticate); set HCLOUD_TOKEN"
    )
    assert (failed["provider"], failed["code"]) == ("hetzner", "unauthorized")
    assert failed["request_id"]
    assert wrong not in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param({"fleet": "Lab!"}, "fleet is 'Lab!'; allowed: lower-case", id="a fleet"),
        pytest.param({"cluster": "a b"}, "cluster is 'a b'; allowed: lower-case", id="a cluster"),
        pytest.param(
            {"pools": [POOLS[0], POOLS[0]]}, "pools[1].name is 'hz', which pools[0]", id="two pools of a name"
        ),
        pytest.param({"pools": [{**POOLS[0], "count": -1}]}, "pools[0].count is -1", id="a count below zero"),
        pytest.param({"user_data": {"x": "s3cret"}}, "user_data has the unknown key 'x'", id="user data for nobody"),
        pytest.param(
            {"wait_joined": True}, "wait_joined is true, but there is no kubeconfig", id="nothing to wait with"
        ),
        pytest.param({"timeout": 0}, "timeout is 0; allowed: seconds above zero.", id="no time"),
        pytest.param({"unready_limit": -1}, "unready_limit is -1; allowed: seconds above zero.", id="no patience"),
        pytest.param({"join_limit": 0}, "join_limit is 0; allowed: seconds above zero.", id="no time to join"),
        pytest.param(
            {"user_data_revisions": {"x": "1"}},
            "user_data_revisions has the unknown key 'x'",
            id="a revision of nothing",
        ),
        pytest.param({"kubeconfig": "/nowhere/kubeconfig"}, "There is no kubeconfig /nowhere/kubeconfig", id="no file"),
        pytest.param({"providers": {"hetzner": {"tokn": "s3cret"}}}, "Unknown key providers.hetzner.tokn", id="a key"),
        pytest.param({"providers": {}}, "The account at hetzner is incomplete", id="no account"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_request(
    cloud: Emulator, changes: dict[str, Any], sentence: str
) -> None:
    result = node_pool.run(_arguments(cloud, **changes))

    assert result["failed"]
    assert sentence in result["msg"]
    assert "s3cret" not in result["msg"]
    assert cloud.requests.count() == 0


def test_credentials_come_from_the_environment_too(cloud: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCLOUD_TOKEN", cloud.credentials["hetzner"]["token"])
    monkeypatch.setenv("HCLOUD_ENDPOINT", cloud.endpoints["hetzner"])

    result = node_pool.run(_arguments(cloud, pools=POOLS[:1], providers=None))

    assert (result.get("msg"), result["created"]) == (None, ["dev-hz-1"])


def test_a_broken_account_that_no_pool_needs_is_a_warning(cloud: Emulator) -> None:
    arguments = _arguments(cloud, pools=POOLS[:1])
    arguments["providers"]["scaleway"]["secret_key"] = "no-uuid"

    result = node_pool.run(arguments)

    assert result.get("msg") is None
    assert "No pool is at scaleway, so the run goes on without it." in result["warnings"][0]


def test_a_broken_account_blocks_its_own_pools_alone(cloud: Emulator) -> None:
    arguments = _arguments(cloud)
    arguments["providers"]["scaleway"]["secret_key"] = "no-uuid"

    result = node_pool.run(arguments)

    assert result["created"] == ["dev-hz-1"]
    assert result["failed"]
    assert result["msg"].endswith("Pool sc stays as it is.")
    assert [(entry["pool"], entry["provider"]) for entry in result["unserved"]] == [("sc", "scaleway")]
    assert cloud.requests.count("scaleway") == 0

    served = node_pool.run({**arguments, "fail_on_unserved": False})
    assert (served.get("failed"), served["changed"]) == (None, False)
    assert any("Pool sc stays as it is." in warning for warning in served["warnings"])


def test_an_account_that_is_not_there_blocks_its_own_pools_alone(cloud: Emulator) -> None:
    arguments = _arguments(cloud)
    del arguments["providers"]["hetzner"]

    result = node_pool.run(arguments)

    assert result["created"] == ["dev-sc-1"]
    assert "The account at hetzner is incomplete, it lacks the API token" in result["msg"]


def test_a_node_whose_user_data_changes_is_replaced_and_then_it_rests(cloud: Emulator) -> None:
    arguments = _arguments(cloud, user_data={"*": "one"}, user_data_revisions={"sc": "v1"})
    assert node_pool.run(arguments)["created"] == ["dev-hz-1", "dev-sc-1"]

    arguments["user_data"] = {"*": "two"}
    foreseen = node_pool.run(arguments, check_mode=True)
    assert [item["name"] for item in foreseen["pending"]["replace"]] == ["dev-hz-1"], "the other has a revision"

    replaced = node_pool.run(arguments)
    assert (replaced.get("msg"), replaced["replaced"]) == (None, [{"name": "dev-hz-1", "by": "dev-hz-2"}])
    assert cloud.store.names() == ["dev-hz-2", "dev-sc-1"]

    cloud.requests.clear()
    assert node_pool.run(arguments)["changed"] is False
    assert cloud.requests.writes() == []


def test_a_kubeconfig_may_be_missing_in_check_mode(cloud: Emulator) -> None:
    result = node_pool.run(_arguments(cloud, kubeconfig="/nowhere/kubeconfig"), check_mode=True)

    assert (result.get("msg"), result["changed"]) == (None, True)


def test_with_a_kubeconfig_nodes_are_waited_for_and_drained(cloud: Emulator, tmp_path: Path, time: Any) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("{}", encoding="utf-8")
    diary: list[str] = []
    kube = FakeKube(diary)
    pools = [{**POOLS[0], "count": 2}]
    arguments = _arguments(cloud, pools=pools, kubeconfig=str(kubeconfig))
    names = ["dev-hz-1", "dev-hz-2"]

    def sleep(seconds: float) -> None:
        time.sleep(seconds)
        running = {server.name for server in cloud.store.servers() if server.state == "running"}
        kube.there = [_joined(name, cloud) for name in names if name in running]

    def run() -> dict[str, Any]:
        return node_pool.run(arguments, clock=time.clock, sleep=sleep, open_kube=lambda _path: kube)

    assert (run().get("msg"), diary) == (None, [])

    pools[0]["count"] = 1
    assert run()["deleted"] == ["dev-hz-2"]
    assert diary == ["cordon dev-hz-2", "drain dev-hz-2", "forget dev-hz-2"]


def _joined(name: str, cloud: Emulator) -> Any:
    server = next(server for server in cloud.store.servers() if server.name == name)
    return a_kube_node(name, "hz", provider="hetzner", provider_id=f"hcloud://{server.id}")


def test_progress_is_told_line_by_line(cloud: Emulator) -> None:
    told: list[str] = []

    node_pool.run(_arguments(cloud, pools=POOLS[:1]), tell=told.append)

    assert told == ["dev-hz-1 runs at hetzner/nbg1 as cx33"]


def test_every_key_of_a_result_is_documented(cloud: Emulator) -> None:
    documented = set(yaml.safe_load(node_pool.RETURN))

    foreseen = node_pool.run(_arguments(cloud), check_mode=True, diff=True)
    failed = node_pool.run(_arguments(cloud, fleet="Lab!"))

    assert set(foreseen) - {"changed", "diff", "warnings"} == documented
    assert set(failed) - {"changed", "warnings", "failed", "msg", "provider", "code", "request_id"} <= documented
    assert set(foreseen["pending"]) == set(yaml.safe_load(node_pool.RETURN)["pending"]["sample"])


def test_the_documented_sample_is_what_a_node_looks_like() -> None:
    for module in (node_pool, node_pool_info):
        sample = yaml.safe_load(module.RETURN)["nodes"]["sample"][0]
        assert list(sample) == list(a_node("dev-web-1").as_result())


def test_every_example_is_accepted_by_the_argument_spec() -> None:
    for task in yaml.safe_load(node_pool.EXAMPLES):
        arguments = task["sovereign.fleet.node_pool"]
        assert set(arguments) <= set(node_pool.SPEC)
        templated = {name: value for name, value in arguments.items() if "{{" in str(value)}
        node_pool.desired({**arguments, **dict.fromkeys(templated)})


def test_importing_the_modules_loads_no_sdk() -> None:
    script = (
        "import sys; from ansible_collections.sovereign.fleet.plugins.modules import node_pool, node_pool_info; "
        "print([name for name in ('hcloud', 'scaleway_core', 'kubernetes', 'requests') if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={"PYTHONPATH": ".collections"}
    )
    assert ended.stdout.strip() == "[]"
