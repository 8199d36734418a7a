"""Accounts from options, environment and defaults."""

from __future__ import annotations

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils import settings
from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Auth, Permanent

ENVIRON = {"HCLOUD_TOKEN": "from-environment", "SCW_SECRET_KEY": "s3cret"}


def test_an_option_wins_over_the_environment_and_that_over_the_default() -> None:
    resolved = settings.resolve({"providers": {"hetzner": {"token": "from-option"}}}, ENVIRON)

    assert resolved["hetzner"] == {"endpoint": "https://api.hetzner.cloud/v1", "token": "from-option"}
    assert settings.resolve({}, ENVIRON)["hetzner"]["token"] == "from-environment"
    assert settings.resolve({"providers": {"hetzner": None}}, ENVIRON)["hetzner"]["token"] == "from-environment"


def test_what_is_missing_is_named_with_both_places_to_set_it() -> None:
    resolved = settings.resolve({}, ENVIRON)

    assert [setting.name for setting in settings.missing("scaleway", resolved["scaleway"])] == [
        "access_key",
        "project_id",
    ]
    with pytest.raises(Auth, match=r"set SCW_ACCESS_KEY or providers\.scaleway\.access_key") as caught:
        settings.require("scaleway", resolved["scaleway"])
    assert "s3cret" not in str(caught.value)
    settings.require("hetzner", resolved["hetzner"])


@pytest.mark.parametrize(
    ("providers", "sentence"),
    [
        pytest.param(
            {"hetzer": {"token": "s3cret"}},
            f"Unknown key providers.hetzer; allowed are: {', '.join(settings.names())}.",
            id="an unknown provider",
        ),
        pytest.param(
            {"hetzner": {"tokn": "s3cret"}},
            "Unknown key providers.hetzner.tokn; allowed are: endpoint, token.",
            id="an unknown key",
        ),
        pytest.param({"hetzner": "s3cret"}, "providers.hetzner must be a mapping with the keys", id="no mapping"),
        pytest.param({"hetzner": {"token": 7}}, "providers.hetzner.token must be text, not int.", id="no text"),
    ],
)
def test_what_cannot_be_meant_is_refused_without_its_value(providers: object, sentence: str) -> None:
    with pytest.raises(Permanent) as caught:
        settings.resolve({"providers": providers}, {})

    assert sentence in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("provider", settings.names())
def test_every_secret_is_hidden_by_the_argument_spec(provider: str) -> None:
    spec = settings.PROVIDER_OPTIONS["providers"]["options"][provider]["options"]

    for setting in settings.setting_list(provider):
        looks_secret = any(word in setting.name for word in ("secret", "password")) or setting.name == "token"
        assert setting.secret == looks_secret
        assert spec[setting.name]["no_log"] is setting.secret
        assert spec[setting.name]["fallback"][1] == ([setting.env] if setting.env else [])


def test_a_setting_is_not_missed_when_the_one_in_its_place_is_given() -> None:
    account = {"project_id": "p", "application_credential_id": "id", "application_credential_secret": "s"}

    assert settings.missing("ovhcloud", account) == []
    assert "username" in {setting.name for setting in settings.missing("ovhcloud", {"project_id": "p"})}


def test_a_provider_that_shares_its_variables_with_another_reads_none() -> None:
    environ = {"OS_USERNAME": "u", "OS_PASSWORD": "p", "OS_PROJECT_ID": "i"}

    resolved = settings.resolve({}, environ)

    assert settings.missing("ovhcloud", resolved["ovhcloud"]) == []
    with pytest.raises(Auth, match=r"set providers\.infomaniak\.username"):
        settings.require("infomaniak", resolved["infomaniak"])
