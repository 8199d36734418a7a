"""Mistakes and refusals with a secret in their middle: the user reads what is wrong, and never the secret."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.sovereign.fleet.plugins.module_utils.providers import registry
from ansible_collections.sovereign.fleet.plugins.modules import node_pool
from tests.contract.profiles import Profile
from tests.faults import plays
from tests.faults.scorecard import FaultCase
from tests.faults.stage import CANARIES, Stage

GROUP = "secrets"
CANARY = "canary-of-this-very-case"


def secret_key(stage: Stage) -> str:
    """The key of the account that a wrong credential is put in."""
    return next(iter(stage.profile.broken_account))


def goes_in_a_header(profile: Profile) -> bool:
    """The secret itself is sent with every request, and not only once in the body of a login."""
    return "password" not in profile.broken_account


def plain(stage: Stage, case: FaultCase, account: Mapping[str, str]) -> None:
    """A run with something wrong in the account, and one with the right account."""
    stage.secrets["this case's"] = CANARY
    wish = [stage.pool(case.wish)]
    result = stage.run(wish, account=account)
    plays.judge(stage, case, result, wish)
    assert stage.writes() == []
    plays.recover(stage, wish, already=False)


def unsendable(stage: Stage, case: FaultCase) -> None:
    """The secret has characters that no header can carry."""
    plain(stage, case, {secret_key(stage): f"{CANARY}\n\u2603"})


def unknown(stage: Stage, case: FaultCase) -> None:
    """The secret has the right shape, and is nobody's."""
    stage.secrets.update(stage.profile.broken_account)
    plain(stage, case, stage.profile.broken_account)


def misspelt(stage: Stage, case: FaultCase) -> None:
    """The secret stands under a key that there is not."""
    plain(stage, case, {"tokne": CANARY})


def seen_in_advance(stage: Stage, case: FaultCase) -> None:
    """Check mode with diff shows what would be done, and no user data."""
    wish = [stage.pool(case.wish)]
    foreseen = stage.run(wish, check=True)
    assert foreseen["diff"]["after"]
    assert stage.leaks() == []
    assert stage.writes() == []
    plays.recover(stage, wish, already=False)


def too_long(stage: Stage, case: FaultCase) -> None:
    """User data larger than the provider takes."""
    room = registry.capabilities(stage.profile.provider).max_user_data
    text = CANARIES["user data"] * (room // len(CANARIES["user data"]) + 1)
    wish = [stage.pool(case.wish)]
    result = stage.run(wish, user_data={"*": text})
    plays.judge(stage, case, result, wish)
    assert stage.writes() == []
    plays.recover(stage, wish, already=False)


def arguments_are_masked(stage: Stage, case: FaultCase) -> None:
    """Every secret setting of this provider and the user data are no_log in the module's own argument spec."""
    options = node_pool.SPEC["providers"]["options"][stage.profile.provider]["options"]
    secret = {setting.name for setting in registry.setting_list(stage.profile.provider) if setting.secret}
    assert secret
    assert {name for name, option in options.items() if option["no_log"]} == secret
    assert node_pool.SPEC["user_data"]["no_log"]


CASES = (
    FaultCase(
        GROUP,
        "a credential that cannot be sent in a header",
        wish=1,
        says="The … {title} …; set ….",
        play=unsendable,
        left=0,
        mended="the right credential",
        applies=goes_in_a_header,
        ran="a new pool of 1, with a line break and a snowman in the secret",
    ),
    FaultCase(
        GROUP,
        "a credential that nobody knows",
        wish=1,
        says="{title} refused the … (401…); set …{credential}….…",
        play=unknown,
        left=0,
        mended="the right credential",
        ran="a new pool of 1, with a wrong secret",
    ),
    FaultCase(
        GROUP,
        "a credential under a misspelt key",
        wish=1,
        says="Unknown key providers.{provider}.tokne; allowed are: ….",
        play=misspelt,
        left=0,
        mended="the right key",
        ran="a new pool of 1, with `tokne` under `providers.{provider}`",
    ),
    FaultCase(
        GROUP,
        "a secret is left out",
        wish=1,
        says="The account at {provider} is incomplete, it lacks the …: set …providers.{provider}.….…",
        account={"token": "!", "secret_key": "!", "password": "!"},
        left=0,
        mended="a complete account",
        ran="a new pool of 1, without the secret under `providers.{provider}`",
    ),
    FaultCase(GROUP, "check mode with diff", wish=2, play=seen_in_advance, ran="a new pool of 2, --check --diff"),
    FaultCase(
        GROUP,
        "user data that are too long",
        wish=1,
        says="The user data of pool '{pool}' is … bytes; {title} takes at most ….",
        play=too_long,
        left=0,
        mended="shorter user data",
        ran="a new pool of 1, with more user data than the provider takes",
    ),
    FaultCase(
        GROUP,
        "user data for a pool that there is not",
        wish=1,
        options={"user_data": {"nowhere": CANARIES["user data"]}},
        says="user_data has the unknown key 'nowhere'; allowed are: ….",
        left=0,
        mended="the right key",
        ran="a new pool of 1, with `nowhere` under `user_data`",
    ),
    FaultCase(
        GROUP,
        "every argument that holds a secret",
        play=arguments_are_masked,
        ran="the argument spec of the module is read",
    ),
)
