"""genai-prices translated into dated prices of our own; the only module that knows that library.

Prices that depend on the prompt's length come with their tiers: there, the whole call costs what the highest tier says
whose `start` its input is above. Those that depend on the hour are taken at their dearest, which the price's source
says. Prices of requests in batches, of tools and of audio are left out.
"""

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from frontdesk.gateway import money
from frontdesk.gateway.providers.catalog import NOT_CHAT
from frontdesk.gateway.snapshot import PriceTier

BEGINNING = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
"""From when on a price without a date is taken to be valid."""

_SNAPSHOT_SUFFIX = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|latest)")


class DatedPrice(msgspec.Struct, frozen=True):
    """Nano-USD per million tokens from a moment on; `tiers` in the order of their input."""

    valid_from: dt.datetime
    input: int
    output: int
    cache_read: int
    cache_write: int
    source: str
    tiers: tuple[PriceTier, ...] = ()


class ListedModel(msgspec.Struct, frozen=True):
    """A chat model of the price list; `prices` in the order of their dates, at least one."""

    name: str
    context_window: int | None
    prices: tuple[DatedPrice, ...]


def models_of(price_list: str) -> Iterator[ListedModel]:
    """Read a provider's chat models, each name under which one can be called; nothing for an unknown provider."""
    # Loads pydantic and a megabyte of prices, which nothing but an import of the catalog needs.
    import genai_prices  # noqa: PLC0415
    from genai_prices import data  # noqa: PLC0415

    source = f"genai-prices {genai_prices.__version__}"
    for provider in data.providers:
        if provider.id == price_list:
            for model in provider.models:
                prices = _dated(model.prices, source)
                if prices:
                    for name in _names(model):
                        yield ListedModel(name, model.context_window, prices)


def _names(model: Any) -> list[str]:
    """List the model's own name and its snapshots', as far as the list spells them out."""
    literals = {clause.equals for clause in getattr(model.match, "or_", [model.match]) if hasattr(clause, "equals")}
    snapshots = {
        name for name in literals if name.startswith(model.id) and _SNAPSHOT_SUFFIX.fullmatch(name[len(model.id) :])
    }
    return sorted(name for name in {model.id} | snapshots if not NOT_CHAT.search(name))


def _dated(prices: Any, source: str) -> tuple[DatedPrice, ...]:
    conditional = prices if isinstance(prices, list) else None
    if conditional is None:
        only = _price(prices, BEGINNING, source)
        return (only,) if only else ()
    found: list[DatedPrice] = []
    for condition in conditional:
        starts = getattr(condition.constraint, "start_date", None)
        depends_on_hour = condition.constraint is not None and starts is None
        if depends_on_hour:
            dearer = _price(condition.prices, found[-1].valid_from, f"{source}, dearest hours") if found else None
            if dearer is not None and dearer.output > found[-1].output:
                found[-1] = dearer
            continue
        valid_from = dt.datetime.combine(starts, dt.time(), dt.UTC) if starts else BEGINNING
        price = _price(condition.prices, valid_from, source)
        if price is not None:
            found.append(price)
    return tuple(sorted(found, key=lambda price: price.valid_from))


def _price(prices: Any, valid_from: dt.datetime, source: str) -> DatedPrice | None:
    """Translate one set of prices; None without both an input and an output price: it is no chat model's."""
    listed = {name: getattr(prices, f"{name}_mtok", None) for name in ("input", "output", "cache_read", "cache_write")}
    if listed["input"] is None or listed["output"] is None:
        return None
    starts = sorted({tier.start for value in listed.values() for tier in getattr(value, "tiers", ())})
    base, *tiers = [{name: _amount(value, start) for name, value in listed.items()} for start in (None, *starts)]
    return DatedPrice(
        valid_from=valid_from,
        **_filled(base),
        source=source,
        tiers=tuple(PriceTier(above=start, **_filled(tier)) for start, tier in zip(starts, tiers, strict=True)),
    )


def _amount(value: Any, start: int | None) -> int | None:
    """Give what one kind of token costs in calls whose input is just above `start`, or None for the shortest."""
    for tier in reversed(getattr(value, "tiers", ())):
        if start is not None and tier.start <= start:
            return money.from_usd(tier.price)
    value = getattr(value, "base", value)
    return None if value is None else money.from_usd(value)


def _filled(amounts: dict[str, int | None]) -> dict[str, Any]:
    """Let tokens of the cache cost as others where nothing else is said."""
    return {name: amounts["input"] if amount is None else amount for name, amount in amounts.items()}
