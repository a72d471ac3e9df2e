"""Warnings before a limit is reached: rows and log lines now, each once in a window."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone as clock

from frontdesk.gateway.budgets.terms import UNITS
from frontdesk.tenants.models import Tenant
from frontdesk.usage.budgets import counters, limits, pace, running
from frontdesk.usage.budgets.running import Running
from frontdesk.usage.models import BudgetAlert, BudgetCredit

_SCOPES = frozenset({"global", "provider", "tenant", "widget", "api_key"})
"""Whose limits are worth a warning: visitors come and go, and anybody can be many."""
_WINDOWS = frozenset({"hour", "day", "month"})
_NEARLY = 80

logger = structlog.get_logger()


def forecast_budgets(now: datetime | None = None) -> int:
    """Warn of limits that are used to 80 % or up, or will be before their window ends; tell how many new warnings.

    Idempotent: a warning is written once for a window, whoever runs this how often. Reads a row for each owner.
    """
    moment = now or clock.now()
    counters.align(now)
    written = set(BudgetAlert.objects.across_tenants().filter(ends_at__gt=moment).values_list("key", "threshold"))
    new = 0
    for alert in _due(moment):
        if (alert.key, alert.threshold) not in written and _write(alert):
            new += 1
    return new


def _due(moment: datetime) -> Iterator[BudgetAlert]:
    budgets, credits_now = limits.budgets(), dict(_credits(moment))
    tenants = {None, *Tenant.objects.filter(is_active=True).values_list("pk", flat=True)}
    for row in running.all_running(moment):
        if row.scope not in _SCOPES or row.window not in _WINDOWS or row.tenant_id not in tenants:
            continue
        for budget in limits.holding(budgets, row.scope, row.owner, row.tenant_id):
            if budget.window != row.window or not budget.limit:
                continue
            key = row.key(budget.unit)
            credit, reset_s = credits_now.get(key, (0, 0))
            used = max(0, row.amounts[UNITS.index(budget.unit)] - credit)
            for threshold, expected_s in _thresholds(row, used, budget.limit, reset_s, moment):
                yield BudgetAlert(
                    tenant_id=row.tenant_id,
                    scope=row.scope,
                    owner=row.owner,
                    unit=budget.unit,
                    window=row.window,
                    key=key,
                    limit=budget.limit,
                    used=used,
                    threshold=threshold,
                    expected_at=None if expected_s is None else datetime.fromtimestamp(expected_s, UTC),
                    ends_at=datetime.fromtimestamp(row.period.end_s, UTC),
                    created_at=moment,
                )


def _thresholds(
    row: Running, used: int, limit: int, reset_s: int, moment: datetime
) -> Iterator[tuple[str, int | None]]:
    if used >= limit:
        yield "100", None
        return
    if 100 * used >= _NEARLY * limit:
        yield "80", None
    expected_s = pace.exhausted_at(
        limit=limit,
        used=used,
        since_s=max(row.period.start_s, reset_s),
        now_s=int(moment.timestamp()),
        end_s=row.period.end_s,
    )
    if expected_s is not None:
        yield "forecast", expected_s


def _credits(moment: datetime) -> Iterator[tuple[str, tuple[int, int]]]:
    for row in BudgetCredit.objects.filter(ends_at__gt=moment):
        yield row.key, (row.amount, int(row.created_at.timestamp()))


def _write(alert: BudgetAlert) -> bool:
    """Store and log a warning; False if another process was first."""
    try:
        with transaction.atomic():
            alert.save(force_insert=True)
    except IntegrityError:
        return False
    logger.warning(
        "budget_nearly_used" if alert.threshold != "100" else "budget_used",
        threshold=alert.threshold,
        scope=alert.scope,
        owner=alert.owner,
        tenant_id=alert.tenant_id,
        unit=alert.unit,
        window=alert.window,
        limit=alert.limit,
        used=alert.used,
        expected_at=None if alert.expected_at is None else alert.expected_at.isoformat(),
    )
    return True
