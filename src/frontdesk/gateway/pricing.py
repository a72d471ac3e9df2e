"""What a call costs, in integers from the token counts to the bill; knows no provider and no database."""

from frontdesk.gateway.messages import Usage
from frontdesk.gateway.money import NanoUSD
from frontdesk.gateway.snapshot import Price

TOKENS_PER_PRICE = 1_000_000
"""Prices are for so many tokens."""


def cost(usage: Usage, price: Price | None) -> NanoUSD | None:
    """Compute the cost of a call, rounded half up once at the end; None without a price: unknown is not zero.

    Reasoning is billed at the output price, as every provider does whose bill shows it.
    """
    if price is None:
        return None
    total = (
        usage.uncached_input * price.input
        + usage.cache_read * price.cache_read
        + usage.cache_write * price.cache_write
        + (usage.output + usage.reasoning) * price.output
    )
    return NanoUSD((2 * total + TOKENS_PER_PRICE) // (2 * TOKENS_PER_PRICE))
