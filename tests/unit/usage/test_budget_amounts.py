"""Limits as people write them."""

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.gateway.budgets import terms
from frontdesk.usage.budgets import amounts


@pytest.mark.parametrize(
    ("text", "unit", "limit"),
    [
        ("0", "requests", 0),
        ("100", "requests", 100),
        (" 5000 ", "tokens", 5_000),
        ("12.000", "tokens", 12),
        ("2.5", "usd", 2_500_000_000),
        ("0.000000001", "usd", 1),
        ("9007199254740992", "tokens", terms.MOST),
        ("9007199.254740992", "usd", terms.MOST),
        ("none", "usd", None),
        ("NONE", "requests", None),
    ],
)
def test_a_limit_is_read_exactly(text: str, unit: terms.Unit, limit: int | None) -> None:
    assert amounts.parse(text, unit) == limit


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("-1", "requests"), ("-0.5", "usd"), ("NaN", "usd"), ("Infinity", "usd"), ("1e3", "usd"), ("1.5", "requests"),
        ("0.5", "tokens"), ("9007199254740993", "tokens"), ("9007199.254740993", "usd"), ("0.0000000001", "usd"),
        ("", "usd"), ("1,000", "requests"), ("１００", "requests"), ("1" * 5_000, "requests"), ("0x10", "tokens"),
    ],
)  # fmt: skip
def test_what_is_no_limit_is_refused(text: str, unit: terms.Unit) -> None:
    with pytest.raises(ValidationError):
        amounts.parse(text, unit)


@given(st.integers(0, terms.MOST), st.sampled_from(terms.UNITS))
def test_what_is_written_is_read_back(limit: int, unit: terms.Unit) -> None:
    assert amounts.parse(amounts.written(limit, unit), unit) == limit


def test_money_is_written_with_its_cents() -> None:
    assert [amounts.written(amount, "usd") for amount in (0, 20_000_000_000, 2_500_000_000, 292_500, None)] == [
        "0.00", "20.00", "2.50", "0.0002925", "none",
    ]  # fmt: skip
