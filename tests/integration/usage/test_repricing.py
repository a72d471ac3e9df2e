"""Repricing: costs as of each call's time, looked at first, counted in budgets, finished when cut short."""

import threading
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from django.db import connection
from django.utils import timezone

from frontdesk.gateway.messages import Usage
from frontdesk.tenants.audit import AuditEvent
from frontdesk.tenants.models import Tenant
from frontdesk.usage import ledger_pages, repricing
from frontdesk.usage.models import BudgetCounter, ModelPrice, ProviderUsage
from frontdesk.usage.repricing import Selection
from tests.integration.usage.priced_calls import RIGHT_COST, call, costs, price_of_mini, store

pytestmark = pytest.mark.django_db

UNPRICED = Selection(is_unpriced=True)
MINI = Selection(model=("openai", "gpt-4o-mini"))


def now_call(number: int, *, tenant_id: int, cost: int | None):
    """A call of this moment, whose windows still run."""
    made = call(number, cost=cost, tenant_id=tenant_id)
    at_ns = int(timezone.now().timestamp()) * 10**9
    return msgspec.structs.replace(made, intent=msgspec.structs.replace(made.intent, at_ns=at_ns))


def spent(**where) -> set[int]:
    return set(BudgetCounter.objects.across_tenants().filter(**where).values_list("cost_nano_usd", flat=True))


def test_a_preview_tells_before_and_after_and_changes_nothing() -> None:
    store(call(1), call(2, cost=None), call(3, cost=None, model="new"))
    price_of_mini()

    [mini, new] = repricing.preview(UNPRICED).models

    assert (mini.model, mini.calls, mini.changed) == ("openai/gpt-4o-mini", 1, 1)
    assert (mini.before_nano_usd, mini.after_nano_usd) == (0, RIGHT_COST)
    assert (new.model, new.changed, new.without_price) == ("openai/new", 0, 1)
    assert costs() == [RIGHT_COST, None, None]
    assert not AuditEvent.unscoped.filter(action__startswith="usage.").exists()


def test_calls_without_a_cost_get_the_price_of_their_time() -> None:
    price_of_mini()
    price_of_mini(factor=2, since=datetime(2026, 10, 1, tzinfo=UTC))
    ModelPrice.objects.filter(valid_from__month=1).update(valid_until=datetime(2026, 10, 1, tzinfo=UTC))
    later = call(2, cost=None)
    october = int(datetime(2026, 10, 2, tzinfo=UTC).timestamp()) * 10**9
    store(
        call(1, cost=None), msgspec.structs.replace(later, intent=msgspec.structs.replace(later.intent, at_ns=october))
    )

    done = repricing.run(UNPRICED)

    assert costs() == [RIGHT_COST, 2 * RIGHT_COST]
    assert (done.changed, done.difference_nano_usd) == (2, 3 * RIGHT_COST)
    sources = ProviderUsage.objects.across_tenants().order_by("call_id").values_list("price_source", flat=True)
    assert list(sources) == ["list, from 2026-01-01", "list, from 2026-10-01"]


def test_the_audit_log_tells_begin_end_and_sums() -> None:
    price_of_mini()
    store(call(1, cost=None))

    repricing.run(UNPRICED)

    began, ended = AuditEvent.unscoped.filter(action__startswith="usage.").order_by("id")
    assert (began.action, ended.action) == ("usage.repricing_began", "usage.repriced")
    assert (ended.changes["calls_changed"], ended.changes["difference_nano_usd"]) == (1, RIGHT_COST)


def test_one_models_calls_are_corrected_and_others_stay() -> None:
    price_of_mini()
    price_of_mini("other")
    store(call(1, cost=1), call(2, cost=1, model="other"), call(3))

    done = repricing.run(MINI)

    assert costs() == [RIGHT_COST, 1, RIGHT_COST]
    assert [(sums.model, sums.calls, sums.changed) for sums in done.models] == [("openai/gpt-4o-mini", 2, 1)]


def test_calls_before_a_moment_stay() -> None:
    price_of_mini()
    store(call(1, cost=None), call(90_000, cost=None))
    since = ProviderUsage.objects.across_tenants().order_by("call_id")[1].created_at

    repricing.run(Selection(is_unpriced=True, since=since))

    assert costs() == [None, RIGHT_COST]


def test_calls_that_have_no_price_in_the_table_keep_their_cost() -> None:
    price_of_mini(since=datetime(2026, 10, 1, tzinfo=UTC))
    free = msgspec.structs.replace(call(2, cost=0), status="credits_exhausted")
    environment = msgspec.structs.replace(call(3, cost=77), price_source="LLM_PROVIDERS")
    store(call(1, cost=5), free, environment)

    done = repricing.run(MINI)

    assert costs() == [5, 0, 77]
    assert [(sums.calls, sums.changed, sums.without_price) for sums in done.models] == [(1, 0, 1)]


def test_budget_counters_move_by_the_difference(alice_tenant, mallory_tenant) -> None:
    price_of_mini()
    alice, mallory = alice_tenant.pk, mallory_tenant.pk
    store(now_call(1, tenant_id=alice, cost=100), now_call(2, tenant_id=alice, cost=None))
    store(now_call(3, tenant_id=mallory, cost=RIGHT_COST))
    assert spent(scope="tenant", tenant_id=alice) == {100}

    repricing.run(MINI)

    assert spent(scope="tenant", tenant_id=alice) == {2 * RIGHT_COST}
    assert spent(scope="tenant", tenant_id=mallory) == {RIGHT_COST}
    assert spent(scope="global") == spent(scope="provider") == {3 * RIGHT_COST}
    requests = (
        BudgetCounter.objects.for_tenant(alice).filter(scope="tenant").values_list("requests", "tokens").distinct()
    )
    assert list(requests) == [(2, 300)]


def test_a_price_that_falls_gives_back(alice_tenant) -> None:
    price_of_mini()
    store(now_call(1, tenant_id=alice_tenant.pk, cost=10 * RIGHT_COST))

    repricing.run(MINI)

    assert spent(tenant_id=alice_tenant.pk) == {RIGHT_COST}


def test_old_calls_make_no_counters_of_windows_long_over(alice_tenant) -> None:
    price_of_mini()
    made = now_call(1, tenant_id=alice_tenant.pk, cost=None)
    at = timezone.now() - timedelta(days=60)
    old = msgspec.structs.replace(made.intent, at_ns=int(at.timestamp()) * 10**9)
    store(msgspec.structs.replace(made, intent=old))
    BudgetCounter.objects.across_tenants().all().delete()

    repricing.run(UNPRICED)

    assert costs() == [RIGHT_COST]
    assert BudgetCounter.objects.across_tenants().filter(ends_at__lt=timezone.now()).count() == 0


def test_a_run_that_was_cut_short_is_finished_by_the_next(alice_tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    price_of_mini()
    store(*[now_call(number, tenant_id=alice_tenant.pk, cost=None) for number in range(7)])
    monkeypatch.setattr(ledger_pages, "PAGE_ROWS", 3)
    kept, real_update = [], repricing._update

    def fails_in_the_second_page(changed):
        real_update(changed)
        if kept:
            raise RuntimeError("killed")
        kept.append(changed)

    monkeypatch.setattr(repricing, "_update", fails_in_the_second_page)
    with pytest.raises(RuntimeError):
        repricing.run(UNPRICED)
    assert (costs().count(RIGHT_COST), spent(tenant_id=alice_tenant.pk)) == (3, {3 * RIGHT_COST})
    monkeypatch.setattr(repricing, "_update", real_update)

    repricing.run(UNPRICED)

    assert costs() == [RIGHT_COST] * 7
    assert spent(tenant_id=alice_tenant.pk) == {7 * RIGHT_COST}
    assert repricing.run(UNPRICED).changed == 0


@pytest.mark.django_db(transaction=True)
def test_calls_that_come_in_meanwhile_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    price_of_mini()
    tenant = Tenant.objects.create(name="Busy", slug="busy")
    monkeypatch.setattr(ledger_pages, "PAGE_ROWS", 10)
    cut = [now_call(number, tenant_id=tenant.pk, cost=None) for number in range(200)]
    store(*[msgspec.structs.replace(made, status="interrupted") for made in cut])

    def settle() -> None:
        try:
            for start in range(0, 200, 5):
                store(*cut[start : start + 5])
        finally:
            connection.close()

    settling = threading.Thread(target=settle)
    settling.start()
    repricing.run(UNPRICED)
    settling.join()
    repricing.run(UNPRICED)

    assert costs() == [RIGHT_COST] * 200
    assert spent(scope="tenant", tenant_id=tenant.pk) == {200 * RIGHT_COST}


def test_costs_are_bounded_as_the_ledger_bounds_them() -> None:
    price_of_mini()
    store(msgspec.structs.replace(call(1, cost=None), usage=Usage(2**63 - 1, 0, 0, 0, 0)))

    repricing.run(UNPRICED)

    assert costs() == [10**15]
