"""Which limits hold: the defaults, with the rows laid over them; and the same as the Snapshot's section."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec
from django.utils import timezone as clock

from frontdesk.gateway.budgets import terms
from frontdesk.gateway.budgets.terms import EACH, Scope, Unit, Window, place
from frontdesk.usage.budgets import defaults
from frontdesk.usage.budgets.counters import Zones
from frontdesk.usage.models import Budget, BudgetCredit

Budgets = Mapping[str, tuple[terms.Budget, ...]]
"""By `terms.place`."""


class BudgetSection(msgspec.Struct, frozen=True):
    """The fields of `gateway.snapshot.Snapshot` that budgets fill."""

    budgets: Budgets
    budget_credits: Mapping[str, int]


def section(now: datetime | None = None) -> BudgetSection:
    """Read the limits and what was given back in windows that run: three queries, whatever the number of tenants."""
    return BudgetSection(budgets(), given_back(now))


def budgets() -> Budgets:
    """Read all limits; a row takes the place of the default or row that it names."""
    operator_zone = Zones(()).operator
    held: dict[str, dict[tuple[Unit, Window], terms.Budget]] = {}
    rows = (_value(row, operator_zone) for row in Budget.objects.across_tenants().order_by("pk"))
    for budget in (*defaults.budgets(operator_zone), *rows):
        where = place(budget.scope, budget.owner, budget.tenant_id)
        held.setdefault(where, {})[budget.unit, budget.window] = budget
    return {where: tuple(found.values()) for where, found in held.items()}


def given_back(now: datetime | None = None) -> Mapping[str, int]:
    """Read what was given back in windows that run, by `terms.counter_unit_key`."""
    running = BudgetCredit.objects.filter(ends_at__gt=now or clock.now())
    return dict(running.values_list("key", "amount"))


def holding(budgets: Budgets, scope: Scope, owner: str, tenant_id: int | None) -> list[terms.Budget]:
    """List what limits one owner: of a unit and window the owner's own, else its tenant's, else everybody's.

    Those that are lifted are left out.
    """
    held: dict[tuple[Unit, Window], terms.Budget] = {}
    for where in (place(scope, EACH, None), place(scope, EACH, tenant_id), place(scope, owner, None)):
        for budget in budgets.get(where, ()):
            held[budget.unit, budget.window] = budget
    return [budget for budget in held.values() if budget.limit is not None]


def _value(row: Budget, operator_zone: str) -> terms.Budget:
    scope: Scope = row.scope  # type: ignore[assignment]  # one of the choices
    return terms.Budget(
        scope=scope,
        owner=row.owner,
        tenant_id=row.tenant_id,
        unit=row.unit,  # type: ignore[arg-type]  # as above
        window=row.window,  # type: ignore[arg-type]
        limit=row.limit,
        zone=operator_zone if scope in ("global", "provider") else "",
        policy=row.policy or defaults.POLICIES[scope],  # type: ignore[arg-type]
        notice=row.notice,
    )
