"""The figures of the first page, each computed from rows of the ledger and the conversations.

Figures are of some tenants, or of all where `tenant_ids` is None: the operator's.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone as clock

from frontdesk.channels.models import Widget
from frontdesk.console import call_ids
from frontdesk.conversations.models import Conversation, Turn
from frontdesk.knowledge.models import KnowledgeEntry
from frontdesk.tenants import selectors as tenants
from frontdesk.tenants.models import ProviderCredential, Tenant
from frontdesk.usage.models import ModelPrice, ProviderUsage

DAYS = 7
_NOT_ATTEMPTED = ("credits_exhausted", "cached")
"""Calls that reached no provider, so that they are neither successes nor failures of one."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day's calls. `attempts` reached a provider; `unpriced` have tokens but no price, so the cost lacks them."""

    day: date
    calls: int = 0
    attempts: int = 0
    successes: int = 0
    failures: int = 0
    unpriced: int = 0
    cost_nano_usd: int = 0


@dataclass(frozen=True, slots=True)
class Service:
    """What customers got in a period: conversations that began, and answers by where they came from."""

    conversations: int
    by_model: int
    by_knowledge: int
    by_default: int

    @property
    def answers(self) -> int:
        """Count the answers of all kinds."""
        return self.by_model + self.by_knowledge + self.by_default


@dataclass(frozen=True, slots=True)
class Inventory:
    """What has been set up so far."""

    tenants: int
    provider_keys: int
    widgets: int
    knowledge_entries: int


TenantIds = frozenset[int] | None


def zone_of(tenant_ids: TenantIds) -> zoneinfo.ZoneInfo:
    """Give the zone in which days are shown: the tenants' if they share one, else the operator's."""
    if tenant_ids:
        zones = set(Tenant.objects.filter(pk__in=tenant_ids).values_list("timezone", flat=True))
        if len(zones) == 1:
            return zoneinfo.ZoneInfo(zones.pop())
    return zoneinfo.ZoneInfo(tenants.operator().timezone)


def _rows(model: type[Any], tenant_ids: TenantIds) -> Any:
    return model.objects.across_tenants() if tenant_ids is None else model.objects.filter(tenant_id__in=tenant_ids)


def midnight(zone: zoneinfo.ZoneInfo, days_ago: int = 0) -> datetime:
    """Give the beginning of today, or of a day before (-1: of tomorrow), in a zone."""
    day = clock.now().astimezone(zone).date() - timedelta(days=days_ago)
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def days(zone: zoneinfo.ZoneInfo, tenant_ids: TenantIds = None) -> list[Day]:
    """Compute the last days' calls, oldest first, today last: a query a day on a range of ids."""
    begins = [midnight(zone, days_ago) for days_ago in range(DAYS - 1, -2, -1)]
    return [_day(begin, end, tenant_ids) for begin, end in pairwise(begins)]


def _day(begin: datetime, end: datetime, tenant_ids: TenantIds) -> Day:
    was_attempted = ~Q(status__in=_NOT_ATTEMPTED)
    has_tokens = Q(output__gt=0) | Q(uncached_input__gt=0)
    sums = call_ids.between(_rows(ProviderUsage, tenant_ids), begin, end).aggregate(
        calls=Count("pk"),
        attempts=Count("pk", filter=was_attempted),
        successes=Count("pk", filter=Q(status="success")),
        failures=Count("pk", filter=Q(status="failed")),
        unpriced=Count("pk", filter=Q(cost_nano_usd=None) & has_tokens),
        cost_nano_usd=Coalesce(Sum("cost_nano_usd"), 0),
    )
    return Day(day=begin.date(), **sums)


def service(since: datetime, tenant_ids: TenantIds = None) -> Service:
    """Compute what customers got since a moment."""
    answered = _rows(Turn, tenant_ids).filter(started_at__gte=since, status=Turn.Status.ANSWERED)
    by_kind = dict(answered.order_by().values_list("source_kind").annotate(answers=Count("pk")))
    return Service(
        conversations=_rows(Conversation, tenant_ids).filter(created_at__gte=since).count(),
        by_model=by_kind.get("model", 0),
        by_knowledge=by_kind.get("knowledge", 0),
        by_default=by_kind.get("default", 0),
    )


def recent_failures(tenant_ids: TenantIds = None, limit: int = 5) -> list[ProviderUsage]:
    """List the last failed calls of the last days, newest first."""
    since = clock.now() - timedelta(days=DAYS)
    rows = call_ids.since(_rows(ProviderUsage, tenant_ids), since)
    return list(rows.filter(status="failed").order_by("-call_id")[:limit])


def inventory() -> Inventory:
    """Count what has been set up; provider keys of the operator's environment count too."""
    entered = ProviderCredential.objects.across_tenants().filter(is_enabled=True).count()
    return Inventory(
        tenants=Tenant.objects.filter(is_operator=False, is_active=True).count(),
        provider_keys=entered + len(settings.CONFIGURATION.operator_credentials()),
        widgets=Widget.objects.across_tenants().filter(is_enabled=True).count(),
        knowledge_entries=KnowledgeEntry.objects.across_tenants().filter(is_enabled=True)[:1].count(),
    )


def price_in_force(prices: Iterable[ModelPrice]) -> ModelPrice | None:
    """Choose from a model's prices the one that holds now: overrides first, then the newest."""
    now = clock.now()
    valid = [row for row in prices if row.valid_from <= now and (row.valid_until is None or row.valid_until > now)]
    return max(valid, key=lambda row: (row.is_override, row.valid_from), default=None)
