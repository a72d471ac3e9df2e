"""Every price of every model in memory, to find what held at a moment: for walks over the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Self

from frontdesk.gateway.snapshot import Price
from frontdesk.usage import selectors
from frontdesk.usage.models import ModelPrice

_Entry = tuple[datetime, datetime | None, Price]


class PriceBook:
    """Finds prices as `selectors.price_at` does, without a query. A few thousand rows."""

    def __init__(self, rows: Iterable[ModelPrice]) -> None:
        """Take the rows in any order; `model` and its provider must be loaded."""
        self._entries: dict[tuple[str, str], list[_Entry]] = {}
        # What holds comes first: an override before an import, the newest before the older.
        for row in sorted(rows, key=lambda row: (row.is_override, row.valid_from), reverse=True):
            entry = (row.valid_from, row.valid_until, selectors.as_price(row))
            self._entries.setdefault((row.model.provider.name, row.model.name), []).append(entry)

    @classmethod
    def load(cls) -> Self:
        """Read all prices."""
        return cls(ModelPrice.objects.select_related("model__provider"))

    def at(self, provider: str, model: str, moment: datetime) -> Price | None:
        """Give the price in force at a moment; None where there is none."""
        for begins, ends, price in self._entries.get((provider, model), ()):
            if begins <= moment and (ends is None or moment < ends):
                return price
        return None
