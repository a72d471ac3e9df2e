"""Walking over the ledger in the order of its key, page by page: bounded memory, and no reader open in between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from frontdesk.gateway.journal.record import MAX_COST_NANO_USD
from frontdesk.gateway.messages import Usage
from frontdesk.gateway.providers.overlay import SOURCE as ENVIRONMENT
from frontdesk.usage.models import ProviderUsage

PAGE_ROWS = 2_000
UNBILLED = frozenset({"cached", "credits_exhausted"})
"""Statuses of calls that no provider was asked for: they cost nothing, whatever their tokens."""

_ID_SLACK_S = 60
"""How much a call's id may be older than the call."""


class LedgerRow(NamedTuple):
    """What is asked of a row to tell whether its cost is right. The names are the columns'."""

    call_id: UUID
    created_at: datetime
    tenant_id: int
    widget_id: int | None
    api_key_id: int | None
    provider: str
    model: str
    status: str
    is_streamed: bool
    uncached_input: int
    cache_read: int
    cache_write: int
    output: int
    reasoning: int
    usage_source: str
    cost_nano_usd: int | None
    price_source: str
    latency_ms: int | None

    @property
    def usage(self) -> Usage:
        """Give the tokens as they are priced."""
        return Usage(self.uncached_input, self.cache_read, self.cache_write, self.output, self.reasoning)

    @property
    def has_tokens(self) -> bool:
        """Tell whether anything was billed."""
        return any(self[9:14])

    @property
    def is_priced_here(self) -> bool:
        """Tell whether the call's cost comes of the price table: not of the environment, and of a provider at all."""
        return self.provider != "" and self.status not in UNBILLED and self.price_source != ENVIRONMENT


def pages(rows: QuerySet[ProviderUsage, Any], since: datetime | None = None) -> Iterator[list[LedgerRow]]:
    """Yield the rows of a scoped query in the order of their ids, PAGE_ROWS at a time."""
    if since is not None:
        rows = rows.filter(call_id__gte=_first_id(since), created_at__gte=since)
    ordered = rows.order_by("call_id").values_list(*LedgerRow._fields)
    last: UUID | None = None
    while True:
        after = ordered if last is None else ordered.filter(call_id__gt=last)
        page = [LedgerRow._make(values) for values in after[:PAGE_ROWS]]
        if page:
            yield page
        if len(page) < PAGE_ROWS:
            return
        last = page[-1].call_id


def within_column(cost_nano_usd: int | None) -> int | None:
    """Bound a cost as the ledger does when it writes one."""
    if cost_nano_usd is None:
        return None
    return max(-MAX_COST_NANO_USD, min(cost_nano_usd, MAX_COST_NANO_USD))


def _first_id(moment: datetime) -> UUID:
    """Give the smallest id of a call of this moment: a UUIDv7 begins with 48 bits of milliseconds."""
    return UUID(int=max(0, int((moment.timestamp() - _ID_SLACK_S) * 1000)) << 80)
