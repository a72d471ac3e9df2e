"""What a call costs: exact integers, rounded once."""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.gateway import pricing
from frontdesk.gateway.messages import Usage
from frontdesk.gateway.snapshot import Price

MINI = Price(input=150_000_000, output=600_000_000, cache_read=75_000_000, cache_write=150_000_000, source="test")

tokens = st.integers(0, 10**9)
amounts = st.integers(0, 10**12)
usages = st.builds(Usage, tokens, tokens, tokens, tokens, tokens)
prices = st.builds(
    Price, input=amounts, output=amounts, cache_read=amounts, cache_write=amounts, source=st.just("test")
)


def test_an_ordinary_call_costs_what_the_price_page_says() -> None:
    # 900 x $0.15 + 100 x $0.075 + 250 x $0.60, a million tokens each
    assert pricing.cost(Usage(900, 100, 0, 250, 0), MINI) == 292_500


def test_reasoning_is_billed_as_output() -> None:
    assert pricing.cost(Usage(0, 0, 0, 100, 150), MINI) == pricing.cost(Usage(0, 0, 0, 250, 0), MINI) == 150_000


def test_without_a_price_the_cost_is_unknown_and_not_zero() -> None:
    assert pricing.cost(Usage(900, 100, 0, 250, 0), None) is None


@pytest.mark.parametrize(
    ("price_per_mtok", "cost"), [(499_999, 0), (500_000, 1), (1_499_999, 1), (1_500_000, 2), (2_500_000, 3)]
)
def test_halves_are_rounded_up(price_per_mtok: int, cost: int) -> None:
    price = Price(input=price_per_mtok, output=0, cache_read=0, cache_write=0, source="test")

    assert pricing.cost(Usage(1), price) == cost


def test_buckets_are_rounded_together_not_one_by_one() -> None:
    price = Price(input=400_000, output=400_000, cache_read=400_000, cache_write=0, source="test")

    assert pricing.cost(Usage(1, 1, 0, 1, 0), price) == 1


@given(usages, prices)
def test_the_cost_is_the_exact_sum_rounded_half_up(usage: Usage, price: Price) -> None:
    exact = Fraction(
        usage.uncached_input * price.input
        + usage.cache_read * price.cache_read
        + usage.cache_write * price.cache_write
        + usage.output_tokens * price.output,
        1_000_000,
    )

    assert pricing.cost(usage, price) == floor(exact + Fraction(1, 2))


@given(usages, usages, prices)
def test_two_calls_together_differ_from_their_sum_by_rounding_alone(one: Usage, two: Usage, price: Price) -> None:
    together = Usage(
        one.uncached_input + two.uncached_input,
        one.cache_read + two.cache_read,
        one.cache_write + two.cache_write,
        one.output + two.output,
        one.reasoning + two.reasoning,
    )
    apart = (pricing.cost(one, price) or 0) + (pricing.cost(two, price) or 0)

    assert abs((pricing.cost(together, price) or 0) - apart) <= 1
