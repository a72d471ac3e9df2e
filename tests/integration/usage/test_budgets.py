"""Limits, where they stand, giving back, and warnings: Alice's widget and what Mallory may not do to it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from frontdesk.gateway.budgets import calendar, plan, terms
from frontdesk.gateway.budgets.calendar import SECOND_NS
from frontdesk.gateway.journal.record import Caller
from frontdesk.gateway.snapshot import Snapshot
from frontdesk.gateway.snapshot import Tenant as SnapshotTenant
from frontdesk.tenants import selectors
from frontdesk.tenants import services as tenants
from frontdesk.tenants.models import Tenant
from frontdesk.tenants.tenancy import current_version
from frontdesk.usage import services as catalog
from frontdesk.usage.budgets import limits, services
from frontdesk.usage.budgets.alerts import forecast_budgets
from frontdesk.usage.budgets.positions import Position, budget_status
from frontdesk.usage.budgets.running import running_counters
from frontdesk.usage.budgets.services import Place
from frontdesk.usage.models import Budget, BudgetAlert, BudgetCounter, BudgetCredit

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 9, 21, 12, tzinfo=UTC)
WIDGETS = {12: "Shop", 13: "Help"}
DAILY = Place(scope="widget", unit="requests", window="day")


def spend(
    scope: str,
    owner: str,
    window: str,
    *,
    tenant: Tenant | None = None,
    zone: str = "UTC",
    now: datetime = NOON,
    **sums,
) -> None:
    period = calendar.current(zone, window, int(now.timestamp()) * SECOND_NS)
    BudgetCounter.unscoped.create(
        tenant_id=tenant and tenant.pk, scope=scope, owner=owner, window=window, zone=zone,
        starts_at=datetime.fromtimestamp(period.start_s, UTC), ends_at=datetime.fromtimestamp(period.end_s, UTC),
        **sums,
    )  # fmt: skip


def status(tenant: Tenant, now: datetime = NOON) -> dict[tuple[str, str, str, str], Position]:
    found = budget_status(tenant, WIDGETS, now)
    return {(one.scope, one.owner, one.unit, one.window): one for one in found}


def test_every_widget_has_its_credits_from_the_start(alice_tenant: Tenant) -> None:
    found = budget_status(alice_tenant, WIDGETS, NOON)

    assert [(one.scope, one.owner, one.owner_name, one.unit, one.window, one.limit, one.policy) for one in found] == [
        ("widget", owner, name, unit, window, limit, "knowledge")
        for owner, name in (("12", "Shop"), ("13", "Help"))
        for unit, window, limit in (
            ("requests", "day", 100), ("requests", "month", 1_000), ("tokens", "day", 5_000),
            ("tokens", "month", 100_000),
        )
    ]  # fmt: skip
    assert {one.used for one in found} == {0}


def test_the_operator_sees_providers_and_everything_together(db: None) -> None:
    catalog.add_provider("local", wire="openai", base_url="http://127.0.0.1:9/v1")

    found = status(selectors.operator())

    assert found["global", "", "usd", "day"].limit == 1_000 * 10**9
    assert found["provider", "local", "usd", "day"].limit == 100 * 10**9
    assert found["provider", "local", "usd", "hour"].limit == 20 * 10**9
    assert {one.policy for one in found.values() if one.scope in ("global", "provider")} == {"degrade"}


def test_a_limit_set_in_the_middle_of_a_window_counts_what_was_spent_before(alice_tenant: Tenant) -> None:
    spend("widget", "12", "day", tenant=alice_tenant, requests=30)
    spend("tenant", str(alice_tenant.pk), "hour", tenant=alice_tenant, cost_nano_usd=400)

    services.budget_set(alice_tenant, DAILY, 40, WIDGETS)
    services.budget_set(alice_tenant, Place(scope="tenant", unit="usd", window="hour"), 1_000, WIDGETS)

    found = status(alice_tenant)
    assert (found["widget", "12", "requests", "day"].used, found["widget", "12", "requests", "day"].left) == (30, 10)
    assert found["widget", "13", "requests", "day"].left == 40
    assert found["tenant", str(alice_tenant.pk), "usd", "hour"].left == 600


def test_the_narrowest_limit_holds_and_what_is_removed_gives_way(alice_tenant: Tenant, mallory_tenant: Tenant) -> None:
    own = Place(scope="widget", unit="requests", window="day", owner="12")
    everybody = Place(scope="widget", unit="requests", window="day", owner="*")
    services.budget_set(selectors.operator(), everybody, 70, WIDGETS)
    services.budget_set(alice_tenant, DAILY, 50, WIDGETS)
    services.budget_set(alice_tenant, own, None, WIDGETS)

    found = status(alice_tenant)
    assert ("widget", "12", "requests", "day") not in found
    assert found["widget", "13", "requests", "day"].limit == 50
    assert status(mallory_tenant)["widget", "13", "requests", "day"].limit == 70

    assert services.budget_remove(alice_tenant, own, WIDGETS)
    assert not services.budget_remove(alice_tenant, own, WIDGETS)
    assert status(alice_tenant)["widget", "12", "requests", "day"].limit == 50


def test_setting_again_changes_the_row_and_moves_the_version(alice_tenant: Tenant) -> None:
    services.budget_set(alice_tenant, DAILY, 50, WIDGETS)
    before = current_version()

    services.budget_set(alice_tenant, DAILY, 60, WIDGETS, policy="reject", notice="Come back tomorrow.")

    [row] = Budget.objects.for_tenant(alice_tenant)
    assert (row.limit, row.policy, row.notice, row.owner) == (60, "reject", "Come back tomorrow.", "*")
    assert current_version() > before


def test_the_gateway_finds_the_same_limits_as_the_operator_sees(alice_tenant: Tenant) -> None:
    services.budget_set(alice_tenant, DAILY, 50, WIDGETS)
    services.budget_set(alice_tenant, Place(scope="widget", unit="usd", window="hour", owner="12"), 7, WIDGETS)
    services.budget_set(alice_tenant, Place(scope="tenant", unit="tokens", window="minute"), 9_000, WIDGETS)
    spend("widget", "12", "day", tenant=alice_tenant, requests=30)
    services.budget_reset(alice_tenant, WIDGETS, Place(scope="widget"), now=NOON)

    section = limits.section(NOON)
    tenant = SnapshotTenant(id=alice_tenant.pk, name="Alice's", zone=alice_tenant.timezone)
    snapshot = Snapshot(
        version=1, operator_id=1, tenants={tenant.id: tenant}, api_keys={}, providers={}, models={}, aliases={},
        bare_names={}, budgets=section.budgets, budget_credits=section.budget_credits,
    )  # fmt: skip
    made = plan.make_plan(snapshot, Caller(tenant.id, "r", widget_id=12), "openai", int(NOON.timestamp()) * SECOND_NS)

    of_tenant = {claim.key: claim.limit for claim in made.claims if claim.key.partition(":")[0] in ("widget", "tenant")}
    shown = [one for one in budget_status(alice_tenant, WIDGETS, NOON) if one.owner != "13"]
    assert of_tenant == {one.key: one.limit + one.credit for one in shown}
    assert len(of_tenant) == 6


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (Place(scope="galaxy", unit="requests", window="day"), "scope"),
        (Place(scope="widget", unit="pages", window="day"), "unit"),
        (Place(scope="widget", unit="requests", window="0"), "window"),
        (Place(scope="widget", unit="requests", window="day", owner="99"), "no widget"),
        (Place(scope="widget", unit="requests", window="day", owner="１２"), "no widget"),
        (Place(scope="api_key", unit="requests", window="day", owner="1" * 40), "no API key"),
        (Place(scope="tenant", unit="requests", window="day", owner="999"), "tenant itself"),
        (Place(scope="session", unit="requests", window="day", owner="abc"), "each visitor"),
        (Place(scope="global", unit="usd", window="day"), "operator"),
        (Place(scope="provider", unit="usd", window="day", owner="openai"), "operator"),
    ],
)
def test_what_has_no_meaning_is_refused_with_the_reason(alice_tenant: Tenant, place: Place, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        services.budget_set(alice_tenant, place, 5, WIDGETS)

    assert not Budget.objects.across_tenants().exists()


def test_a_limit_out_of_range_is_refused(alice_tenant: Tenant) -> None:
    for limit in (-1, terms.MOST + 1):
        with pytest.raises(ValidationError):
            services.budget_set(alice_tenant, DAILY, limit, WIDGETS)
        with pytest.raises(IntegrityError), transaction.atomic():
            Budget.unscoped.create(
                tenant=alice_tenant, scope="widget", owner="*", unit="tokens", window="day", limit=limit
            )
    assert not Budget.objects.across_tenants().exists()


def test_mallory_can_neither_limit_nor_reset_what_is_alices(alice_tenant: Tenant, mallory_tenant: Tenant) -> None:
    key, _ = tenants.create_api_key(alice_tenant, "shop", ["gateway:call"])
    spend("widget", "12", "day", tenant=alice_tenant, requests=30)
    spend("api_key", str(key.pk), "day", tenant=alice_tenant, requests=30)

    for place in (
        Place(scope="api_key", unit="requests", window="day", owner=str(key.pk)),
        Place(scope="widget", unit="requests", window="day", owner="12"),
    ):
        with pytest.raises(ValidationError):
            services.budget_set(mallory_tenant, place, 0, {})
        with pytest.raises(ValidationError):
            services.budget_reset(mallory_tenant, {}, Place(scope=place.scope, owner=place.owner), now=NOON)
    assert services.budget_reset(mallory_tenant, {}, Place(), now=NOON) == []
    assert not Budget.objects.across_tenants().exists()
    assert not BudgetCredit.objects.exists()


def test_one_limit_for_all_is_kept_once() -> None:
    Budget.unscoped.create(scope="global", unit="usd", window="day", limit=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Budget.unscoped.create(scope="global", unit="usd", window="day", limit=2)


def test_a_reset_gives_back_what_the_running_windows_have_spent(alice_tenant: Tenant) -> None:
    spend("widget", "12", "day", tenant=alice_tenant, requests=100, tokens=4_000)
    spend("widget", "13", "day", tenant=alice_tenant, requests=7)
    spend("widget", "12", "month", tenant=alice_tenant, requests=100, tokens=4_000)

    before = services.budget_reset(alice_tenant, WIDGETS, Place(scope="widget", window="day"), by="olga", now=NOON)

    assert {(one.owner, one.unit): one.used for one in before} == {
        ("12", "requests"): 100, ("12", "tokens"): 4_000, ("13", "requests"): 7, ("13", "tokens"): 0,
    }  # fmt: skip
    found = status(alice_tenant)
    assert found["widget", "12", "requests", "day"].left == 100
    assert found["widget", "13", "requests", "day"].left == 100
    assert found["widget", "12", "requests", "month"].left == 900
    assert set(BudgetCredit.objects.values_list("granted_by", flat=True)) == {"olga"}
    assert BudgetCredit.objects.count() == 3


def test_what_is_spent_after_a_reset_counts_and_a_second_one_gives_that_back(alice_tenant: Tenant) -> None:
    spend("widget", "12", "day", tenant=alice_tenant, requests=100)
    services.budget_reset(alice_tenant, WIDGETS, Place(), now=NOON)
    BudgetCounter.objects.for_tenant(alice_tenant).update(requests=130)

    assert status(alice_tenant)["widget", "12", "requests", "day"].left == 70
    services.budget_reset(alice_tenant, WIDGETS, Place(scope="widget", owner="12"), now=NOON)

    assert status(alice_tenant)["widget", "12", "requests", "day"].left == 100


def test_the_next_window_begins_without_what_was_given_back(alice_tenant: Tenant) -> None:
    spend("widget", "12", "day", tenant=alice_tenant, requests=100)
    services.budget_reset(alice_tenant, WIDGETS, Place(), now=NOON)

    tomorrow = NOON + timedelta(days=1)
    assert limits.given_back(tomorrow) == {}
    assert status(alice_tenant, tomorrow)["widget", "12", "requests", "day"].left == 100


def test_a_visitor_who_has_spent_is_listed_where_visitors_are_limited(alice_tenant: Tenant) -> None:
    services.budget_set(alice_tenant, Place(scope="session", unit="requests", window="hour"), 5, WIDGETS)
    assert status(alice_tenant)["session", "*", "requests", "hour"].left == 5

    spend("session", f"{alice_tenant.pk}-visit", "hour", tenant=alice_tenant, requests=2)

    found = [one for one in budget_status(alice_tenant, WIDGETS, NOON) if one.scope == "session"]
    assert [(one.owner, one.left) for one in found] == [(f"{alice_tenant.pk}-visit", 3)]


def test_windows_are_those_of_the_tenants_zone(alice_tenant: Tenant) -> None:
    Tenant.objects.filter(pk=alice_tenant.pk).update(timezone="Australia/Lord_Howe")

    day = status(Tenant.objects.get(pk=alice_tenant.pk))["widget", "12", "requests", "day"]

    assert (day.zone, day.period) == (
        "Australia/Lord_Howe",
        calendar.current("Australia/Lord_Howe", "day", int(NOON.timestamp()) * SECOND_NS),
    )


def test_a_free_tier_limits_its_provider(db: None) -> None:
    catalog.add_provider("gemini", wire="openai", base_url="http://127.0.0.1:9/v1")

    for _ in range(2):
        rows = services.budget_preset("gemini")

    assert [(row.scope, row.owner, row.unit, row.window, row.limit) for row in rows] == [
        ("provider", "gemini", "requests", "minute", 60), ("provider", "gemini", "tokens", "day", 1_000_000),
    ]  # fmt: skip
    assert Budget.objects.across_tenants().count() == 2
    for unknown in ("groq", "openai"):
        with pytest.raises(ValidationError):
            services.budget_preset(unknown)


def test_stores_start_from_what_windows_have_spent(alice_tenant: Tenant) -> None:
    spend("widget", "12", "day", tenant=alice_tenant, requests=3, tokens=450, cost_nano_usd=900)
    spend("widget", "12", "day", tenant=alice_tenant, now=NOON - timedelta(days=1), requests=99)

    sums = running_counters(NOON)

    start, end = (datetime(2026, 9, day, tzinfo=UTC) for day in (21, 22))
    prefix = f"widget:12:day:UTC:{int(start.timestamp())}"
    end_ns = int(end.timestamp()) * SECOND_NS
    assert sums == {
        f"{prefix}:requests": (3, end_ns),
        f"{prefix}:tokens": (450, end_ns),
        f"{prefix}:usd": (900, end_ns),
    }


def test_a_limit_is_warned_of_once_a_window(alice_tenant: Tenant) -> None:
    spend("widget", "12", "day", tenant=alice_tenant, requests=80, tokens=100)
    spend("widget", "13", "day", tenant=alice_tenant, requests=100)

    assert [forecast_budgets(NOON) for _ in range(3)] == [3, 0, 0]

    alerts = {(row.owner, row.threshold): row for row in BudgetAlert.objects.for_tenant(alice_tenant)}
    assert set(alerts) == {("12", "80"), ("12", "forecast"), ("13", "100")}
    assert alerts["12", "forecast"].expected_at == NOON + timedelta(hours=3)
    assert (alerts["12", "80"].used, alerts["12", "80"].limit, alerts["12", "80"].unit) == (80, 100, "requests")

    BudgetCounter.objects.for_tenant(alice_tenant).filter(owner="12").update(requests=101)
    assert forecast_budgets(NOON + timedelta(minutes=1)) == 1


def test_what_was_given_back_is_not_warned_of(alice_tenant: Tenant) -> None:
    spend("widget", "12", "day", tenant=alice_tenant, requests=100)
    services.budget_reset(alice_tenant, WIDGETS, Place(), now=NOON)

    assert forecast_budgets(NOON) == 0


def test_counters_are_kept_for_two_months(alice_tenant: Tenant) -> None:
    for days in (0, 61, 64):
        spend("widget", "12", "day", tenant=alice_tenant, now=NOON - timedelta(days=days), requests=100)
        services.budget_reset(alice_tenant, WIDGETS, Place(), now=NOON - timedelta(days=days))

    assert services.purge_counters(NOON) == 1
    assert services.purge_counters(NOON) == 0
    assert BudgetCounter.objects.for_tenant(alice_tenant).count() == 2
    assert BudgetCredit.objects.count() == 2
