"""What a call costs: exact integers, rounded once; what it can cost at most, and what a budget leaves for output."""

from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.gateway import pricing
from frontdesk.gateway.messages import Usage
from frontdesk.gateway.snapshot import Price, PriceTier

MINI = Price(input=150_000_000, output=600_000_000, cache_read=75_000_000, cache_write=150_000_000, source="test")

tokens = st.integers(0, 10**9)
amounts = st.integers(0, 10**12)
usages = st.builds(Usage, tokens, tokens, tokens, tokens, tokens)
prices = st.builds(
    Price, input=amounts, output=amounts, cache_read=amounts, cache_write=amounts, source=st.just("test")
)
_tiers = st.builds(
    PriceTier, above=st.integers(0, 10**6), input=amounts, output=amounts, cache_read=amounts, cache_write=amounts
)
tiered_prices = st.builds(
    Price,
    input=amounts,
    output=amounts,
    cache_read=amounts,
    cache_write=amounts,
    source=st.just("test"),
    tiers=st.lists(_tiers, max_size=4, unique_by=lambda tier: tier.above).map(
        lambda tiers: tuple(sorted(tiers, key=lambda tier: tier.above))
    ),
)
some_tokens = st.integers(0, 10**6)
some_usages = st.builds(Usage, some_tokens, some_tokens, some_tokens, some_tokens, some_tokens)
PRO = Price(
    input=1_250_000_000,
    output=10_000_000_000,
    cache_read=125_000_000,
    cache_write=1_250_000_000,
    source="test",
    tiers=(
        PriceTier(
            above=200_000,
            input=2_500_000_000,
            output=15_000_000_000,
            cache_read=250_000_000,
            cache_write=2_500_000_000,
        ),
    ),
)


def oracle(usage: Usage, price: Price) -> int:
    """The bill in decimals, written down a second time."""
    rate = next((tier for tier in reversed(price.tiers) if usage.input_tokens > tier.above), None) or price
    with localcontext(prec=60):
        lines = (
            (usage.uncached_input, rate.input),
            (usage.cache_read, rate.cache_read),
            (usage.cache_write, rate.cache_write),
            (usage.output, rate.output),
            (usage.reasoning, rate.output),
        )
        total = sum((Decimal(tokens) * amount / 1_000_000 for tokens, amount in lines), Decimal(0))
        return int(total.to_integral_value(ROUND_HALF_UP))


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


def test_up_to_the_tier_a_call_costs_the_base_price() -> None:
    assert pricing.cost(Usage(150_000, 50_000, 0, 1_000, 0), PRO) == 187_500_000 + 6_250_000 + 10_000_000


def test_one_token_above_the_tier_all_tokens_cost_its_price() -> None:
    assert pricing.cost(Usage(150_001, 50_000, 0, 1_000, 0), PRO) == 375_002_500 + 12_500_000 + 15_000_000


@given(some_usages, tiered_prices)
def test_the_cost_is_what_decimals_make_of_it(usage: Usage, price: Price) -> None:
    assert pricing.cost(usage, price) == oracle(usage, price)


@given(some_usages, tiered_prices, some_tokens, some_tokens)
def test_no_call_within_the_bounds_costs_more_than_the_worst_case(
    usage: Usage, price: Price, more_input: int, more_output: int
) -> None:
    most = pricing.worst_case(price, usage.input_tokens + more_input, usage.output_tokens + more_output)

    assert oracle(usage, price) <= most


def test_the_worst_case_is_a_call_that_can_happen() -> None:
    assert pricing.worst_case(PRO, 200_000, 1_000) == pricing.cost(Usage(200_000, 0, 0, 1_000, 0), PRO)
    assert pricing.worst_case(PRO, 200_001, 1_000) == pricing.cost(Usage(200_001, 0, 0, 1_000, 0), PRO)
    assert pricing.worst_case(None, 200_001, 1_000) == 0


@given(tiered_prices, some_tokens, st.integers(0, 10**15))
def test_the_allowance_is_the_most_output_that_stays_within_the_budget(price: Price, tokens: int, budget: int) -> None:
    allowed = pricing.output_allowance(price, tokens, budget)

    if pricing.worst_case(price, tokens, 0) > budget:
        assert allowed == 0
    elif allowed is None:
        assert pricing.worst_case(price, tokens, 10**12) <= budget
    else:
        assert pricing.worst_case(price, tokens, allowed) <= budget < pricing.worst_case(price, tokens, allowed + 1)


def test_without_a_price_nothing_bounds_the_output() -> None:
    assert pricing.output_allowance(None, 1_000, 0) is None
