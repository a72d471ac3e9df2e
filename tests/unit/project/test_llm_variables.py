"""The `LLM_` variables: defaults, types, contradictions, and the catalog's overlay."""

import json
from decimal import Decimal

import pytest

from frontdesk.project import configuration
from frontdesk.project.errors import ConfigurationError

SWITCHES = ("caching", "streaming", "personality", "memory", "cost_alerts", "metrics")


def overlay(**entry):
    return {"LLM_PROVIDERS": json.dumps({"openai": entry})}


def test_defaults():
    chosen = configuration.load({})

    assert (chosen.daily_quota, chosen.hourly_quota, chosen.global_daily_limit) == (
        Decimal(100), Decimal(20), Decimal(1000)
    )  # fmt: skip
    assert [getattr(chosen, f"enable_{name}") for name in SWITCHES] == [True] * 6
    assert (chosen.cache_ttl_s, chosen.debug_mode, chosen.provider_overlays) == (60, False, ())
    assert chosen.contradictions() == []


@pytest.mark.parametrize("name", SWITCHES)
def test_each_switch_has_its_variable(name):
    assert getattr(configuration.load({f"LLM_ENABLE_{name.upper()}": "false"}), f"enable_{name}") is False


def test_money_is_exact():
    chosen = configuration.load({"LLM_HOURLY_QUOTA": "0.1", "LLM_DAILY_QUOTA": "0.100000001"})

    assert (chosen.hourly_quota, chosen.daily_quota) == (Decimal("0.1"), Decimal("0.100000001"))


def test_debug_mode_shows_our_own_lines_and_leaves_the_others():
    chosen = configuration.load({"LLM_DEBUG_MODE": "1", "LOG_LEVEL": "warning"})

    assert (chosen.effective_log_level, chosen.log_level) == ("DEBUG", "WARNING")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"LLM_DAILY_QUOTA": "-1"}, "LLM_DAILY_QUOTA is not valid: input should be greater than or equal to 0"),
        ({"LLM_DAILY_QUOTA": "NaN"}, "LLM_DAILY_QUOTA is not valid: input should be a finite number"),
        ({"LLM_HOURLY_QUOTA": "Infinity"}, "LLM_HOURLY_QUOTA is not valid: input should be a finite number"),
        ({"LLM_GLOBAL_DAILY_LIMIT": "1e12"}, "LLM_GLOBAL_DAILY_LIMIT is not valid: input should be less than"),
        ({"LLM_HOURLY_QUOTA": "1.0000000001"}, "LLM_HOURLY_QUOTA is not valid"),
        ({"LLM_DAILY_QUOTA": "$100"}, "LLM_DAILY_QUOTA is not valid"),
        ({"LLM_HOURLY_QUOTA": "200"}, "LLM_HOURLY_QUOTA (200 USD) is more than LLM_DAILY_QUOTA (100 USD)"),
        ({"LLM_DAILY_QUOTA": "10"}, "LLM_HOURLY_QUOTA (20 USD) is more than LLM_DAILY_QUOTA (10 USD)"),
        ({"LLM_CACHE_TTL": "-1"}, "LLM_CACHE_TTL is not valid: input should be greater than or equal to 0"),
        ({"LLM_CACHE_TTL": "1.5"}, "LLM_CACHE_TTL is not valid"),
        ({"LLM_ENABLE_CACHING": "maybe"}, "LLM_ENABLE_CACHING is not valid"),
        ({"LLM_PROVIDER": "Open AI"}, "LLM_PROVIDER is not valid: a provider's name is"),
        ({"LLM_MODEL_NAME": "gpt 4"}, "LLM_MODEL_NAME is not valid: a model's name is"),
    ],
)
def test_fault_is_refused_with_the_reason(given, message):
    with pytest.raises(ConfigurationError) as refusal:
        configuration.load(given)

    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"LLM_DAILY_QUOTA": "2000"}, "LLM_DAILY_QUOTA (2000 USD) is more than LLM_GLOBAL_DAILY_LIMIT (1000 USD)"),
        ({"LLM_GLOBAL_DAILY_LIMIT": "0"}, "LLM_GLOBAL_DAILY_LIMIT is 0"),
        ({"LLM_CACHE_TTL": "0"}, "LLM_CACHE_TTL is 0"),
    ],
)
def test_doubtful_choice_is_told(given, sentence):
    assert any(found.startswith(sentence) for found in configuration.load(given).contradictions())


def test_overlay_of_the_documented_shape_is_read():
    chosen = configuration.load(overlay(api_key="sk-canary-1", default_model="gpt-3.5-turbo", cost_per_1k_tokens=0.002))

    (entry,) = chosen.provider_overlays
    assert (entry.overlay.name, entry.overlay.default_model) == ("openai", "gpt-3.5-turbo")
    assert entry.overlay.nano_usd_per_mtok == 2_000_000_000
    (key,) = chosen.operator_credentials()
    assert (key.provider, key.key.get_secret_value(), key.variable) == ("openai", "sk-canary-1", "LLM_PROVIDERS")
    assert "sk-canary-1" not in repr(chosen) + str(chosen.model_dump())


def test_address_of_an_overlay_goes_with_the_environments_key():
    given = {"OPENAI_API_KEY": "sk-canary-1", **overlay(base_url="http://proxy:1/v1/", organization="org")}

    (key,) = configuration.load(given).operator_credentials()

    assert (key.base_url, key.organization, key.variable) == ("http://proxy:1/v1", "org", "OPENAI_API_KEY")


def test_provider_that_is_switched_off_lends_no_key():
    assert configuration.load({"OPENAI_API_KEY": "sk-1", **overlay(enabled=False)}).operator_credentials() == []


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"LLM_PROVIDERS": "{"}, "it is not JSON"),
        ({"LLM_PROVIDERS": "[" * 100_000}, "it is not JSON"),
        ({"LLM_PROVIDERS": "[]"}, "it is not a JSON object"),
        ({"LLM_PROVIDERS": '{"openai": 1}'}, "the entry of openai is not a JSON object"),
        ({"LLM_PROVIDERS": '{"Open AI": {}}'}, "a provider's name is"),
        ({"LLM_PROVIDERS": '{"simulated": {}}'}, "simulated is built in"),
        (overlay(apikey="sk-canary"), "the entry of openai has the unknown field 'apikey'"),
        (overlay(api_key=["sk-canary"]), "api_key of openai is not a text"),
        (overlay(api_key="sk-canary\n"), "api_key of openai is not a text"),
        (overlay(enabled="no"), "enabled of openai is not true or false"),
        (overlay(cost_per_1k_tokens=-1), "cost_per_1k_tokens of openai is not an amount"),
        (overlay(cost_per_1k_tokens=True), "cost_per_1k_tokens of openai is not an amount"),
        (overlay(cost_per_1k_tokens="1"), "cost_per_1k_tokens of openai is not an amount"),
        ({"LLM_PROVIDERS": '{"openai": {"cost_per_1k_tokens": NaN}}'}, "it is not JSON"),
        (overlay(api_key="k", base_url="ftp://x"), "base_url of openai is not"),
        (overlay(wire="gemini"), "the catalog says that openai speaks openai"),
        (
            {"LLM_PROVIDERS": '{"acme": {"base_url": "http://a/v1"}}'},
            "acme is not in the catalog, so its wire is needed",
        ),
        ({"LLM_PROVIDERS": '{"acme": {"wire": "openai"}}'}, "acme is not in the catalog, so its base_url is needed"),
    ],
)
def test_overlay_that_is_wrong_is_refused_and_no_value_repeated(given, reason):
    with pytest.raises(ConfigurationError) as refusal:
        configuration.load(given)

    assert str(refusal.value).startswith(f"LLM_PROVIDERS is not valid: {reason}")
    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (overlay(base_url="http://proxy/v1"), "LLM_PROVIDERS gives a base_url for openai without api_key"),
        (
            {"OPENAI_API_KEY": "sk-canary-1", **overlay(api_key="sk-canary-2")},
            "OPENAI_API_KEY and LLM_PROVIDERS give different keys for openai",
        ),
        (
            {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://a/v1", **overlay(base_url="http://b/v1")},
            "OPENAI_BASE_URL and LLM_PROVIDERS give different addresses for openai",
        ),
    ],
)
def test_overlay_that_contradicts_is_refused(given, reason):
    with pytest.raises(ConfigurationError) as refusal:
        configuration.load(given)

    assert str(refusal.value).startswith(reason)
    assert "canary" not in str(refusal.value)
