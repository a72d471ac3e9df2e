"""What each window has spent: sums that grow with the ledger's rows, in the same transaction, each call exactly once.

`ledger.store` alone decides what changed (a row that is new, or that replaced one of a lower rank); here the changes
are added up and become one upsert for all owners and windows they touch. `repricing` moves costs the same way.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import structlog
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone as clock

from frontdesk.gateway.budgets import calendar, terms
from frontdesk.gateway.budgets.calendar import SECOND_NS, Period
from frontdesk.gateway.budgets.terms import Amounts, Scope, Window
from frontdesk.gateway.journal.record import MAX_INTEGER
from frontdesk.tenants.models import Tenant
from frontdesk.usage.budgets import base
from frontdesk.usage.budgets.models import OWNER_LENGTH, BudgetCounter, CounterZone

WINDOWS: tuple[Window, ...] = ("hour", "day", "month")
"""The windows that have counters; a minute is over before a restart is, and is read from the ledger."""

_WRITERS_LOCK = 0x66645F6275646765
"""PostgreSQL's advisory lock of those who write the ledger and its counters: the letters `fd_budge`."""
_STATEMENT_ROWS = 50
_DEFAULT_ZONE = "UTC"

logger = structlog.get_logger()


class Change(NamedTuple):
    """What one call adds to the counters of its window's owners; amounts are negative where less was spent."""

    at_ns: int
    """When the call was about to be made, which decides its windows."""
    tenant_id: int
    widget_id: int | None
    api_key_id: int | None
    provider: str
    session_key: str
    ip_key: str
    amounts: Amounts


class _Counter(NamedTuple):
    scope: Scope
    owner: str
    window: Window
    zone: str
    period: Period
    tenant_id: int | None


def lock() -> None:
    """Let one writer at a time decide what is new, until the transaction ends; SQLite has but one anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_WRITERS_LOCK])


def zones_of(tenant_ids: Iterable[int], now_ns: int | None = None) -> "Zones":
    """Read the zones of these tenants and the operator's; needs `lock`.

    Who changed zones, or has no counters yet, is counted anew from the ledger for the windows that are running: so it
    must be asked before the rows are written whose changes are then added.
    """
    wanted = {tenant_id for tenant_id in tenant_ids if 0 < tenant_id <= MAX_INTEGER}
    zones = Zones(wanted)
    known = {
        (row.scope, row.owner): row.zone
        for row in CounterZone.objects.filter(owner__in=["", *(str(tenant_id) for tenant_id in wanted)])
    }
    if known.get(("global", "")) != zones.operator:
        _count_anew("global", None, zones.operator, now_ns)
    for tenant_id in sorted(wanted):
        if known.get(("tenant", str(tenant_id))) != zones.of(tenant_id):
            _count_anew("tenant", tenant_id, zones.of(tenant_id), now_ns)
    return zones


class Zones:
    """The zones that windows are reckoned in, one for each tenant and one for what is the operator's."""

    def __init__(self, tenant_ids: Iterable[int]) -> None:
        wanted = Tenant.objects.filter(Q(pk__in=set(tenant_ids)) | Q(is_operator=True))
        self.operator = _DEFAULT_ZONE
        self._by_tenant: dict[int, str] = {}
        for pk, name, is_operator in wanted.values_list("pk", "timezone", "is_operator"):
            self._by_tenant[pk] = known_zone(name)
            if is_operator:
                self.operator = self._by_tenant[pk]

    def of(self, tenant_id: int) -> str:
        """Tell a tenant's zone; that of a tenant which is gone is UTC."""
        return self._by_tenant.get(tenant_id, _DEFAULT_ZONE)


def known_zone(name: str) -> str:
    """Give the zone's name, or UTC where this machine no longer knows it: what was billed must be counted."""
    known = calendar.known(name)
    if known != name:
        logger.error("zone_unknown", zone=name[:64])
    return known


def add(changes: Iterable[Change], zones: Zones) -> None:
    """Add what calls spent to the counters of all their owners, in the caller's transaction."""
    _write(_sums(changes, zones), is_absolute=False)


def align(now: datetime | None = None) -> int:
    """Count anew for all who changed zones; tell how many there were. Writes only where somebody did.

    `zones_of` does it for those who make calls.
    """
    if not _moved():
        return 0
    with transaction.atomic():
        lock()
        moved = _moved()
        for tenant_id, zone in moved:
            _count_anew("global" if tenant_id is None else "tenant", tenant_id, zone, _ns(now))
    return len(moved)


def _moved() -> list[tuple[int | None, str]]:
    """List the tenants (None for the operator's scopes) whose counters are not in their zone, with that zone."""
    zones = dict(Tenant.objects.values_list("pk", "timezone"))
    operator = Tenant.objects.filter(is_operator=True).values_list("timezone", flat=True).first()
    found: list[tuple[int | None, str]] = []
    for scope, owner, counted in CounterZone.objects.values_list("scope", "owner", "zone"):
        tenant_id = None if scope == "global" else int(owner)
        zone = operator if tenant_id is None else zones.get(tenant_id)
        if zone is not None and zone != counted and known_zone(zone) != counted:
            found.append((tenant_id, known_zone(zone)))
    return found


def owners_of(change: Change) -> list[tuple[Scope, str, int | None]]:
    """Name whose counters a call adds to, each with its tenant; as `gateway.budgets.plan` names them."""
    tenant_id = change.tenant_id
    owners: list[tuple[Scope, str, int | None]] = [("global", "", None), ("tenant", str(tenant_id), tenant_id)]
    if change.provider:
        owners.append(("provider", _text(change.provider), None))
    if change.widget_id is not None:
        owners.append(("widget", str(change.widget_id), tenant_id))
    if change.api_key_id is not None:
        owners.append(("api_key", str(change.api_key_id), tenant_id))
    if change.session_key:
        owners.append(("session", _text(f"{tenant_id}-{change.session_key}"), tenant_id))
    if change.ip_key:
        owners.append(("ip", _text(f"{tenant_id}-{change.ip_key}"), tenant_id))
    return owners


def _text(owner: str) -> str:
    return owner[:OWNER_LENGTH].replace("\0", "")


def _sums(changes: Iterable[Change], zones: Zones) -> dict[_Counter, Sequence[int]]:
    """Add up by who called in which hour, and only then by owner and window: a day begins where an hour does."""
    periods = _Periods()
    groups: dict[tuple[object, ...], tuple[Change, list[int]]] = {}
    for change in changes:
        at_ns, tenant_id = change.at_ns, change.tenant_id
        key = (
            *change[1:7],
            periods.of(zones.of(tenant_id), "hour", at_ns).start_s,
            periods.of(zones.operator, "hour", at_ns).start_s,
        )
        group = groups.get(key)
        if group is None:
            groups[key] = (change, list(change.amounts))
        else:
            _add(group[1], change.amounts)
    sums: dict[_Counter, list[int]] = {}
    owned: dict[tuple[object, ...], _Counter] = {}
    for first, amounts in groups.values():
        for scope, owner, tenant_id_or_none in owners_of(first):
            zone = zones.operator if tenant_id_or_none is None else zones.of(first.tenant_id)
            for window in WINDOWS:
                period = periods.of(zone, window, first.at_ns)
                counter = _Counter(scope, owner, window, zone, period, tenant_id_or_none)
                # An owner is of one tenant; where records claim otherwise, one statement still names no row twice.
                _add(sums.setdefault(owned.setdefault(counter[:5], counter), [0, 0, 0]), amounts)
    return dict(sums)


def _add(total: list[int], amounts: Sequence[int]) -> None:
    total[0] += amounts[0]
    total[1] += amounts[1]
    total[2] += amounts[2]


class _Periods:
    """Finds windows, and remembers the last one of each zone: a batch's calls lie close together."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, Window], Period] = {}

    def of(self, zone: str, window: Window, at_ns: int) -> Period:
        at_s = at_ns // SECOND_NS
        last = self._last.get((zone, window))
        if last is None or not last.start_s <= at_s < last.end_s:
            last = self._last[zone, window] = calendar.current(zone, window, at_ns)
        return last


def _count_anew(scope: Scope, tenant_id: int | None, zone: str, now_ns: int | None) -> None:
    now_ns = _ns(None) if now_ns is None else now_ns
    sums: dict[_Counter, Sequence[int]] = {}
    for window in WINDOWS:
        period = calendar.current(zone, window, now_ns)
        for (counted, owner, of_tenant), amounts in base.spent_between(period, tenant_id).items():
            if of_tenant == tenant_id:
                sums[_Counter(counted, owner, window, zone, period, tenant_id)] = amounts
    _write(sums, is_absolute=True)
    CounterZone.objects.update_or_create(
        scope=scope, owner="" if tenant_id is None else str(tenant_id), defaults={"zone": zone}
    )
    if sums:
        logger.info("budget_counters_counted_anew", scope=scope, tenant_id=tenant_id, zone=zone, counters=len(sums))


def _ns(now: datetime | None) -> int:
    return int((clock.now() if now is None else now).timestamp()) * SECOND_NS


def _write(sums: Mapping[_Counter, Sequence[int]], *, is_absolute: bool) -> None:
    as_time = connection.ops.adapt_datetimefield_value
    rows = [
        (
            counter.tenant_id,
            counter.scope,
            counter.owner,
            counter.window,
            counter.zone,
            as_time(datetime.fromtimestamp(counter.period.start_s, UTC)),
            as_time(datetime.fromtimestamp(counter.period.end_s, UTC)),
            *(max(-terms.MOST, min(amount, terms.MOST)) for amount in amounts),
        )
        for counter, amounts in sums.items()
        if is_absolute or any(amounts)
    ]
    with connection.cursor() as cursor:
        for start in range(0, len(rows), _STATEMENT_ROWS):
            chunk = rows[start : start + _STATEMENT_ROWS]
            cursor.execute(_upsert_sql(len(chunk), is_absolute=is_absolute), [value for row in chunk for value in row])


def _upsert_sql(rows: int, *, is_absolute: bool) -> str:
    """Write the statement that puts so many sums into their counters; a sum stays within what limits can be."""
    quote = connection.ops.quote_name
    table = quote(BudgetCounter._meta.db_table)
    unique = [quote(name) for name in ("scope", "owner", "window", "zone", "starts_at")]
    amounts = [quote(name) for name in ("requests", "tokens", "cost_nano_usd")]
    names = [quote("tenant_id"), *unique, quote("ends_at"), *amounts]
    row = f"({', '.join(['%s'] * len(names))})"
    least, greatest = ("min", "max") if connection.vendor == "sqlite" else ("least", "greatest")
    updates = ", ".join(
        f"{name} = excluded.{name}"
        if is_absolute
        else f"{name} = {greatest}(0, {least}({terms.MOST}, {table}.{name} + excluded.{name}))"
        for name in amounts
    )
    return (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES {', '.join([row] * rows)} "  # noqa: S608
        f"ON CONFLICT ({', '.join(unique)}) DO UPDATE SET {updates}"
    )
