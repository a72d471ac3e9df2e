"""Every page of the console: open to the operator, closed to everybody else, and silent about secrets."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from frontdesk.console import theme
from frontdesk.tenants import services
from frontdesk.tenants.models import ApiKey, Tenant, User

pytestmark = pytest.mark.django_db

AREAS = [
    "channels.widget",
    "conversations.conversation",
    "knowledge.knowledgeentry",
    "tenants.apikey",
    "tenants.auditevent",
    "tenants.member",
    "tenants.providercredential",
    "tenants.tenant",
    "tenants.user",
    "usage.budget",
    "usage.llmmodel",
    "usage.llmprovider",
    "usage.modelalias",
    "usage.modelprice",
    "usage.providerusage",
    "usage.quarantinedrecord",
]
READ_ONLY = {"conversations.conversation", "tenants.auditevent", "usage.providerusage", "usage.quarantinedrecord"}


def address(area, page, *arguments):
    return reverse(f"admin:{area.replace('.', '_')}_{page}", args=arguments)


def pages(rows):
    found = [reverse("admin:index")]
    for area in AREAS:
        found += [address(area, "changelist"), address(area, "change", rows[area].pk)]
        found += [address(area, "history", rows[area].pk)]
        found += [] if area in READ_ONLY else [address(area, "add")]
    return [*found, reverse("admin:channels_widget_preview", args=[rows["channels.widget"].pk])]


def test_settings_have_the_consoles_theme():
    assert settings.UNFOLD == theme.UNFOLD
    assert settings.FORMAT_MODULE_PATH == theme.FORMAT_MODULE_PATH


def test_these_are_all_the_areas():
    assert sorted(model._meta.label_lower for model in admin.site._registry) == AREAS


@pytest.mark.parametrize("area", AREAS)
def test_operator_opens_every_page(operator, everything, area):
    rows, _ = everything

    listed = operator.get(address(area, "changelist"))
    opened = operator.get(address(area, "change", rows[area].pk))
    added = operator.get(address(area, "add"))

    assert (listed.status_code, opened.status_code) == (200, 200)
    assert added.status_code == (403 if area in READ_ONLY else 200)
    assert address(area, "change", rows[area].pk) in listed.content.decode()


@pytest.mark.parametrize("area", AREAS)
def test_search_and_every_filter_answer(operator, everything, area):
    listed = operator.get(address(area, "changelist"), {"q": "shop"})
    links = [
        choice["query_string"]
        for spec in listed.context["cl"].filter_specs
        for choice in spec.choices(listed.context["cl"])
    ]

    answers = {link: operator.get(address(area, "changelist") + link).status_code for link in links}

    assert set(answers.values()) <= {200}


@pytest.mark.parametrize("area", sorted(READ_ONLY))
def test_records_cannot_be_changed(operator, everything, area):
    rows, _ = everything

    posted = operator.post(address(area, "change", rows[area].pk), {"status": "x"})
    deleted = operator.post(address(area, "delete", rows[area].pk), {"post": "yes"})

    assert (posted.status_code, deleted.status_code) == (403, 403)
    assert type(rows[area]).objects.filter(pk=rows[area].pk).filter(**_scope(rows[area])).exists()


def _scope(row):
    return {"tenant_id": row.tenant_id} if hasattr(row, "tenant_id") else {}


def test_anonymous_visitors_are_sent_to_sign_in(client, everything):
    rows, _ = everything

    answers = {page: client.get(page) for page in pages(rows)}

    assert {answer.status_code for answer in answers.values()} == {302}
    assert all(answer["Location"].startswith("/admin/login/") for answer in answers.values())


def test_staff_without_a_membership_are_sent_to_sign_in(staff, everything):
    rows, _ = everything

    answers = {page: staff.get(page) for page in pages(rows)}

    assert {answer.status_code for answer in answers.values()} == {302}
    assert all(answer["Location"].startswith("/admin/login/") for answer in answers.values())


def test_staff_without_a_membership_change_nothing(staff, everything):
    rows, _ = everything
    key = rows["tenants.apikey"]

    revoked = staff.post(address("tenants.apikey", "changelist"), {"action": "revoke", "_selected_action": [key.pk]})
    added = staff.post(
        address("tenants.apikey", "add"),
        {"tenant": key.tenant_id, "name": "mine", "scopes": ["gateway:call"], "expires_at_0": "", "expires_at_1": ""},
    )

    key.refresh_from_db()
    assert (revoked.status_code, added.status_code, key.revoked_at) == (302, 302, None)
    assert ApiKey.objects.for_tenant(key.tenant_id).count() == 1


def test_form_rights_do_not_open_the_console(everything, staff):
    """Django's own permissions are not roles: granting one opens nothing."""
    from django.contrib.auth.models import Permission

    User.objects.get(username="bob").user_permissions.set(Permission.objects.all())

    assert staff.get(address("tenants.tenant", "changelist")).status_code == 302


def test_signing_in_is_for_the_operator_and_for_members(client, operator_user, staff, alice_tenant):
    sign_in = reverse("admin:login")

    refused = client.post(sign_in, {"username": "bob", "password": "another phrase"})
    let_in = client.post(sign_in, {"username": "olga", "password": "a long pass phrase"})
    services.add_member(alice_tenant, User.objects.get(username="bob"), "analyst")
    member = Client().post(sign_in, {"username": "bob", "password": "another phrase"})

    assert "You are not a member of any tenant" in refused.content.decode()
    assert (let_in.status_code, member.status_code) == (302, 302)


def test_no_page_shows_a_secret(operator, everything):
    rows, secrets = everything

    sources = {page: operator.get(page).content.decode() for page in pages(rows)}
    leaks = [(page, secret[:6]) for page, source in sources.items() for secret in secrets if secret in source]

    assert leaks == []


def test_autocomplete_offers_active_tenants(operator, alice_tenant, mallory_tenant):
    Tenant.objects.filter(pk=mallory_tenant.pk).update(is_active=False)

    answer = operator.get(
        reverse("admin:autocomplete"), {"app_label": "tenants", "model_name": "apikey", "field_name": "tenant"}
    )

    names = [result["text"] for result in answer.json()["results"]]
    assert "Alice's Flowers" in names
    assert "Mallory's Mugs" not in names
