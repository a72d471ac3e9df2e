"""Money as integers: nano-USD inside, `Decimal` USD at the edges, never a float."""

from decimal import Decimal
from typing import NewType

NanoUSD = NewType("NanoUSD", int)
"""A billionth of a US dollar. A token of the cheapest models costs tens of these."""

NANO_PER_USD = 1_000_000_000


def from_usd(amount: Decimal) -> NanoUSD:
    """Turn a Decimal amount of USD into nano-USD, rounded half up."""
    return NanoUSD(int((amount * NANO_PER_USD).to_integral_value(rounding="ROUND_HALF_UP")))


def to_usd(amount: NanoUSD) -> Decimal:
    """Turn nano-USD into an exact Decimal amount of USD."""
    return Decimal(amount) / NANO_PER_USD
