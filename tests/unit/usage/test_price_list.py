"""The price list as dated integers: what it says, and what is said about it."""

from datetime import UTC, datetime

from frontdesk.usage import price_list
from frontdesk.usage.price_list import BEGINNING, DatedPrice, ListedModel


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


def test_tiers_are_taken_at_their_base_and_say_so() -> None:
    assert prices(listed("openai", "gpt-6-luna")) == [
        (BEGINNING, 100_000_000, 500_000_000, 10_000_000, 125_000_000, "base tier")
    ]


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


def test_amounts_leave_out_when_and_whence() -> None:
    assert DatedPrice(BEGINNING, 1, 2, 3, 4, "a").amounts == (1, 2, 3, 4)
