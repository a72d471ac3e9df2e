"""LLMConfigManager: what is in force, what is wrong with it, and the changes it makes."""

from __future__ import annotations

import json

import pytest
from django.core.exceptions import ValidationError

from frontdesk.project import configuration
from frontdesk.project.llm_config import LLMConfigManager
from frontdesk.tenants import selectors, services
from frontdesk.tenants.tenancy import current_version
from frontdesk.usage import services as usage
from frontdesk.usage.models import Budget, LLMProvider

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def catalog(monkeypatch):
    """The catalog, in a process that has loaded Django already."""
    monkeypatch.setattr("frontdesk.project.cli.preflight.prepare", lambda: None)
    usage.setup_catalog()


@pytest.fixture
def manager(settings):
    """The manager of an environment, which the process runs in too."""

    def make(**variables):
        settings.CONFIGURATION = chosen = configuration.load({"ENVIRONMENT": "test", **variables})
        settings.LLM_PREFERRED_PROVIDER, settings.LLM_PREFERRED_MODEL = (
            chosen.preferred_provider,
            chosen.preferred_model,
        )
        settings.LLM_PROVIDER_OVERLAYS = tuple(entry.overlay for entry in chosen.provider_overlays)
        return LLMConfigManager(chosen)

    return make


def test_summary_has_environment_providers_and_global_settings(manager):
    services.store_credential(selectors.operator().pk, "groq", "gsk-stored-0123456789", label="second")

    summary = manager(OPENAI_API_KEY="sk-env-0123456789", LLM_DAILY_QUOTA="50.5").get_configuration_summary()

    assert list(summary) == ["environment", "providers", "global_settings"]
    assert (summary["environment"], sorted(summary["providers"])) == ("test", ["groq", "openai"])
    assert summary["global_settings"]["daily_quota"] == "50.5"
    assert "0123456789" not in json.dumps(summary)


def test_keys_of_a_provider_are_listed_in_the_order_of_use(manager):
    operator = selectors.operator().pk
    for label, priority, is_enabled in (("late", 200, True), ("off", 1, False), ("early", 50, True)):
        row = services.store_credential(
            operator, "openai", f"sk-{label}-0123456789-{label:>4}".replace(" ", "_"), label=label
        )
        row.priority, row.is_enabled = priority, is_enabled
        row.save()

    openai = manager(OPENAI_API_KEY="sk-env-0123456789").get_configuration_summary()["providers"]["openai"]

    assert [key["label"] for key in openai["keys"]] == ["off", "early", "late", "environment"]
    assert (openai["api_key"], openai["is_enabled"]) == ("…arly", True)


def test_sound_configuration_is_valid(manager):
    verdict = manager(OPENAI_API_KEY="sk-env-0123456789").validate_configuration()

    assert verdict == {"valid": True, "errors": [], "warnings": []}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"LLM_PROVIDER": "nobody"}, "LLM_PREFERRED_PROVIDER names nobody, which is no provider here"),
        ({"LLM_PROVIDER": "cohere"}, "LLM_PREFERRED_PROVIDER names cohere, whose wire format this version"),
        ({"LLM_MODEL_NAME": "gpt-nonsense"}, "LLM_PREFERRED_MODEL cannot be used: The model `gpt-nonsense`"),
    ],
)
def test_preference_that_does_not_exist_is_an_error(manager, given, error):
    verdict = manager(OPENAI_API_KEY="sk-env-0123456789", **given).validate_configuration()

    assert verdict["valid"] is False
    (found,) = verdict["errors"]
    assert found.startswith(error)


def test_preferred_provider_that_is_switched_off_is_an_error(manager):
    LLMProvider.objects.filter(name="openai").update(is_enabled=False)

    (found,) = manager(LLM_PROVIDER="openai", OPENAI_API_KEY="k").validate_configuration()["errors"]

    assert found.startswith("LLM_PREFERRED_PROVIDER names openai, which is switched off")


@pytest.mark.parametrize(
    ("given", "warning"),
    [
        ({}, "no provider key is set"),
        ({"LLM_PROVIDER": "groq", "OPENAI_API_KEY": "k"}, "LLM_PREFERRED_PROVIDER names groq, for which the operator"),
        (
            {"LLM_PROVIDER": "openai", "LLM_MODEL_NAME": "brand-new", "OPENAI_API_KEY": "k"},
            "LLM_PREFERRED_MODEL names brand-new, which the catalog does not list under openai",
        ),
        ({"OPENAI_API_KEY": "k", "LLM_DAILY_QUOTA": "5000"}, "LLM_DAILY_QUOTA (5000 USD) is more than"),
    ],
)
def test_doubt_is_a_warning(manager, given, warning):
    verdict = manager(**given).validate_configuration()

    assert (verdict["valid"], verdict["errors"]) == (True, [])
    assert any(found.startswith(warning) for found in verdict["warnings"])


def test_available_are_the_providers_that_a_call_could_use(manager):
    overlay = '{"acme": {"wire": "openai", "base_url": "http://acme:1/v1", "api_key": "k", "default_model": "m"}}'
    services.store_credential(selectors.operator().pk, "groq", "gsk-0123456789")

    chosen = manager(OPENAI_API_KEY="sk-env", COHERE_API_KEY="its wire is not spoken", LLM_PROVIDERS=overlay)

    assert chosen.get_available_providers() == ["acme", "groq", "openai"]


def test_provider_is_switched_off_and_on(manager):
    chosen = manager(OPENAI_API_KEY="sk-env")
    version = current_version()

    chosen.enable_provider("openai", enabled=False)
    without = chosen.get_available_providers()
    chosen.enable_provider("openai", enabled=False)
    moved = current_version() - version
    chosen.enable_provider("openai")

    assert (without, moved, chosen.get_available_providers()) == ([], 1, ["openai"])


def quotas(chosen, name="openai"):
    entry = chosen.get_configuration_summary()["providers"][name]
    return entry["daily_quota"], entry["hourly_quota"]


def test_quota_of_a_provider_becomes_its_budget(manager):
    chosen = manager(OPENAI_API_KEY="sk-env", GROQ_API_KEY="gsk-env")

    chosen.update_provider_quota("openai", daily_quota=200.0, hourly_quota=50.0)

    rows = Budget.objects.across_tenants().filter(scope="provider", owner="openai")
    assert sorted(rows.values_list("unit", "window", "limit")) == [
        ("usd", "day", 200_000_000_000),
        ("usd", "hour", 50_000_000_000),
    ]
    assert (quotas(chosen), quotas(chosen, "groq")) == (("200", "50"), ("100", "20"))


def test_quota_that_is_not_given_stays(manager):
    chosen = manager(OPENAI_API_KEY="sk-env")

    chosen.update_provider_quota("openai", hourly_quota=0.1)

    assert quotas(chosen) == ("100", "0.1")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"daily_quota": -1}, "daily_quota is not an amount of USD"),
        ({"daily_quota": float("nan")}, "daily_quota is not an amount of USD"),
        ({"hourly_quota": float("inf")}, "hourly_quota is not an amount of USD"),
        ({"hourly_quota": "much"}, "hourly_quota is not an amount of USD"),
        ({"hourly_quota": 101}, "could cost more in an hour"),
        ({"daily_quota": 500, "hourly_quota": 501}, "could cost more in an hour"),
    ],
)
def test_quota_that_makes_no_sense_is_refused_and_nothing_changed(manager, given, reason):
    chosen = manager(OPENAI_API_KEY="sk-env")

    with pytest.raises(ValidationError, match=reason):
        chosen.update_provider_quota("openai", **given)
    assert quotas(chosen) == ("100", "20")


def test_unknown_provider_is_refused_with_the_names_there_are(manager):
    with pytest.raises(ValidationError, match=r"no provider 'nobody'; known: .*openai"):
        manager().enable_provider("nobody", enabled=True)


def test_master_key_is_fresh_each_time():
    assert LLMConfigManager.generate_master_key() != LLMConfigManager.generate_master_key()
