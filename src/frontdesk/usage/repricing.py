"""Computing costs anew: each call at the price that the table has for its time, for when prices came late or wrong.

Goes through the ledger by key in short transactions; in each, budget counters move by the difference of the rows that
change. A call that is at its price already stays as it is, so a run that was cut short is finished by the same one
again. Running processes raise what they count in memory or Redis to the counters each minute, and never lower it: what
became dearer counts within two minutes; what became cheaper, when memory or Redis starts anew, or the window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone as clock

from frontdesk.gateway import pricing
from frontdesk.tenants import audit
from frontdesk.usage import ledger_pages
from frontdesk.usage.budgets import counters
from frontdesk.usage.budgets.counters import Change
from frontdesk.usage.ledger_pages import LedgerRow
from frontdesk.usage.models import ProviderUsage
from frontdesk.usage.prices.book import PriceBook

_COUNTED_FOR = timedelta(days=32)
"""Calls that are older are in no window that still runs."""

logger = structlog.get_logger()


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls are meant: of one model (its provider and name), without a cost, since a moment; of all tenants."""

    model: tuple[str, str] | None = None
    is_unpriced: bool = False
    since: datetime | None = None


class ModelSums(msgspec.Struct, kw_only=True):
    """What a run finds, or changes, of one model's calls."""

    model: str
    calls: int = 0
    changed: int = 0
    before_nano_usd: int = 0
    after_nano_usd: int = 0
    without_price: int = 0
    """Calls with tokens for whose time the table has no price: they stay as they are."""


class Repricing(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a run, by model."""

    models: tuple[ModelSums, ...]

    @property
    def changed(self) -> int:
        """Count the calls whose cost is, or would be, another."""
        return sum(model.changed for model in self.models)

    @property
    def difference_nano_usd(self) -> int:
        """Tell by how much all costs together rise."""
        return sum(model.after_nano_usd - model.before_nano_usd for model in self.models)


class _NewCost(msgspec.Struct, frozen=True):
    row: LedgerRow
    cost_nano_usd: int
    price_source: str

    @property
    def difference_nano_usd(self) -> int:
        return self.cost_nano_usd - (self.row.cost_nano_usd or 0)


def preview(selection: Selection) -> Repricing:
    """Compute what `run` would change, and change nothing."""
    book = PriceBook.load()
    sums: dict[str, ModelSums] = {}
    for page in ledger_pages.pages(_rows(selection), selection.since):
        _priced(page, book, sums)
    return _result(sums)


def run(selection: Selection) -> Repricing:
    """Compute costs anew and store them, a page of calls a transaction; the audit log tells begin and end."""
    book = PriceBook.load()
    sums: dict[str, ModelSums] = {}
    audit.record(None, "usage.repricing_began", None, _described(selection))
    for page in ledger_pages.pages(_rows(selection), selection.since):
        if any(_new_costs(page, book)):
            _store([row.call_id for row in page], selection, book, sums)
        else:
            _priced(page, book, sums)
    result = _result(sums)
    audit.record(
        None,
        "usage.repriced",
        None,
        {
            **_described(selection),
            "calls_changed": result.changed,
            "difference_nano_usd": result.difference_nano_usd,
            "models": [f"{model.model}: {model.changed}" for model in result.models if model.changed],
        },
    )
    logger.info("usage_repriced", calls=result.changed, difference_nano_usd=result.difference_nano_usd)
    return result


def _rows(selection: Selection) -> QuerySet[ProviderUsage, Any]:
    rows = ProviderUsage.objects.across_tenants()
    if selection.model is not None:
        rows = rows.filter(provider=selection.model[0], model=selection.model[1])
    return rows.filter(cost_nano_usd=None) if selection.is_unpriced else rows


def _store(call_ids: Sequence[Any], selection: Selection, book: PriceBook, sums: dict[str, ModelSums]) -> None:
    """Read a page's rows again under the lock of those who write the ledger, and store their costs."""
    with transaction.atomic():
        counters.lock()
        rows = _rows(selection).filter(call_id__in=call_ids).select_for_update()
        page = [LedgerRow._make(values) for values in rows.values_list(*LedgerRow._fields)]
        changed = _priced(page, book, sums)
        counted = [new for new in changed if new.row.created_at > clock.now() - _COUNTED_FOR]
        # Zones first: who has no counters yet is counted from the rows as they were.
        zones = counters.zones_of({new.row.tenant_id for new in counted})
        _update(changed)
        counters.add((_change(new) for new in counted), zones)


def _priced(page: Iterable[LedgerRow], book: PriceBook, sums: dict[str, ModelSums]) -> list[_NewCost]:
    """Add a page up, and give what changes."""
    page = list(page)
    changed = {new.row.call_id: new for new in _new_costs(page, book)}
    for row in page:
        if not row.is_priced_here:
            continue
        name = f"{row.provider}/{row.model}"
        model = sums.setdefault(name, ModelSums(model=name))
        new = changed.get(row.call_id)
        model.calls += 1
        model.changed += new is not None
        model.before_nano_usd += row.cost_nano_usd or 0
        model.after_nano_usd += (row.cost_nano_usd or 0) if new is None else new.cost_nano_usd
        if row.has_tokens and book.at(row.provider, row.model, row.created_at) is None:
            model.without_price += 1
    return list(changed.values())


def _new_costs(page: Iterable[LedgerRow], book: PriceBook) -> Iterable[_NewCost]:
    for row in page:
        if not row.is_priced_here:
            continue
        price = book.at(row.provider, row.model, row.created_at)
        cost = ledger_pages.within_column(pricing.cost(row.usage, price))
        if price is not None and cost is not None and (cost != row.cost_nano_usd or not row.price_source):
            yield _NewCost(row, cost, price.source)


def _update(changed: Sequence[_NewCost]) -> None:
    quote, key = connection.ops.quote_name, ProviderUsage._meta.pk
    table = quote(ProviderUsage._meta.db_table)
    values = [
        (new.cost_nano_usd, new.price_source, key.get_db_prep_value(new.row.call_id, connection)) for new in changed
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {table} SET {quote('cost_nano_usd')} = %s, {quote('price_source')} = %s "  # noqa: S608
            f"WHERE {quote('call_id')} = %s",
            values,
        )


def _change(new: _NewCost) -> Change:
    row = new.row
    at_ns = int(row.created_at.timestamp() * 1_000_000) * 1000
    # The ledger does not know a call's session and address: their counters keep what they have.
    return Change(
        at_ns, row.tenant_id, row.widget_id, row.api_key_id, row.provider, "", "", (0, 0, new.difference_nano_usd)
    )


def _result(sums: Mapping[str, ModelSums]) -> Repricing:
    return Repricing(models=tuple(sums[name] for name in sorted(sums)))


def _described(selection: Selection) -> dict[str, Any]:
    return {
        "model": "/".join(selection.model) if selection.model else "",
        "unpriced": selection.is_unpriced,
        "since": selection.since.isoformat() if selection.since else "",
    }
