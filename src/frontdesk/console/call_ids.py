"""Finding calls by time. Call ids are UUIDv7, so a range of ids is a range of time on the primary key's index."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

_SLACK = timedelta(minutes=1)
"""An id may have been made a moment before the time that is recorded beside it."""


def lowest_id(at: datetime) -> uuid.UUID:
    """Give the lowest UUIDv7 of a moment: 48 bits of milliseconds since 1970, then version and variant, then zeros."""
    return uuid.UUID(int=int(at.timestamp() * 1000) << 80 | 0x7 << 76 | 0b10 << 62)


def since(calls: QuerySet[Any], at: datetime) -> QuerySet[Any]:
    """Keep the calls made at or after a moment, without reading older ones."""
    return calls.filter(call_id__gte=lowest_id(at - _SLACK), created_at__gte=at)


def between(calls: QuerySet[Any], begin: datetime, end: datetime) -> QuerySet[Any]:
    """Keep the calls made from `begin` until before `end`."""
    return since(calls, begin).filter(call_id__lt=lowest_id(end + _SLACK), created_at__lt=end)


def newest(calls: QuerySet[Any], tenant_id: int | None, limit: int) -> QuerySet[Any]:
    """Keep about the newest `limit` calls (of a tenant), found on an index: a bound for filters that have none."""
    if tenant_id is None:
        floor = calls.order_by("-call_id").values_list("call_id", flat=True)[limit : limit + 1].first()
        return calls if floor is None else calls.filter(call_id__gt=floor)
    own = calls.filter(tenant_id=tenant_id)
    oldest = own.order_by("-created_at").values_list("created_at", flat=True)[limit : limit + 1].first()
    return own if oldest is None else own.filter(created_at__gt=oldest)
