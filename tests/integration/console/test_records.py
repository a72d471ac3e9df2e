"""Calls, conversations, and the figures of the first page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from frontdesk.console import dashboard, pagination, selectors
from frontdesk.console.admin import calls
from frontdesk.conversations.models import Contact, Conversation, Message, Turn
from frontdesk.tenants import selectors as tenants
from frontdesk.tenants import services

pytestmark = pytest.mark.django_db

CALLS = "admin:usage_providerusage_changelist"
CONVERSATIONS = "admin:conversations_conversation_changelist"


def test_calls_are_listed_newest_first(operator, alice_tenant, make_call):
    make_call(alice_tenant.pk, ago=timedelta(hours=2), model="older")
    make_call(alice_tenant.pk, model="newer", status="failed", cost=None)

    page = operator.get(reverse(CALLS)).content.decode()

    assert page.index("openai/newer") < page.index("openai/older")
    assert "$0.0015" in page
    assert "no price" in page
    assert '<span class="fd-label fd-label-bad">failed</span>' in page


def test_a_call_of_a_deleted_tenant_is_still_listed(operator, make_call):
    make_call(987)

    assert "tenant 987 (deleted)" in operator.get(reverse(CALLS)).content.decode()


def test_calls_are_found_by_request_or_call_id(operator, alice_tenant, make_call):
    wanted, _ = make_call(alice_tenant.pk, model="wanted"), make_call(alice_tenant.pk, model="other")

    for term in (wanted.request_id, str(wanted.call_id), f" {wanted.call_id} "):
        found = operator.get(reverse(CALLS), {"q": term}).context["cl"].result_list
        assert [call.model for call in found] == ["wanted"]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"period": "1h"}, ["now"]),
        ({"period": "24h"}, ["now", "morning"]),
        ({"period": "7d"}, ["now", "morning"]),
        ({"period": "30d"}, ["now", "morning", "old"]),
        ({"status": "failed"}, ["morning"]),
        ({"provider": "openai", "period": "24h"}, ["now", "morning"]),
        ({"tenant": "nonsense"}, ["now", "morning", "old"]),
    ],
)
def test_calls_are_filtered(operator, alice_tenant, catalog, make_call, chosen, expected):
    make_call(alice_tenant.pk, model="now")
    make_call(alice_tenant.pk, model="morning", ago=timedelta(hours=9), status="failed")
    make_call(alice_tenant.pk, model="old", ago=timedelta(days=12))

    found = operator.get(reverse(CALLS), chosen).context["cl"].result_list

    assert [call.model for call in found] == expected


def test_calls_are_filtered_by_tenant(operator, alice_tenant, mallory_tenant, make_call):
    make_call(alice_tenant.pk, model="hers")
    make_call(mallory_tenant.pk, model="theirs")

    found = operator.get(reverse(CALLS), {"tenant": alice_tenant.pk}).context["cl"].result_list

    assert [call.model for call in found] == ["hers"]


def test_a_page_of_calls_costs_the_same_number_of_queries_however_many(
    operator, alice_tenant, mallory_tenant, make_call, django_assert_max_num_queries
):
    for n in range(30):
        make_call((alice_tenant, mallory_tenant)[n % 2].pk)

    with django_assert_max_num_queries(8):
        operator.get(reverse(CALLS))


def test_counting_stops_at_a_bound(operator, alice_tenant, make_call, monkeypatch):
    monkeypatch.setattr(pagination, "MAX_COUNTED", 3)
    for _ in range(5):
        make_call(alice_tenant.pk)

    assert operator.get(reverse(CALLS)).context["cl"].result_count == 3


@pytest.mark.parametrize("narrowed", [{}, {"tenant": "hers"}])
def test_filters_without_an_index_look_through_the_newest_calls_only(
    operator, alice_tenant, make_call, monkeypatch, narrowed
):
    monkeypatch.setattr(calls, "MAX_FILTERED", 2)
    for ago in range(4):
        make_call(alice_tenant.pk, ago=timedelta(minutes=ago), status="failed", model=f"m{ago}")
    chosen = {"status": "failed", **({"tenant": alice_tenant.pk} if narrowed else {})}

    found = operator.get(reverse(CALLS), chosen).context["cl"].result_list

    assert [call.model for call in found] == ["m0", "m1"]


def test_a_transcript_is_escaped_and_tells_how_the_answer_came_about(operator, conversation):
    page = operator.get(reverse("admin:conversations_conversation_change", args=[conversation.pk])).content.decode()

    assert "Are you open &lt;script&gt;alert(1)&lt;/script&gt; today?" in page
    assert "Until six o’clock." in page
    assert "knowledge base" in page
    assert "confidence 0.93" in page
    assert "no usable provider key" in page
    assert f"{reverse(CALLS)}?q=0199-request" in page


def test_conversations_are_listed_with_their_last_message(operator, conversation):
    page = operator.get(reverse(CONVERSATIONS)).content.decode()

    assert "Frontdesk: Until six o’clock." in page


def test_a_conversation_is_found_by_its_number(operator, conversation):
    others = Conversation.objects.create(tenant=conversation.tenant, contact=conversation.contact)

    found = operator.get(reverse(CONVERSATIONS), {"q": f"#{conversation.pk}"}).context["cl"].result_list

    assert [row.pk for row in found] == [conversation.pk]
    assert others.pk != conversation.pk


def test_a_turn_without_an_answer_says_so(operator, conversation):
    turn = Turn.objects.create(
        tenant=conversation.tenant, conversation=conversation, status=Turn.Status.FAILED, request_id="r"
    )
    Message.objects.create(
        tenant=conversation.tenant, conversation=conversation, turn=turn, author="contact", text="Hello?"
    )

    page = operator.get(reverse("admin:conversations_conversation_change", args=[conversation.pk])).content.decode()

    assert page.index("Hello?") < page.index("This message got no answer.")


def test_figures_count_what_happened(alice_tenant, mallory_tenant, conversation, make_call):
    make_call(alice_tenant.pk, cost=1_000_000_000)
    make_call(mallory_tenant.pk, cost=500_000_000)
    make_call(alice_tenant.pk, status="failed", cost=None, uncached_input=0, output=0)
    make_call(alice_tenant.pk, cost=None)
    make_call(alice_tenant.pk, status="credits_exhausted", cost=0, provider="", uncached_input=0, output=0)
    make_call(alice_tenant.pk, ago=timedelta(days=9), cost=7)

    days = selectors.days(selectors.zone_of(None))
    service = selectors.service(timezone.now() - timedelta(hours=1))

    today = timezone.now().date()
    assert days[-1] == selectors.Day(
        today, calls=5, attempts=4, successes=3, failures=1, unpriced=1, cost_nano_usd=1_500_000_000
    )
    assert days[:-1] == [selectors.Day(today - timedelta(days=ago)) for ago in range(6, 0, -1)]
    assert service == selectors.Service(conversations=1, by_model=0, by_knowledge=1, by_default=0)


@pytest.mark.parametrize(("zone", "day"), [("UTC", 19), ("Asia/Tokyo", 20), ("America/New_York", 19)])
def test_days_are_those_of_the_operators_zone(alice_tenant, make_call, zone, day):
    operator = tenants.operator()
    operator.timezone = zone
    operator.save()
    with time_machine.travel(datetime(2026, 11, 19, 23, 30, tzinfo=UTC), tick=False):
        make_call(alice_tenant.pk)

    with time_machine.travel(datetime(2026, 11, 21, 12, 0, tzinfo=UTC), tick=False):
        days = selectors.days(selectors.zone_of(None))

    assert [found.day.day for found in days if found.calls] == [day]


def test_the_first_page_of_an_empty_system_says_what_to_do(operator):
    page = operator.get(reverse("admin:index")).content.decode()

    for title in ("Add a tenant", "Connect a model provider", "Write down what you know", "Put a widget on a website"):
        assert title in page
    assert "No model has been called in the last seven days." in page


def test_the_first_page_stops_asking_for_what_is_there(operator, everything):
    page = operator.get(reverse("admin:index"))

    assert page.context["steps"] == []
    assert "$0.0015" in page.content.decode()


def test_keys_of_the_environment_count_as_connected(operator, alice_tenant, settings, monkeypatch):
    configuration = settings.CONFIGURATION
    monkeypatch.setattr(type(configuration), "operator_credentials", lambda self: ["a key"])

    titles = [step.title for step in operator.get(reverse("admin:index")).context["steps"]]

    assert "Connect a model provider" not in titles


def test_answers_are_shares_of_all():
    service = selectors.Service(conversations=0, by_model=1, by_knowledge=2, by_default=1)

    assert [(share.name, share.percent) for share in dashboard.shares(service)] == [
        ("Model", 25.0),
        ("Knowledge base", 50.0),
        ("Friendly default", 25.0),
    ]


def test_names_of_contacts_are_escaped(operator, alice_tenant):
    contact = Contact.objects.create(tenant=alice_tenant, display_name="<img src=x onerror=alert(1)>")
    Conversation.objects.create(tenant=alice_tenant, contact=contact)

    page = operator.get(reverse(CONVERSATIONS)).content.decode()

    assert "<img src=x" not in page


def test_names_of_keys_are_escaped_where_the_key_is_shown(operator, alice_tenant):
    form = {"tenant": alice_tenant.pk, "name": "<b>x</b>", "scopes": ["gateway:call"]}

    page = operator.post(
        reverse("admin:tenants_apikey_add"), {**form, "expires_at_0": "", "expires_at_1": ""}
    ).content.decode()

    assert "<b>x</b>" not in page
    assert services.GATEWAY_CALL in page


def test_an_empty_list_says_what_would_fill_it(operator):
    page = operator.get(reverse(CALLS)).content.decode()

    assert "No calls yet" in page
    assert "as soon as a model is asked" in page


def test_a_search_without_a_match_offers_the_way_back(operator, conversation):
    page = operator.get(reverse(CONVERSATIONS), {"q": "nobody of this name"}).content.decode()

    assert "Nothing matches" in page
    assert "Show all" in page
