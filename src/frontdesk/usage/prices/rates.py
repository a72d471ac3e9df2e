"""What a price says, apart from when and whence: compared, stored and shown."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from frontdesk.gateway import money
from frontdesk.gateway.money import NanoUSD
from frontdesk.gateway.snapshot import PriceTier
from frontdesk.usage.models import ModelPrice
from frontdesk.usage.price_list import DatedPrice

KINDS = ("input", "output", "cache_read", "cache_write")
"""The kinds of tokens that have a price of their own."""


class Rate(NamedTuple):
    """Nano-USD per million tokens, for calls with more input than `above`; 0 for all."""

    above: int
    input: int
    output: int
    cache_read: int
    cache_write: int


Rates = tuple[Rate, ...]
"""A price's own rate (above 0), then those of its tiers in order."""


def listed(price: DatedPrice) -> Rates:
    """Give the rates of a price list's entry."""
    return (
        Rate(0, price.input, price.output, price.cache_read, price.cache_write),
        *(Rate(tier.above, tier.input, tier.output, tier.cache_read, tier.cache_write) for tier in price.tiers),
    )


def stored(row: ModelPrice) -> Rates:
    """Give the rates of a row."""
    base = Rate(
        0,
        row.input_nano_usd_per_mtok,
        row.output_nano_usd_per_mtok,
        row.cache_read_nano_usd_per_mtok,
        row.cache_write_nano_usd_per_mtok,
    )
    return (base, *(Rate(tier.above, *(getattr(tier, kind) for kind in KINDS)) for tier in tiers(row.tiers)))


def tiers(values: Any) -> tuple[PriceTier, ...]:
    """Read the tiers of a row's JSON, in order. msgspec.ValidationError when they are none."""
    found = msgspec.convert(values, tuple[PriceTier, ...])
    return tuple(sorted(found, key=lambda tier: tier.above))


def columns(rates: Rates) -> dict[str, Any]:
    """Give a row's columns for these rates."""
    base, *others = rates
    return {
        **{f"{kind}_nano_usd_per_mtok": getattr(base, kind) for kind in KINDS},
        "tiers": [rate._asdict() for rate in others],
    }


def at(rates: Rates, above: int) -> Rate:
    """Find the rate of calls whose input is just above so many tokens."""
    return next(rate for rate in reversed(rates) if rate.above <= above)


def usd(nano_usd_per_mtok: int) -> str:
    """Write an amount in USD, exactly and without trailing zeros."""
    amount = money.to_usd(NanoUSD(nano_usd_per_mtok))
    return f"{amount.normalize():f}" if amount else "0"


def plain(rates: Rates) -> dict[str, Any]:
    """Give the rates in USD per million tokens, for programs; decimals as text."""
    base, *others = rates
    return {
        **{kind: usd(getattr(base, kind)) for kind in KINDS},
        "tiers": [{"above": rate.above, **{kind: usd(getattr(rate, kind)) for kind in KINDS}} for rate in others],
    }


def short(rates: Rates) -> str:
    """Write the rates for a table: input / output (cache read, cache write), then the tiers."""
    return "; ".join(
        (f">{rate.above // 1000}k: " if rate.above else "")
        + f"{usd(rate.input)} / {usd(rate.output)} ({usd(rate.cache_read)}, {usd(rate.cache_write)})"
        for rate in rates
    )


def change_percent(old: Rates, new: Rates) -> Decimal | None:
    """Give the largest relative change of any rate, in percent with its sign; None where what was free is no longer."""
    changes: list[Decimal] = []
    for above in sorted({rate.above for rate in (*old, *new)}):
        before, after = at(old, above), at(new, above)
        for kind in KINDS:
            was, becomes = getattr(before, kind), getattr(after, kind)
            if was == 0 and becomes:
                return None
            if was != becomes:
                changes.append(Decimal(becomes - was) * 100 / was)
    return max(changes, key=abs, default=Decimal(0))


def to_zero(old: Rates, new: Rates) -> bool:
    """Tell whether anything that had a price becomes free."""
    thresholds = {rate.above for rate in (*old, *new)}
    pairs: Sequence[tuple[Rate, Rate]] = [(at(old, above), at(new, above)) for above in thresholds]
    return any(getattr(before, kind) and not getattr(after, kind) for before, after in pairs for kind in KINDS)
