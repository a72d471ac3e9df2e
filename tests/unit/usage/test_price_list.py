"""The price list as dated integers: what it says, and what is said about it."""

from datetime import UTC, datetime

import genai_prices
import pytest
from genai_prices import data

from frontdesk.gateway import money, pricing
from frontdesk.gateway.messages import Usage
from frontdesk.gateway.snapshot import Price, PriceTier
from frontdesk.usage import price_list
from frontdesk.usage.price_list import BEGINNING, ListedModel


def listed(provider: str, name: str) -> ListedModel:
    [model] = [model for model in price_list.models_of(provider) if model.name == name]
    return model


def prices(model: ListedModel) -> list[tuple[datetime, int, int, int, int, str]]:
    return [
        (
            price.valid_from,
            price.input,
            price.output,
            price.cache_read,
            price.cache_write,
            price.source.partition(", ")[2],
        )
        for price in model.prices
    ]


def test_a_plain_price_is_valid_from_the_beginning() -> None:
    assert prices(listed("openai", "gpt-4o")) == [
        (BEGINNING, 2_500_000_000, 10_000_000_000, 1_250_000_000, 2_500_000_000, "")
    ]


def test_without_a_price_for_the_cache_its_tokens_cost_as_others() -> None:
    assert prices(listed("openai", "gpt-4")) == [
        (BEGINNING, 30_000_000_000, 60_000_000_000, 30_000_000_000, 30_000_000_000, "")
    ]


def test_a_price_that_changed_has_its_date() -> None:
    assert prices(listed("openai", "o3")) == [
        (BEGINNING, 10_000_000_000, 40_000_000_000, 500_000_000, 10_000_000_000, ""),
        (datetime(2025, 6, 10, tzinfo=UTC), 2_000_000_000, 8_000_000_000, 500_000_000, 2_000_000_000, ""),
    ]


def test_prices_of_long_prompts_are_tiers() -> None:
    pro = listed("google", "gemini-2.5-pro")

    assert prices(pro) == [(BEGINNING, 1_250_000_000, 10_000_000_000, 125_000_000, 1_250_000_000, "")]
    assert pro.prices[0].tiers == (
        PriceTier(
            above=200_000,
            input=2_500_000_000,
            output=15_000_000_000,
            cache_read=250_000_000,
            cache_write=2_500_000_000,  # the list knows none: as input of that tier
        ),
    )


def test_several_tiers_are_in_the_order_of_their_length() -> None:
    *_, price = listed("openrouter", "qwen/qwen3-coder-flash").prices

    assert [tier.above for tier in price.tiers] == [32_000, 128_000]
    assert price.input < price.tiers[0].input < price.tiers[1].input


def test_a_kind_of_token_without_tiers_costs_the_same_at_any_length() -> None:
    *_, price = listed("openrouter", "google/gemini-2.5-pro").prices

    assert price.tiers[0].cache_write == price.cache_write
    assert price.tiers[0].input == 2 * price.input


def test_a_price_that_lost_its_tiers_has_none_from_that_day_on() -> None:
    before, after = listed("anthropic", "claude-opus-4-6").prices

    assert [tier.above for tier in before.tiers] == [200_000]
    assert (after.valid_from, after.tiers) == (datetime(2026, 3, 13, tzinfo=UTC), ())


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google", "x-ai", "openrouter"])
@pytest.mark.parametrize("tokens", [1, 32_000, 32_001, 128_000, 128_001, 199_999, 200_000, 200_001, 272_001, 900_000])
def test_costs_agree_with_what_the_list_itself_computes(provider: str, tokens: int) -> None:
    theirs = {model.id: model for entry in data.providers if entry.id == provider for model in entry.models}
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    compared = 0
    for model in price_list.models_of(provider):
        ours = [price for price in model.prices if price.valid_from <= now][-1]
        if model.name not in theirs or not ours.tiers or "dearest" in ours.source:
            continue
        entry = theirs[model.name].get_prices(now)
        expected = entry.calc_price(genai_prices.Usage(input_tokens=tokens, output_tokens=1_000))["total_price"]
        names = ("input", "output", "cache_read", "cache_write", "source", "tiers")
        price = Price(**{name: getattr(ours, name) for name in names})
        assert pricing.cost(Usage(tokens, 0, 0, 1_000), price) == money.from_usd(expected), model.name
        compared += 1
    assert compared >= 2


def test_hours_are_taken_at_their_dearest_and_say_so() -> None:
    assert prices(listed("deepseek", "deepseek-flash")) == [
        (BEGINNING, 300_000_000, 1_200_000_000, 6_000_000, 300_000_000, "dearest hours")
    ]


def test_snapshots_of_a_model_are_models_with_its_price() -> None:
    assert listed("openai", "gpt-4o-2024-08-06").prices == listed("openai", "gpt-4o").prices


def test_what_is_no_chat_model_is_left_out() -> None:
    names = {model.name for model in price_list.models_of("openai")}

    assert {"gpt-4o", "gpt-4o-mini", "o3"} <= names
    assert {"whisper-1", "tts-1", "text-embedding-3-small", "gpt-image-1", "gpt-realtime", "o3-pro"} & names == set()


def test_an_unknown_list_is_empty() -> None:
    assert list(price_list.models_of("")) == []
