"""Bringing the imported prices up to date with a list: first a plan that a person can review, then its rows.

Rows of the past stay as they are: a price that changed holds from the import on, or from the list's own date where
that is still to come (or where dates of the past are asked for). Overrides are never touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, Literal

import msgspec
from django.db.models import Q

from frontdesk.usage.models import LLMModel, ModelPrice
from frontdesk.usage.price_list import DatedPrice
from frontdesk.usage.prices import rates
from frontdesk.usage.prices.rates import Rates

LARGEST_UNMARKED_PERCENT = 50

Key = tuple[str, str]
"""A provider's and a model's name."""
Listing = Mapping[Key, tuple[DatedPrice, ...]]
Kind = Literal["added", "changed", "retired"]


class PriceChange(msgspec.Struct, frozen=True, kw_only=True):
    """One difference between what is stored and what the list says.

    `retired` is a price whose model the list no longer has: it stays in force, since calls may still go there.
    """

    provider: str
    model: str
    kind: Kind
    old: Rates | None = None
    new: Rates | None = None
    valid_from: datetime | None = None
    """From when on `new` holds."""
    listed_from: datetime | None = None
    """The list's own date, where it is earlier than that: calls since then were billed at the old price."""
    percent: Decimal | None = None
    """The largest relative change of any rate; None where nothing was changed or where it was free."""
    is_marked: bool = False
    """Whether it is so large, from or to nothing, that a person should say yes to it."""


class PricePlan(msgspec.Struct, frozen=True):
    """All differences, ordered by provider and model."""

    changes: tuple[PriceChange, ...]

    @property
    def pending(self) -> tuple[PriceChange, ...]:
        """List what an import would write."""
        return tuple(change for change in self.changes if change.kind != "retired")

    @property
    def unmarked(self) -> tuple[PriceChange, ...]:
        """List what may be written without asking anybody: all of a model's changes, or none."""
        held_back = {_key_of(change) for change in self.changes if change.is_marked}
        return tuple(change for change in self.pending if _key_of(change) not in held_back)


def plan(listing: Listing, now: datetime, *, with_past: bool = False) -> PricePlan:
    """Compare the imported prices with a list, as of a moment."""
    known = _known(now)
    changes: list[PriceChange] = []
    for key in sorted({*listing, *known}):
        if key not in listing:
            changes.append(_retired(key, known[key]))
        elif key not in known:
            changes += [_added(key, price) for price in listing[key]]
        else:
            changes += _changed(key, known[key], listing[key], now, with_past=with_past)
    return PricePlan(tuple(changes))


def write(changes: Sequence[PriceChange], listing: Listing, models: Mapping[Key, LLMModel], now: datetime) -> int:
    """Store what a plan's changes say, in the caller's transaction; tell how many rows were added."""
    known = _known(now)
    new: list[ModelPrice] = []
    for key, group in groupby(changes, _key_of):
        steps = [(change.new, change.valid_from) for change in group if change.new and change.valid_from]
        if not steps:
            continue
        begins = [step[1] for step in steps]
        _make_room(known.get(key, ()), begins[0], now)
        for (wanted, starts), ends in zip(steps, [*begins[1:], None], strict=True):
            source = next(price.source for price in reversed(listing[key]) if rates.listed(price) == wanted)
            columns = rates.columns(wanted)
            new.append(ModelPrice(model=models[key], **columns, source=source, valid_from=starts, valid_until=ends))
    ModelPrice.objects.bulk_create(new)
    return len(new)


def _key_of(change: PriceChange) -> Key:
    return change.provider, change.model


def is_same(one: PricePlan, other: PricePlan) -> bool:
    """Tell whether two plans change the same; those made at different moments begin at different ones."""
    return [(*_key_of(change), change.kind, change.old, change.new) for change in one.changes] == [
        (*_key_of(change), change.kind, change.old, change.new) for change in other.changes
    ]


def summary(changes: Sequence[PriceChange]) -> dict[str, Any]:
    """Say for the audit log what was imported: counts, and the prices that changed."""
    changed = [change for change in changes if change.kind == "changed"]
    return {
        "added": sum(change.kind == "added" for change in changes),
        "changed": len(changed),
        "prices": [
            f"{change.provider}/{change.model}: {rates.short(change.old or ())} -> {rates.short(change.new or ())}"
            for change in changed
        ],
    }


def _known(now: datetime) -> dict[Key, list[ModelPrice]]:
    """Read the imported prices that hold now or later, in order."""
    rows = ModelPrice.objects.filter(Q(valid_until=None) | Q(valid_until__gt=now), is_override=False)
    found: dict[Key, list[ModelPrice]] = {}
    for row in rows.select_related("model__provider").order_by("valid_from"):
        found.setdefault((row.model.provider.name, row.model.name), []).append(row)
    return found


def _retired(key: Key, rows: Sequence[ModelPrice]) -> PriceChange:
    return PriceChange(provider=key[0], model=key[1], kind="retired", old=rates.stored(rows[0]))


def _added(key: Key, price: DatedPrice) -> PriceChange:
    return PriceChange(
        provider=key[0], model=key[1], kind="added", new=rates.listed(price), valid_from=price.valid_from
    )


def _changed(
    key: Key, rows: Sequence[ModelPrice], prices: Sequence[DatedPrice], now: datetime, *, with_past: bool
) -> list[PriceChange]:
    """Tell the steps from what is stored to what is listed: the price of now, then those to come."""
    in_force = [price for price in prices if price.valid_from <= now][-1:]
    wanted = [(rates.listed(price), price.valid_from) for price in prices if price.valid_from > now]
    stored = [(rates.stored(row), row.valid_from) for row in rows]
    current = [entry for entry in stored if entry[1] <= now][-1:]
    steps: list[tuple[Rates, datetime, datetime | None]] = []
    if in_force and (not current or rates.listed(in_force[0]) != current[0][0]):
        dated = in_force[0].valid_from
        is_newer = not current or dated > current[0][1]
        begins = dated if with_past and is_newer else now
        steps.append((rates.listed(in_force[0]), begins, dated if is_newer and begins != dated else None))
    changes: list[PriceChange] = []
    old = current[0][0] if current else stored[0][0]
    if steps or wanted != [entry for entry in stored if entry[1] > now]:
        steps += [(new, begins, None) for new, begins in wanted]
        steps = steps or [(old, now, None)]  # what was to come has been taken off the list
    for new, begins, dated_before in steps:
        changes.append(_step(key, old, new, begins, dated_before))
        old = new
    return changes


def _step(key: Key, old: Rates, new: Rates, begins: datetime, dated_before: datetime | None) -> PriceChange:
    percent = rates.change_percent(old, new)
    return PriceChange(
        provider=key[0],
        model=key[1],
        kind="changed",
        old=old,
        new=new,
        valid_from=begins,
        listed_from=dated_before,
        percent=percent,
        is_marked=percent is None or abs(percent) > LARGEST_UNMARKED_PERCENT or rates.to_zero(old, new),
    )


def _make_room(rows: Iterable[ModelPrice], begins: datetime, now: datetime) -> None:
    """End what holds when the new price begins; remove what was to hold later, which no call was billed at."""
    for row in rows:
        if row.valid_from > now:
            row.delete()
        else:
            row.valid_until = begins
            row.save(update_fields=["valid_until"])
