"""What a call costs, in integers from the token counts to the bill; knows no provider and no database.

Where a price has tiers, the length of the whole input decides which one holds for all tokens of the call, as the
providers that have them bill (Anthropic, Google, OpenAI and xAI; so modelled by genai-prices, `TieredPrices`).
"""

from frontdesk.gateway.messages import Usage
from frontdesk.gateway.money import NanoUSD
from frontdesk.gateway.snapshot import Price, PriceTier

TOKENS_PER_PRICE = 1_000_000
"""Prices are for so many tokens."""


def cost(usage: Usage, price: Price | None) -> NanoUSD | None:
    """Compute the cost of a call, rounded half up once at the end; None without a price: unknown is not zero.

    Reasoning is billed at the output price, as every provider does whose bill shows it.
    """
    if price is None:
        return None
    rate = rate_of(price, usage.input_tokens) if price.tiers else price
    total = (
        usage.uncached_input * rate.input
        + usage.cache_read * rate.cache_read
        + usage.cache_write * rate.cache_write
        + (usage.output + usage.reasoning) * rate.output
    )
    return NanoUSD((2 * total + TOKENS_PER_PRICE) // (2 * TOKENS_PER_PRICE))


def rate_of(price: Price, input_tokens: int) -> Price | PriceTier:
    """Choose what holds for a call with so much input: the highest tier that it is above, or the price itself."""
    rate: Price | PriceTier = price
    for tier in price.tiers:
        if input_tokens <= tier.above:
            break
        rate = tier
    return rate


def worst_case(price: Price | None, input_tokens: int, output_tokens: int) -> int:
    """Compute the most that a call of at most so many tokens can cost, in nano-USD, rounded up; 0 without a price.

    The input may turn out to be shorter, cached or written to the cache: no such call costs more.
    """
    if price is None:
        return 0
    most = _most_input(price, input_tokens) + output_tokens * price.output
    for tier in price.tiers:
        if input_tokens <= tier.above:
            break
        most = max(most, _most_input(tier, input_tokens) + output_tokens * tier.output)
    return -(-most // TOKENS_PER_PRICE)


def output_allowance(price: Price | None, input_tokens: int, budget_nano_usd: int) -> int | None:
    """Compute how many tokens of output keep the worst case within a budget; None where nothing bounds them.

    0 is also the answer where the input alone is more than the budget.
    """
    if price is None:
        return None
    allowed: int | None = None
    budget = budget_nano_usd * TOKENS_PER_PRICE
    rates: list[Price | PriceTier] = [price, *(tier for tier in price.tiers if input_tokens > tier.above)]
    for rate in rates:
        left = budget - _most_input(rate, input_tokens)
        if left < 0:
            return 0
        if rate.output:
            allowed = left // rate.output if allowed is None else min(allowed, left // rate.output)
    return allowed


def _most_input(rate: Price | PriceTier, tokens: int) -> int:
    return tokens * max(rate.input, rate.cache_read, rate.cache_write)
