"""Sums straight from the ledger: for windows without counters (a minute's), and where a zone changed or is new."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, F, FloatField, QuerySet, Sum
from django.db.models.functions import Cast

from frontdesk.gateway.budgets import terms
from frontdesk.gateway.budgets.calendar import Period
from frontdesk.gateway.budgets.terms import Amounts, Scope
from frontdesk.gateway.messages import Usage
from frontdesk.usage.models import ProviderUsage

Owner = tuple[Scope, str, int | None]
"""A scope, its owner, and the tenant whose owner it is."""

_GROUPS = ("tenant_id", "widget_id", "api_key_id", "provider", "status")
_BUCKETS = ("uncached_input", "cache_read", "cache_write", "output", "reasoning")
_ID_SLACK_S = 60
"""How much a call's id may be older than the call."""


def spent_between(period: Period, tenant_id: int | None = None) -> Mapping[Owner, Amounts]:
    """Sum up the calls of a tenant, or of all, by all their owners but visitors' sessions and addresses.

    Reads that much of the ledger. What it says of `global` and of providers is of these calls alone.
    """
    rows: QuerySet[ProviderUsage, Any] = (
        ProviderUsage.objects.across_tenants() if tenant_id is None else ProviderUsage.objects.for_tenant(tenant_id)
    )
    sums: dict[Owner, list[int]] = {}
    for group in _grouped(rows, period):
        amounts = _amounts(group)
        for owner in _owners(group):
            total = sums.setdefault(owner, [0, 0, 0])
            for position, amount in enumerate(amounts):
                total[position] = min(terms.MOST, total[position] + amount)
    return {owner: (total[0], total[1], total[2]) for owner, total in sums.items()}


def _grouped(rows: QuerySet[ProviderUsage, Any], period: Period) -> Any:
    # As floats: exact up to where counters end (2^53), and no sum of claimed figures overflows.
    sums = {f"sum_{name}": Sum(Cast(F(name), FloatField())) for name in (*_BUCKETS, "cost_nano_usd")}
    return (
        rows.filter(
            call_id__gte=_first_id(period.start_s - _ID_SLACK_S),  # ids are in order of time, and indexed
            created_at__gte=datetime.fromtimestamp(period.start_s, UTC),
            created_at__lt=datetime.fromtimestamp(period.end_s, UTC),
        )
        .order_by()
        .values(*_GROUPS)
        .annotate(calls=Count("call_id"), **sums)
    )


def _first_id(at_s: int) -> UUID:
    """Give the smallest id that a call of this second can have: a UUIDv7 begins with 48 bits of milliseconds."""
    return UUID(int=max(0, at_s) * 1000 << 80)


def _amounts(group: Mapping[str, Any]) -> Amounts:
    def figure(name: str) -> int:
        return int(max(0.0, min(group[f"sum_{name}"] or 0.0, float(terms.MOST))))

    usage = Usage(*[figure(name) for name in _BUCKETS])  # type: ignore[arg-type]  # the buckets come first
    requests, tokens, cost = terms.spent(group["status"], usage, figure("cost_nano_usd"))
    return requests * group["calls"], tokens, cost


def _owners(group: Mapping[str, Any]) -> list[Owner]:
    tenant_id = group["tenant_id"]
    owners: list[Owner] = [("global", "", None), ("tenant", str(tenant_id), tenant_id)]
    if group["provider"]:
        owners.append(("provider", group["provider"], None))
    if group["widget_id"] is not None:
        owners.append(("widget", str(group["widget_id"]), tenant_id))
    if group["api_key_id"] is not None:
        owners.append(("api_key", str(group["api_key_id"]), tenant_id))
    return owners
