"""Which limits a call must keep."""

from frontdesk.gateway.budgets import plan
from frontdesk.gateway.budgets.terms import EACH, Budget, Scope, Unit, Window, place
from frontdesk.gateway.journal.record import Caller
from frontdesk.gateway.snapshot import Snapshot, Tenant
from tests.fakes.gateway import ALICE_ID, MALLORY_ID, snapshot

MINUTE_NS = 60_000_000_000
NOON_NS = 1_790_000_000_000_000_000 - 1_790_000_000_000_000_000 % MINUTE_NS
ALICES_CALL = Caller(tenant_id=ALICE_ID, request_id="r", api_key_id=7, widget_id=9)


def budget(
    scope: Scope,
    owner: str = "",
    *,
    limit: int | None = 10,
    tenant_id: int | None = None,
    unit: Unit = "requests",
    window: Window = "day",
    zone: str = "UTC",
) -> Budget:
    return Budget(scope=scope, owner=owner, tenant_id=tenant_id, unit=unit, window=window, limit=limit, zone=zone)


def limited(*budgets: Budget, **changes: object) -> Snapshot:
    held: dict[str, tuple[Budget, ...]] = {}
    for each in budgets:
        where = place(each.scope, each.owner, each.tenant_id)
        held[where] = (*held.get(where, ()), each)
    return snapshot(budgets=held, **changes)


def limits(found: plan.Plan) -> list[tuple[str, int]]:
    return [(limit.budget.scope, limit.limit) for limit in found.limits]


def test_a_call_keeps_the_limits_of_all_whose_spending_it_is() -> None:
    everything = limited(
        budget("global", limit=1),
        budget("provider", "openai", limit=2),
        budget("provider", "groq", limit=99),
        budget("tenant", str(ALICE_ID), limit=3, tenant_id=ALICE_ID),
        budget("tenant", str(MALLORY_ID), limit=99, tenant_id=MALLORY_ID),
        budget("api_key", "7", limit=4, tenant_id=ALICE_ID),
        budget("widget", "9", limit=5, tenant_id=ALICE_ID),
        budget("widget", "8", limit=99, tenant_id=ALICE_ID),
    )

    found = plan.make_plan(everything, ALICES_CALL, "openai", NOON_NS)

    assert limits(found) == [("api_key", 4), ("widget", 5), ("tenant", 3), ("provider", 2), ("global", 1)]


def test_the_narrowest_of_several_limits_holds() -> None:
    of_all = budget("widget", EACH, limit=1)
    of_alice = budget("widget", EACH, limit=2, tenant_id=ALICE_ID)
    own = budget("widget", "9", limit=3, tenant_id=ALICE_ID)
    tokens = budget("widget", EACH, unit="tokens", limit=500)

    assert limits(plan.make_plan(limited(of_all, tokens), ALICES_CALL, "openai", NOON_NS)) == [
        ("widget", 1),
        ("widget", 500),
    ]
    assert limits(plan.make_plan(limited(of_all, of_alice), ALICES_CALL, "openai", NOON_NS)) == [("widget", 2)]
    assert limits(plan.make_plan(limited(of_all, of_alice, own), ALICES_CALL, "openai", NOON_NS)) == [("widget", 3)]


def test_another_tenants_limit_for_each_widget_does_not_hold() -> None:
    of_mallory = budget("widget", EACH, limit=2, tenant_id=MALLORY_ID)

    assert limits(plan.make_plan(limited(of_mallory), ALICES_CALL, "openai", NOON_NS)) == []


def test_a_limit_can_be_lifted_for_one() -> None:
    lifted = limited(budget("widget", EACH, limit=1), budget("widget", "9", limit=None, tenant_id=ALICE_ID))

    assert limits(plan.make_plan(lifted, ALICES_CALL, "openai", NOON_NS)) == []


def test_sessions_and_addresses_are_counted_for_each_tenant_apart() -> None:
    each = limited(budget("session", EACH, limit=1), budget("ip", EACH, limit=2))
    visitor = Caller(tenant_id=ALICE_ID, request_id="r", session_key="s", ip_key="i")

    found = plan.make_plan(each, visitor, "openai", NOON_NS)

    assert limits(found) == [("ip", 2), ("session", 1)]
    assert [claim.key.split(":")[:2] for claim in found.claims] == [["ip", "2-i"], ["session", "2-s"]]


def test_a_window_is_the_tenants_unless_the_budget_names_a_zone() -> None:
    tenants = {ALICE_ID: Tenant(id=ALICE_ID, name="alice", zone="Asia/Tokyo")}
    mixed = limited(budget("widget", EACH, zone=""), budget("global", zone="Europe/Berlin"), tenants=tenants)

    found = plan.make_plan(mixed, ALICES_CALL, "openai", NOON_NS)

    assert [claim.key for claim in found.claims] == [
        "widget:9:day:Asia/Tokyo:1789916400:requests",  # 2026-09-21 00:00 in Tokyo
        "global::day:Europe/Berlin:1789941600:requests",  # 2026-09-21 00:00 in Berlin
    ]


def test_what_was_given_back_adds_to_the_limit_of_its_window_alone() -> None:
    key = f"global::minute:UTC:{NOON_NS // 10**9}:requests"
    given = limited(budget("global", window="minute"), budget_credits={key: 5})

    assert limits(plan.make_plan(given, ALICES_CALL, "openai", NOON_NS)) == [("global", 15)]
    assert limits(plan.make_plan(given, ALICES_CALL, "openai", NOON_NS + MINUTE_NS)) == [("global", 10)]


def test_a_remembered_plan_ends_with_its_window_and_with_its_snapshot() -> None:
    plans = plan.Plans()
    before, after = limited(budget("global", window="minute")), limited(budget("global", window="minute", limit=3))

    first = plans.of(before, ALICES_CALL, "openai", NOON_NS)

    assert plans.of(before, ALICES_CALL, "openai", NOON_NS + MINUTE_NS - 1) is first
    assert plans.of(before, ALICES_CALL, "openai", NOON_NS + MINUTE_NS).claims != first.claims
    assert limits(plans.of(after, ALICES_CALL, "openai", NOON_NS)) == [("global", 3)]
