"""Which limits a call must keep: found from the Snapshot for a caller and a provider, and remembered until one ends."""

import msgspec

from frontdesk.gateway.budgets import calendar
from frontdesk.gateway.budgets.calendar import SECOND_NS, Period
from frontdesk.gateway.budgets.terms import (
    EACH,
    MOST,
    UNITS,
    Budget,
    Scope,
    ShownLimit,
    Unit,
    Window,
    counter_key,
    counter_unit_key,
    place,
)
from frontdesk.gateway.journal.record import Caller
from frontdesk.gateway.ports import Claim
from frontdesk.gateway.snapshot import Snapshot

OF_THE_CLIENT: frozenset[Scope] = frozenset({"tenant", "api_key", "widget", "session", "ip"})
"""Whose limits a client may be told; the others are the operator's."""

_MOST_PLANS = 10_000

_Callers = tuple[int, int | None, int | None, str, str, str]


class Limit(msgspec.Struct, frozen=True):
    """One limit in its running window."""

    budget: Budget
    limit: int
    """With what was given back in this window."""
    period: Period

    @property
    def is_rate(self) -> bool:
        """Tell whether this limits how fast, not how much: it may be kept by each process apart for a while."""
        return self.budget.window == "minute" and self.budget.unit != "usd"


class Plan(msgspec.Struct, frozen=True):
    """All limits of a caller's calls to a provider; `claims` are the same in the store's terms, in the same order."""

    limits: tuple[Limit, ...]
    claims: tuple[Claim, ...]
    shown: tuple[tuple[int, ShownLimit], ...]
    """The limits that the client may be told of, each with its place."""
    bounds_output: bool
    """Whether the client's own tokens or money are limited: then an answer that nothing else bounds must be."""
    valid_until_ns: int


class Plans:
    """Remembers plans for one Snapshot; a new one is made where the Snapshot or a window has changed."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._plans: dict[_Callers, Plan] = {}

    def of(self, snapshot: Snapshot, caller: Caller, provider: str, now_ns: int) -> Plan:
        """Give the plan for a call that begins now."""
        if snapshot is not self._snapshot or len(self._plans) >= _MOST_PLANS:
            self._snapshot, self._plans = snapshot, {}
        key = (caller.tenant_id, caller.widget_id, caller.api_key_id, caller.session_key, caller.ip_key, provider)
        plan = self._plans.get(key)
        if plan is None or plan.valid_until_ns <= now_ns:
            plan = self._plans[key] = make_plan(snapshot, caller, provider, now_ns)
        return plan


def make_plan(snapshot: Snapshot, caller: Caller, provider: str, now_ns: int) -> Plan:
    """Find the limits; of those for one scope, unit and window the narrowest holds."""
    tenant = snapshot.tenants.get(caller.tenant_id)
    tenant_zone = tenant.zone if tenant else "UTC"
    limits: list[Limit] = []
    claims: list[Claim] = []
    for scope, owner in _owners(caller, provider):
        for budget in _holding(snapshot, scope, owner, caller.tenant_id):
            if budget.limit is None:
                continue
            zone = calendar.known(budget.zone or tenant_zone)
            period = calendar.current(zone, budget.window, now_ns)
            key = counter_unit_key(counter_key(scope, owner, budget.window, zone, period.start_s), budget.unit)
            limit = min(MOST, budget.limit + snapshot.budget_credits.get(key, 0))
            limits.append(Limit(budget, limit, period))
            claims.append(Claim(key, UNITS.index(budget.unit), limit, period.end_s * SECOND_NS))
    shown = tuple((index, _shown(limit)) for index, limit in enumerate(limits) if limit.budget.scope in OF_THE_CLIENT)
    return Plan(
        tuple(limits),
        tuple(claims),
        shown,
        bounds_output=any(each.unit != "requests" for _, each in shown),
        valid_until_ns=min((claim.ends_at_ns for claim in claims), default=2**63),
    )


def _shown(limit: Limit) -> ShownLimit:
    budget, period = limit.budget, limit.period
    return ShownLimit(
        budget.scope, budget.unit, budget.window, limit.limit, period.end_s - period.start_s, period.end_s
    )


def _owners(caller: Caller, provider: str) -> list[tuple[Scope, str]]:
    """Name whose budgets the call touches, the caller's own first: their refusal says most to the client."""
    owners: list[tuple[Scope, str]] = []
    if caller.ip_key:
        owners.append(("ip", f"{caller.tenant_id}-{caller.ip_key}"))
    if caller.session_key:
        owners.append(("session", f"{caller.tenant_id}-{caller.session_key}"))
    if caller.api_key_id is not None:
        owners.append(("api_key", str(caller.api_key_id)))
    if caller.widget_id is not None:
        owners.append(("widget", str(caller.widget_id)))
    return [*owners, ("tenant", str(caller.tenant_id)), ("provider", provider), ("global", "")]


def _holding(snapshot: Snapshot, scope: Scope, owner: str, tenant_id: int) -> list[Budget]:
    held: dict[tuple[Unit, Window], Budget] = {}
    for where in (place(scope, EACH, None), place(scope, EACH, tenant_id), place(scope, owner, None)):
        for budget in snapshot.budgets.get(where, ()):
            held[budget.unit, budget.window] = budget
    return list(held.values())
