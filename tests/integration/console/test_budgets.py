"""The page of budgets: where limits stand, giving back, and setting limits; for the operator alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from frontdesk.channels import services as channels
from frontdesk.gateway.budgets import calendar
from frontdesk.gateway.budgets.calendar import SECOND_NS
from frontdesk.tenants.models import AuditEvent
from frontdesk.usage.models import Budget, BudgetCounter, BudgetCredit

pytestmark = pytest.mark.django_db

LIST = "/admin/usage/budget/"


@pytest.fixture
def widget(alice_tenant):
    return channels.create_widget(alice_tenant, name="Shop <script>")


@pytest.fixture
def spent(widget):
    period = calendar.current("UTC", "month", int(datetime.now(UTC).timestamp()) * SECOND_NS)
    return BudgetCounter.unscoped.create(
        tenant_id=widget.tenant_id, scope="widget", owner=str(widget.pk), window="month", zone="UTC",
        starts_at=datetime.fromtimestamp(period.start_s, UTC), ends_at=datetime.fromtimestamp(period.end_s, UTC),
        requests=850,
    )  # fmt: skip


def fields(**changes):
    return {
        "scope": "widget", "tenant": "", "owner": "", "unit": "requests", "window": "day", "limit": "10",
        "policy": "", "notice": "", **changes,
    }  # fmt: skip


def test_the_page_shows_what_is_used(operator, widget, spent):
    page = operator.get(LIST, {"tenant": widget.tenant_id}).content.decode()

    assert "850 of 1,000" in page
    assert "width: 85%" in page
    assert "Shop &lt;script&gt;" in page
    assert "Shop <script>" not in page


def test_at_first_it_shows_the_operators_own(operator):
    page = operator.get(LIST).content.decode()

    assert "$0 of $1,000.00" in page
    assert "No budgets yet" in page


def test_one_limit_is_given_back(operator, widget, spent):
    which = {"scope": "widget", "owner": str(widget.pk), "unit": "requests", "window": "month"}

    reply = operator.post(f"{LIST}reset/", {"tenant": widget.tenant_id, **which}, follow=True)

    assert "What was used of 1 limit is given back." in reply.content.decode()
    [credit] = BudgetCredit.objects.all()
    assert (credit.amount, credit.granted_by) == (850, "olga")
    assert "0 of 1,000" in reply.content.decode()
    event = AuditEvent.objects.for_tenant(widget.tenant_id).get(action="budget.reset")
    assert (event.actor_name, event.changes["unit"]) == ("olga", "requests")


def test_nobody_else_gives_back(staff, client, operator, widget, spent):
    for person in (staff, client):
        assert person.post(f"{LIST}reset/", {"tenant": widget.tenant_id}).status_code in (302, 403)
    assert operator.get(f"{LIST}reset/", {"tenant": widget.tenant_id}).status_code == 405
    for tenant in ("", "0", "9" * 30, "x"):
        assert operator.post(f"{LIST}reset/", {"tenant": tenant}).status_code == 302
    assert not BudgetCredit.objects.exists()


@pytest.mark.parametrize(
    ("changes", "stored"),
    [
        ({}, (None, "widget", "*", 10)),
        ({"scope": "global", "unit": "usd", "limit": "2.50"}, (None, "global", "", 2_500_000_000)),
        ({"scope": "provider", "owner": "openai", "limit": ""}, (None, "provider", "openai", None)),
        ({"tenant": "alice", "scope": "tenant", "limit": "0"}, ("alice", "tenant", "alice", 0)),
        ({"tenant": "alice", "owner": "widget"}, ("alice", "widget", "widget", 10)),
    ],
)
def test_a_limit_is_added(operator, catalog, alice_tenant, widget, changes, stored):
    ids = {"alice": alice_tenant.pk, "widget": widget.pk}
    given = {name: ids.get(value, value) for name, value in changes.items()}

    reply = operator.post(f"{LIST}add/", fields(**given))

    assert reply.status_code == 302, reply.context["adminform"].form.errors
    [row] = Budget.objects.across_tenants()
    tenant, scope, owner, limit = stored
    assert (row.tenant_id, row.scope, row.owner, row.limit) == (
        ids.get(tenant, tenant), scope, str(ids.get(owner, owner)), limit,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"limit": "-1"}, "limit"),
        ({"limit": "1.5"}, "limit"),
        ({"limit": "99999999999999999"}, "limit"),
        ({"owner": "5"}, "tenant"),
        ({"tenant": "mallory", "owner": "widget"}, "owner"),
        ({"tenant": "mallory", "scope": "global"}, "tenant"),
        ({"scope": "provider", "owner": "acme"}, "owner"),
        ({"scope": "galaxy"}, "scope"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(operator, mallory_tenant, widget, changes, field):
    ids = {"mallory": mallory_tenant.pk, "widget": widget.pk}
    given = {name: ids.get(value, value) for name, value in changes.items()}

    reply = operator.post(f"{LIST}add/", fields(**given))

    assert reply.status_code == 200
    assert field in reply.context["adminform"].form.errors
    assert not Budget.objects.across_tenants().exists()


def test_a_second_limit_for_the_same_place_is_refused(operator):
    operator.post(f"{LIST}add/", fields())

    reply = operator.post(f"{LIST}add/", fields(limit="20"))

    assert reply.status_code == 200
    assert Budget.objects.across_tenants().get().limit == 10


def test_a_limit_is_changed_and_stays_in_its_place(operator, alice_tenant):
    row = Budget.unscoped.create(
        tenant=alice_tenant, scope="tenant", owner=str(alice_tenant.pk), unit="usd", window="day", limit=2_500_000_000
    )
    address = reverse("admin:usage_budget_change", args=[row.pk])
    assert 'value="2.50"' in operator.get(address).content.decode()

    operator.post(address, {"limit": "3.75", "policy": "reject", "notice": "Enough.", "scope": "global"})

    row.refresh_from_db()
    assert (row.scope, row.limit, row.policy, row.notice) == ("tenant", 3_750_000_000, "reject", "Enough.")
