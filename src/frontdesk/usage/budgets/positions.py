"""Where the limits of a tenant stand: which hold for whom, what is used, when they begin anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec
from django.utils import timezone as clock

from frontdesk.gateway.budgets import calendar, terms
from frontdesk.gateway.budgets.calendar import SECOND_NS, Period
from frontdesk.gateway.budgets.terms import EACH, UNITS, Policy, Scope, Unit, Window
from frontdesk.tenants.models import ApiKey, Tenant
from frontdesk.usage.budgets import limits, pace, running
from frontdesk.usage.budgets.counters import Zones
from frontdesk.usage.budgets.limits import Budgets
from frontdesk.usage.models import BudgetCredit, LLMProvider

WidgetNames = Mapping[int, str]
"""A tenant's widgets by id: this app does not know them itself."""

_VISITORS: tuple[Scope, ...] = ("session", "ip")
_MOST_VISITORS = 1_000
_UNIT_ORDER = {unit: place for place, unit in enumerate(UNITS)}
_WINDOW_ORDER: Mapping[Window, int] = {"minute": 0, "hour": 1, "day": 2, "month": 3}


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """One limit of one owner in its running window. Amounts are requests, tokens or nano-USD."""

    scope: Scope
    owner: str
    """EACH stands for visitors who have spent nothing yet."""
    owner_name: str
    tenant_id: int | None
    unit: Unit
    window: Window
    limit: int
    policy: Policy
    notice: str
    zone: str
    period: Period
    key: str
    """`terms.counter_unit_key`."""
    spent: int
    """In the whole window."""
    credit: int = 0
    """What of it was given back."""
    reset_s: int | None = None
    """When it was given back, in seconds since the epoch."""

    @property
    def used(self) -> int:
        """Tell what counts against the limit."""
        return max(0, self.spent - self.credit)

    @property
    def left(self) -> int:
        """Tell what may still be spent in this window."""
        return max(0, self.limit - self.used)

    def exhausted_at(self, now: datetime) -> int | None:
        """Tell at which second it is used up at the present pace; None if it lasts."""
        return pace.exhausted_at(
            limit=self.limit,
            used=self.used,
            since_s=max(self.period.start_s, self.reset_s or 0),
            now_s=int(now.timestamp()),
            end_s=self.period.end_s,
        )


class Owner(NamedTuple):
    """Whose limits are asked for."""

    scope: Scope
    owner: str
    name: str
    tenant_id: int | None


def budget_status(tenant: Tenant, widgets: WidgetNames, now: datetime | None = None) -> list[Position]:
    """List where a tenant's limits stand; for the operator's tenant, also those of providers and of everything.

    Of visitors, those who have spent in a window that runs, at most a thousand of a kind.
    """
    moment = now or clock.now()
    spent = _spent(tenant, moment)
    owners = [*_owners(tenant, widgets), *_visitors(tenant, spent)]
    found = _at(limits.budgets(), owners, spent, moment)
    order = {scope: place for place, scope in enumerate(("global", "provider", "tenant", "widget", "api_key"))}
    return sorted(
        found,
        key=lambda position: (
            order.get(position.scope, len(order)), position.scope,
            len(position.owner) if position.owner.isdigit() else 0, position.owner,
            _UNIT_ORDER[position.unit], _WINDOW_ORDER[position.window],
        ),
    )  # fmt: skip


_Spent = Mapping[tuple[Scope, str, Window, str, int], running.Running]


def _spent(tenant: Tenant, moment: datetime) -> _Spent:
    rows = running.running_of(tenant, moment)
    return {(row.scope, row.owner, row.window, row.zone, row.period.start_s): row for row in rows}


def _owners(tenant: Tenant, widgets: WidgetNames) -> Iterator[Owner]:
    if tenant.is_operator:
        yield Owner("global", "", "everything together", None)
        for name, shown in LLMProvider.objects.filter(is_enabled=True).values_list("name", "display_name"):
            yield Owner("provider", name, shown, None)
    yield Owner("tenant", str(tenant.pk), tenant.name, tenant.pk)
    for widget_id, name in widgets.items():
        yield Owner("widget", str(widget_id), name, tenant.pk)
    keys = ApiKey.objects.for_tenant(tenant).filter(revoked_at=None)
    for key_id, name in keys.values_list("pk", "name"):
        yield Owner("api_key", str(key_id), name, tenant.pk)


def _visitors(tenant: Tenant, spent: _Spent) -> Iterator[Owner]:
    for scope in _VISITORS:
        names = sorted({row.owner for row in spent.values() if row.scope == scope})[:_MOST_VISITORS]
        for owner in names or [EACH]:
            yield Owner(scope, owner, "each visitor" if owner == EACH else "a visitor", tenant.pk)


def _at(budgets: Budgets, owners: list[Owner], spent: _Spent, moment: datetime) -> Iterator[Position]:
    now_ns = int(moment.timestamp()) * SECOND_NS
    zones = Zones({owner.tenant_id for owner in owners if owner.tenant_id is not None})
    credits_by_key = {row.key: row for row in BudgetCredit.objects.filter(ends_at__gt=moment)}
    for owner in owners:
        asked = "" if owner.owner == EACH else owner.owner
        for budget in limits.holding(budgets, owner.scope, asked, owner.tenant_id):
            zone = budget.zone or (zones.operator if owner.tenant_id is None else zones.of(owner.tenant_id))
            period = calendar.current(zone, budget.window, now_ns)
            counter = terms.counter_key(owner.scope, owner.owner, budget.window, zone, period.start_s)
            key = terms.counter_unit_key(counter, budget.unit)
            row = spent.get((owner.scope, owner.owner, budget.window, zone, period.start_s))
            credit = credits_by_key.get(key)
            yield Position(
                scope=owner.scope,
                owner=owner.owner,
                owner_name=owner.name,
                tenant_id=owner.tenant_id,
                unit=budget.unit,
                window=budget.window,
                limit=budget.limit or 0,
                policy=budget.policy,
                notice=budget.notice,
                zone=zone,
                period=period,
                key=key,
                spent=0 if row is None else row.amounts[_UNIT_ORDER[budget.unit]],
                credit=0 if credit is None else credit.amount,
                reset_s=None if credit is None else int(credit.created_at.timestamp()),
            )
