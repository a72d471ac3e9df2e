"""Counters of budgets grow with the ledger: each call once, in its owners' windows, however often it is replayed."""

import threading
from datetime import UTC, datetime

import msgspec
import pytest
from django.db import connection

from frontdesk.gateway.budgets import calendar, plan, terms
from frontdesk.gateway.clock import uuid7
from frontdesk.gateway.journal.record import Caller, Settled
from frontdesk.gateway.messages import Usage
from frontdesk.gateway.snapshot import Snapshot
from frontdesk.gateway.snapshot import Tenant as SnapshotTenant
from frontdesk.tenants import selectors
from frontdesk.tenants.models import Tenant
from frontdesk.usage import ledger
from frontdesk.usage.budgets import counters
from frontdesk.usage.ledger import Batch, Entry
from frontdesk.usage.models import BudgetCounter, CounterZone, ProviderUsage, QuarantinedRecord
from tests.fakes.calls import NOON_NS, intent, settled

pytestmark = pytest.mark.django_db

HOUR_S = 3_600


def call(number: int, *, at_s: float = 0, caller: Caller | None = None, provider: str = "openai", **kinds) -> Settled:
    of = msgspec.structs.replace(
        intent(number), at_ns=NOON_NS + int(at_s * 1e9), provider=provider, **({"caller": caller} if caller else {})
    )
    return settled(of, **kinds)


def store(*calls: Settled, segment: str = "s") -> None:
    entries = tuple(Entry(one, position) for position, one in enumerate(calls))
    ledger.store(Batch(directory="d", segment=segment, end_offset=1, entries=entries))


def spent(scope: str, owner: str, window: str = "day", zone: str = "UTC") -> tuple[int, int, int] | None:
    rows = BudgetCounter.objects.across_tenants().filter(scope=scope, owner=owner, window=window, zone=zone)
    found = list(rows.values_list("requests", "tokens", "cost_nano_usd"))
    assert len(found) <= 1
    return found[0] if found else None


def everything() -> list[tuple[object, ...]]:
    fields = ("scope", "owner", "window", "zone", "starts_at", "requests", "tokens", "cost_nano_usd")
    return sorted(BudgetCounter.objects.across_tenants().values_list(*fields))


def test_a_call_counts_for_each_of_its_owners_in_each_window(alice_tenant: Tenant) -> None:
    tenant_id = alice_tenant.pk
    caller = Caller(tenant_id, "r", api_key_id=7, widget_id=12, session_key="visit", ip_key="digest")

    store(call(1, caller=caller))

    owners = [
        ("global", ""), ("provider", "openai"), ("tenant", str(tenant_id)), ("widget", "12"), ("api_key", "7"),
        ("session", f"{tenant_id}-visit"), ("ip", f"{tenant_id}-digest"),
    ]  # fmt: skip
    assert {
        (scope, owner, window): spent(scope, owner, window) for scope, owner in owners for window in counters.WINDOWS
    } == {(scope, owner, window): (1, 150, 45_000) for scope, owner in owners for window in ("hour", "day", "month")}
    assert BudgetCounter.objects.across_tenants().count() == 21
    assert set(BudgetCounter.objects.for_tenant(tenant_id).values_list("scope", flat=True)) == {
        "tenant", "widget", "api_key", "session", "ip",
    }  # fmt: skip


def test_counters_have_the_names_that_the_engine_asks_for(alice_tenant: Tenant) -> None:
    caller = Caller(alice_tenant.pk, "r", api_key_id=7, widget_id=12, session_key="visit", ip_key="digest")
    places = ["global:", "provider:*", "tenant:*", "widget:*", "api_key:*", "session:*", "ip:*"]
    budgets = {
        where: tuple(
            terms.Budget(
                scope=where.partition(":")[0], owner=where.partition(":")[2], unit=unit, window=window, limit=9,
                zone="" if where.partition(":")[0] not in ("global", "provider") else "UTC",
            )
            for unit in terms.UNITS
            for window in counters.WINDOWS
        )
        for where in places
    }  # fmt: skip
    tenant = SnapshotTenant(id=alice_tenant.pk, name="Alice's", zone="UTC")
    snapshot = Snapshot(
        version=1, operator_id=1, tenants={tenant.id: tenant}, api_keys={}, providers={}, models={}, aliases={},
        bare_names={}, budgets=budgets,
    )  # fmt: skip

    store(call(1, caller=caller))

    claimed = {claim.key for claim in plan.make_plan(snapshot, caller, "openai", NOON_NS).claims}
    assert len(claimed) == 7 * 3 * 3
    assert claimed == {
        terms.counter_unit_key(
            terms.counter_key(row.scope, row.owner, row.window, row.zone, int(row.starts_at.timestamp())), unit
        )
        for row in BudgetCounter.objects.across_tenants()
        for unit in terms.UNITS
    }


def test_replaying_a_journal_changes_nothing() -> None:
    calls = [call(number) for number in range(5)]
    store(*calls)
    before = everything()

    store(*calls)
    store(*reversed(calls), segment="t")
    store(*calls, *calls, segment="u")

    assert everything() == before
    assert spent("global", "") == (5, 750, 225_000)


def test_a_call_that_turns_out_settled_adds_only_the_difference() -> None:
    of = call(1).intent
    cut_short = Settled(of, "interrupted", Usage(uncached_input=1_000), 100_000, -1)
    store(cut_short)
    assert spent("global", "") == (1, 1_000, 100_000)

    store(settled(of))
    store(cut_short, segment="t")

    assert spent("global", "") == (1, 150, 45_000)


def test_both_records_of_a_call_in_one_batch_count_once() -> None:
    of = call(1).intent
    cut_short = Settled(of, "interrupted", Usage(uncached_input=1_000), 100_000, -1)

    store(cut_short, settled(of), cut_short, settled(of))

    assert spent("global", "") == (1, 150, 45_000)


def test_a_failed_call_is_no_request_but_its_tokens_count() -> None:
    store(call(1, status="failed"), call(2, status="credits_exhausted", output=0, cost=None))

    assert spent("global", "") == (0, 250, 45_000)


def test_days_begin_at_the_tenants_midnight_and_the_operators_for_all(alice_tenant: Tenant) -> None:
    Tenant.objects.filter(pk=alice_tenant.pk).update(timezone="Asia/Kathmandu")
    caller = Caller(alice_tenant.pk, "r")
    until_midnight_s = 18 * 3600 + 15 * 60 - (14 * 3600 + 13 * 60 + 20)  # 00:00 there is 18:15 UTC

    store(
        call(1, at_s=until_midnight_s - 0.001, caller=caller),
        call(2, at_s=until_midnight_s, caller=caller),
        call(3, at_s=until_midnight_s + 1, caller=caller),
    )

    days = BudgetCounter.objects.for_tenant(alice_tenant).filter(window="day", scope="tenant").order_by("starts_at")
    assert [(row.zone, row.starts_at, row.ends_at, row.requests) for row in days] == [
        ("Asia/Kathmandu", at(2026, 9, 20, 18, 15), at(2026, 9, 21, 18, 15), 1),
        ("Asia/Kathmandu", at(2026, 9, 21, 18, 15), at(2026, 9, 22, 18, 15), 2),
    ]
    assert spent("global", "") == (3, 450, 135_000)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def test_a_row_that_no_database_takes_is_not_counted() -> None:
    strange = [Caller(2**63, "r"), Caller(1, "r", widget_id=2**63)]

    store(call(1), call(2, caller=strange[0]), call(3, caller=strange[1]), call(4))

    assert QuarantinedRecord.objects.count() == 2
    assert spent("global", "") == (2, 300, 90_000)


def test_claims_beyond_all_reason_end_at_the_largest_limit() -> None:
    absurd = Usage(uncached_input=2**63 - 1, output=2**63 - 1)

    for number in range(3):
        store(msgspec.structs.replace(call(number, cost=10**18), usage=absurd), segment=str(number))

    assert spent("global", "") == (3, terms.MOST, 3 * 10**15)
    store(msgspec.structs.replace(call(9), usage=Usage(uncached_input=-5), cost_nano_usd=-5))
    assert spent("global", "") == (4, terms.MOST, 3 * 10**15)


def test_a_call_from_beyond_the_calendar_is_in_the_ledger_alone() -> None:
    late = call(1)
    late = msgspec.structs.replace(late, intent=msgspec.structs.replace(late.intent, at_ns=253_402_300_799 * 10**9))

    store(late)

    assert ProviderUsage.objects.across_tenants().count() == 1
    assert everything() == []


def test_what_was_spent_before_there_were_counters_is_found_in_the_ledger(alice_tenant: Tenant) -> None:
    caller = Caller(alice_tenant.pk, "r", api_key_id=7, widget_id=12)
    now = datetime.now(UTC).timestamp() - NOON_NS / 1e9
    store(*(fresh(number, now, caller) for number in range(3)))
    BudgetCounter.objects.across_tenants().delete()
    CounterZone.objects.all().delete()

    store(fresh(1, now, caller), fresh(3, now, caller))

    assert spent("tenant", str(alice_tenant.pk)) == (4, 600, 180_000)
    assert spent("widget", "12") == spent("api_key", "7") == spent("global", "") == spent("provider", "openai")
    assert spent("widget", "12") == (4, 600, 180_000)


def test_a_tenant_that_changes_its_zone_keeps_what_it_has_spent(alice_tenant: Tenant, mallory_tenant: Tenant) -> None:
    caller = Caller(alice_tenant.pk, "r", widget_id=12)
    now = datetime.now(UTC).timestamp() - NOON_NS / 1e9
    store(fresh(1, now, caller), fresh(2, now, Caller(mallory_tenant.pk, "r")))

    for number, zone in enumerate(["Pacific/Auckland", "UTC", "Pacific/Auckland"], start=3):
        Tenant.objects.filter(pk=alice_tenant.pk).update(timezone=zone)
        assert counters.align() == 1
        store(fresh(number, now, caller), segment=zone)

    assert counters.align() == 0
    assert spent("widget", "12", "month", "Pacific/Auckland") == (4, 600, 180_000)
    assert spent("tenant", str(mallory_tenant.pk), "month") == (1, 150, 45_000)
    assert spent("global", "", "month") == (5, 750, 225_000)


def fresh(number: int, at_s: float, caller: Caller) -> Settled:
    """A call of this very moment, whose id says so."""
    one = call(number, at_s=at_s, caller=caller)
    call_id = uuid7(one.intent.at_ns).int >> 62 << 62 | number
    return msgspec.structs.replace(one, intent=msgspec.structs.replace(one.intent, call_id=call_id.to_bytes(16, "big")))


def test_the_operators_zone_is_that_of_everything_together() -> None:
    Tenant.objects.filter(pk=selectors.operator().pk).update(timezone="America/St_Johns")

    store(call(1))

    period = calendar.current("America/St_Johns", "day", NOON_NS)
    [row] = BudgetCounter.objects.across_tenants().filter(scope="provider", window="day")
    assert (row.zone, int(row.starts_at.timestamp())) == ("America/St_Johns", period.start_s)


def test_a_zone_that_this_machine_does_not_know_does_not_stop_the_ledger(alice_tenant: Tenant) -> None:
    Tenant.objects.filter(pk=alice_tenant.pk).update(timezone="Mars/Olympus")

    store(call(1, caller=Caller(alice_tenant.pk, "r")))

    assert spent("tenant", str(alice_tenant.pk)) == (1, 150, 45_000)


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_count_each_call_once() -> None:
    calls = [fresh(number, 0, Caller(1, "r", widget_id=12)) for number in range(60)]
    shares = [calls[:40], calls[20:], list(reversed(calls)), calls[10:50]]
    faults: list[Exception] = []

    def write(share: list[Settled]) -> None:
        try:
            for start in range(0, len(share), 7):
                store(*share[start : start + 7])
        except Exception as fault:  # noqa: BLE001 (shown by the test itself)
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert faults == []
    assert ProviderUsage.objects.across_tenants().count() == 60
    assert spent("widget", "12") == spent("global", "") == (60, 9_000, 2_700_000)
