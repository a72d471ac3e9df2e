"""What the windows that run now have spent: where the stores of the gateway start from, and are raised to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import msgspec
from django.db.models import Q, QuerySet
from django.utils import timezone as clock

from frontdesk.gateway.budgets import calendar, terms
from frontdesk.gateway.budgets.calendar import SECOND_NS, Period
from frontdesk.gateway.budgets.terms import UNITS, Amounts, Scope, Unit, Window
from frontdesk.tenants.models import Tenant
from frontdesk.usage.budgets import base, counters
from frontdesk.usage.budgets.counters import Zones
from frontdesk.usage.models import BudgetCounter


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """One owner's window that runs now, with what it has spent."""

    scope: Scope
    owner: str
    tenant_id: int | None
    window: Window
    zone: str
    period: Period
    amounts: Amounts

    def key(self, unit: Unit) -> str:
        """Name the counter of a unit, as the gateway's store knows it."""
        counter = terms.counter_key(self.scope, self.owner, self.window, self.zone, self.period.start_s)
        return terms.counter_unit_key(counter, unit)


def running_counters(now: datetime | None = None) -> Mapping[str, tuple[int, int]]:
    """Tell what each running window has spent and when it ends (in ns), by `terms.counter_unit_key`.

    Reads a row for each owner and window, and of the ledger the running minute alone. Whoever changed zones is
    counted anew first, which writes.
    """
    counters.align(now)
    return {
        running.key(unit): (running.amounts[position], running.period.end_s * SECOND_NS)
        for running in all_running(now)
        for position, unit in enumerate(UNITS)
    }


def all_running(now: datetime | None = None) -> Iterator[Running]:
    """Walk through the windows that run now, of all owners."""
    moment = now or clock.now()
    yield from _counted(BudgetCounter.objects.across_tenants(), moment)
    yield from _this_minute(moment, None)


def running_of(tenant: Tenant, moment: datetime) -> Iterator[Running]:
    """Walk through the windows that run now of a tenant; of the operator's, also those of no tenant."""
    rows = BudgetCounter.objects.for_tenant(tenant)
    if tenant.is_operator:
        rows = BudgetCounter.objects.across_tenants().filter(Q(tenant_id=None) | Q(tenant_id=tenant.pk))
    yield from _counted(rows, moment)
    for row in _this_minute(moment, None if tenant.is_operator else tenant.pk):
        if row.tenant_id in (None, tenant.pk):
            yield row


def _counted(rows: QuerySet[BudgetCounter], moment: datetime) -> Iterator[Running]:
    for row in rows.filter(ends_at__gt=moment, starts_at__lte=moment).iterator():
        yield Running(
            scope=row.scope,  # type: ignore[arg-type]  # written from the type
            owner=row.owner,
            tenant_id=row.tenant_id,
            window=row.window,  # type: ignore[arg-type]
            zone=row.zone,
            period=Period(int(row.starts_at.timestamp()), int(row.ends_at.timestamp())),
            amounts=(max(0, row.requests), max(0, row.tokens), max(0, row.cost_nano_usd)),
        )


def _this_minute(moment: datetime, tenant_id: int | None) -> Iterator[Running]:
    now_ns = int(moment.astimezone(UTC).timestamp()) * SECOND_NS
    period = calendar.current("UTC", "minute", now_ns)
    sums = base.spent_between(period, tenant_id)
    zones = Zones({of_tenant for _, _, of_tenant in sums if of_tenant is not None})
    for (scope, owner, of_tenant), amounts in sums.items():
        if tenant_id is not None and of_tenant is None:
            continue
        yield Running(
            scope=scope,
            owner=owner,
            tenant_id=of_tenant,
            window="minute",
            zone=zones.operator if of_tenant is None else zones.of(of_tenant),
            period=period,
            amounts=amounts,
        )
