"""What members can do in the console, what of it is recorded, and that nobody raises themselves."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from frontdesk.channels import services as channels
from frontdesk.knowledge import services as knowledge
from frontdesk.knowledge.models import KnowledgeEntry
from frontdesk.tenants import services
from frontdesk.tenants.models import ApiKey, AuditEvent, Member, Tenant, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def sign_in(alice_tenant):
    def enter(role, tenant=alice_tenant):
        user = User.objects.create_user(f"{role}-of-{tenant.slug}", password="a long pass phrase")
        services.add_member(tenant, user, role)
        client = Client()
        client.force_login(user)
        client.user = user
        return client

    return enter


def page(model, name, *arguments):
    return reverse(f"admin:{model}_{name}", args=arguments)


def entry_form(tenant, **changes):
    return {
        "tenant": tenant.pk,
        "question": "When?",
        "answer": "At noon.",
        "tags": "",
        "locale": "en",
        "widget_id": "",
        "is_enabled": "on",
        **changes,
    }


def last_event(tenant):
    return AuditEvent.objects.for_tenant(tenant).order_by("-id").first()


def test_a_supervisor_adds_an_entry_to_the_own_tenant_on_record(sign_in, alice_tenant):
    client = sign_in("supervisor")

    answer = client.post(page("knowledge_knowledgeentry", "add"), entry_form(alice_tenant))

    entry = KnowledgeEntry.objects.for_tenant(alice_tenant).get()
    event = last_event(alice_tenant)
    assert (answer.status_code, entry.question) == (302, "When?")
    assert (event.action, event.object_id, event.actor_kind) == ("knowledgeentry.added", str(entry.pk), "user")
    assert (event.actor_id, event.ip) == (client.user.pk, "127.0.0.1")
    assert event.changes["question"] == [None, "When?"]


def test_an_entry_cannot_be_added_to_another_tenant(sign_in, alice_tenant, mallory_tenant):
    answer = sign_in("supervisor").post(page("knowledge_knowledgeentry", "add"), entry_form(mallory_tenant))

    assert answer.status_code == 200
    assert "Select a valid choice" in answer.content.decode()
    assert not KnowledgeEntry.objects.for_tenant(mallory_tenant).exists()


def test_an_entry_cannot_point_to_another_tenants_widget(sign_in, alice_tenant, mallory_tenant):
    widget = channels.create_widget(mallory_tenant, name="Mallory's hidden widget")
    client = sign_in("supervisor")

    answer = client.post(page("knowledge_knowledgeentry", "add"), entry_form(alice_tenant, widget_id=widget.pk))

    assert answer.status_code == 200
    assert "hidden widget" not in answer.content.decode()
    assert not KnowledgeEntry.objects.for_tenant(alice_tenant).exists()


def test_changing_and_deleting_is_recorded_with_what_was_before(sign_in, alice_tenant):
    entry = knowledge.save_entry(alice_tenant, question="When?", answer="At noon.")
    client = sign_in("supervisor")

    client.post(page("knowledge_knowledgeentry", "change", entry.pk), entry_form(alice_tenant, answer="At one."))
    changed = last_event(alice_tenant)
    chosen = {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"}
    client.post(page("knowledge_knowledgeentry", "changelist"), chosen)

    assert (changed.action, changed.changes) == ("knowledgeentry.changed", {"answer": ["At noon.", "At one."]})
    assert last_event(alice_tenant).action == "knowledgeentry.deleted"
    assert not KnowledgeEntry.objects.for_tenant(alice_tenant).exists()


def test_an_action_reaches_only_tenants_where_the_role_allows_it(sign_in, alice_tenant, mallory_tenant):
    """Somebody who edits at one tenant and only reads at another."""
    read_only = knowledge.save_entry(mallory_tenant, question="A?", answer="A.")
    own = knowledge.save_entry(alice_tenant, question="B?", answer="B.")
    client = sign_in("supervisor")
    services.add_member(mallory_tenant, client.user, "agent")

    chosen = {"action": "turn_off", "_selected_action": [read_only.pk, own.pk], "index": 0}
    client.post(page("knowledge_knowledgeentry", "changelist"), chosen)
    seen = client.get(page("knowledge_knowledgeentry", "changelist")).content.decode()

    read_only.refresh_from_db()
    own.refresh_from_db()
    assert (read_only.is_enabled, own.is_enabled) == (True, False)
    assert "A?" in seen


def test_reading_a_conversation_is_recorded(sign_in, alice_tenant, conversation):
    client = sign_in("agent")

    listed = client.get(page("conversations_conversation", "changelist"))
    list_event = last_event(alice_tenant)
    opened = client.get(page("conversations_conversation", "change", conversation.pk))
    view_event = last_event(alice_tenant)

    assert (listed.status_code, opened.status_code) == (200, 200)
    assert (list_event.action, list_event.changes) == ("conversations.listed", {"conversations": [conversation.pk]})
    assert (view_event.action, view_event.object_id) == ("conversation.viewed", str(conversation.pk))
    assert view_event.actor_id == client.user.pk


def test_an_analyst_sees_figures_of_the_own_tenant_only(sign_in, alice_tenant, mallory_tenant, make_call):
    make_call(alice_tenant.pk, status="failed", error_message="alice failed")
    make_call(mallory_tenant.pk, status="failed", error_message="mallory failed")

    shown = sign_in("analyst").get(reverse("admin:index"))

    assert "alice failed" in shown.content.decode()
    assert "mallory failed" not in shown.content.decode()
    assert shown.context["periods"][0].tiles[0].value == "1"


def test_an_agent_sees_no_figures_and_only_the_pages_of_the_role(sign_in, alice_tenant, make_call):
    make_call(alice_tenant.pk, status="failed", error_message="alice failed")

    shown = sign_in("agent").get(reverse("admin:index"))

    source = shown.content.decode()
    titles = [item["title"] for group in shown.context["sidebar_navigation"] for item in group["items"]]
    assert titles == ["Overview", "Conversations", "Knowledge"]
    assert "alice failed" not in source


def member_form(**changes):
    return {"username": "carol", "password": "a long pass phrase", "email": "", "role": "agent", **changes}


def test_an_admin_invites_somebody_new(sign_in, alice_tenant):
    client = sign_in("admin")

    answer = client.post(page("tenants_member", "add"), member_form(tenant=alice_tenant.pk))

    made = Member.objects.for_tenant(alice_tenant).get(user__username="carol")
    assert (answer.status_code, made.role, made.user.is_staff, made.user.is_superuser) == (302, "agent", False, False)
    assert last_event(alice_tenant).action == "member.added"
    assert "a long pass phrase" not in repr(last_event(alice_tenant).changes)


@pytest.mark.parametrize(
    ("role", "changes"),
    [
        ("admin", {"role": "owner"}),
        ("admin", {"username": "olga"}),
        ("admin", {"username": "OLGA"}),
        ("owner", {"password": "12345"}),
        ("owner", {"tenant": "mallory"}),
    ],
)
def test_nobody_is_made_an_owner_by_an_admin_or_drawn_in_from_elsewhere(
    sign_in, alice_tenant, mallory_tenant, operator_user, role, changes
):
    client = sign_in(role)
    tenant = mallory_tenant if changes.pop("tenant", "") else alice_tenant
    before = Member.unscoped.count()

    answer = client.post(page("tenants_member", "add"), member_form(tenant=tenant.pk, **changes))

    assert answer.status_code == 200
    assert Member.unscoped.count() == before


def test_nobody_raises_themselves(sign_in, alice_tenant):
    admin = sign_in("admin")
    sign_in("owner")
    own = Member.objects.for_tenant(alice_tenant).get(user=admin.user)
    owner = Member.objects.for_tenant(alice_tenant).get(role="owner")

    raised = admin.post(page("tenants_member", "change", own.pk), {"role": "owner", "is_active": "on"})
    deposed = admin.post(page("tenants_member", "change", owner.pk), {"role": "agent", "is_active": "on"})
    removed = admin.post(page("tenants_member", "delete", owner.pk), {"post": "yes"})

    own.refresh_from_db()
    owner.refresh_from_db()
    assert (own.role, owner.role) == ("admin", "owner")
    assert (raised.status_code, deposed.status_code, removed.status_code) == (200, 403, 403)


def test_the_last_owner_cannot_leave(sign_in, alice_tenant):
    client = sign_in("owner")
    own = Member.objects.for_tenant(alice_tenant).get()

    answer = client.post(page("tenants_member", "change", own.pk), {"role": "admin", "is_active": "on"})
    removed = client.post(page("tenants_member", "delete", own.pk), {"post": "yes"})

    own.refresh_from_db()
    assert (answer.status_code, removed.status_code, own.role) == (200, 403, "owner")
    assert "last owner" in answer.content.decode()


def test_an_admin_makes_and_rotates_keys_of_the_own_tenant(sign_in, alice_tenant, mallory_tenant):
    client = sign_in("admin")
    given = {"name": "shop", "scopes": ["gateway:call"], "expires_at_0": "", "expires_at_1": ""}

    refused = client.post(page("tenants_apikey", "add"), {"tenant": mallory_tenant.pk, **given})
    client.post(page("tenants_apikey", "add"), {"tenant": alice_tenant.pk, **given})
    key = ApiKey.objects.for_tenant(alice_tenant).get()
    old_prefix = key.prefix
    rotated = client.post(page("tenants_apikey", "change", key.pk), {**given, "tenants_apikey_rotate_this": "1"})

    key.refresh_from_db()
    assert refused.status_code == 200
    assert not ApiKey.objects.for_tenant(mallory_tenant).exists()
    assert key.prefix in rotated.content.decode()
    assert key.prefix != old_prefix
    actions = AuditEvent.objects.for_tenant(alice_tenant).order_by("id").values_list("action", flat=True)
    assert list(actions)[-2:] == ["api_key.created", "api_key.rotated"]


def test_an_admin_changes_settings_but_not_what_is_the_operators(sign_in, alice_tenant, operator):
    client = sign_in("admin")
    address = page("tenants_tenant", "change", alice_tenant.pk)
    form = operator.get(address).context["adminform"].form
    given = {name: value for name, value in form.initial.items() if value not in (None, False)}

    answer = client.post(
        address, {**given, "name": "Flowers", "slug": "taken", "is_active": "", "timezone": "Asia/Tokyo"}
    )

    stored = Tenant.objects.get(pk=alice_tenant.pk)
    assert answer.status_code == 302
    assert (stored.name, stored.slug, stored.is_active) == ("Flowers", "alice", True)
    assert stored.timezone == "UTC"
    assert "The operator can change it." in client.get(address).content.decode()
    assert "The operator can change it." not in operator.get(address).content.decode()
    assert client.get(page("tenants_tenant", "add")).status_code == 403


def test_admins_are_not_promised_the_limits_which_are_the_operators(sign_in):
    client = sign_in("admin")

    invitation = client.get(page("tenants_member", "add")).content.decode()

    assert client.get(page("usage_budget", "changelist")).status_code == 403
    assert "settings, keys, widgets, members and the audit log" in invitation
    assert "limits" not in invitation


@pytest.mark.parametrize("absurd", ["99999999999999999999", "-99999999999999999999", "1e400", "\x00", "'"])
def test_absurd_numbers_are_answered(operator, everything, absurd):
    models = ("knowledge_knowledgeentry", "channels_widget", "tenants_apikey", "usage_providerusage", "tenants_member")
    for model in models:
        for name in ("tenant", "tenant_id", "tenant__id__exact", "id", "id__exact"):
            assert operator.get(page(model, "changelist"), {name: absurd}).status_code in (200, 302), (model, name)
    for model in models:
        assert operator.get(f"/admin/{model.replace('_', '/')}/{absurd}/change/").status_code == 404


def test_roles_take_effect_with_the_next_request(sign_in, alice_tenant):
    client = sign_in("supervisor")
    member = Member.objects.for_tenant(alice_tenant).get(user=client.user)
    address = page("knowledge_knowledgeentry", "changelist")

    before = client.get(address).status_code
    services.change_member(member, role="analyst")
    demoted = client.get(address).status_code
    services.change_member(member, is_active=False)

    assert (before, demoted, client.get(address).status_code) == (200, 403, 302)


def test_signing_in_and_passwords_are_recorded_without_the_passwords(sign_in, alice_tenant, operator):
    client = sign_in("agent")
    address = reverse("admin:auth_user_password_change", args=[client.user.pk])
    new = "another long pass phrase"

    Client().post(reverse("admin:login"), {"username": client.user.username, "password": "a long pass phrase"})
    signed_in = last_event(alice_tenant)
    changed = client.post(
        reverse("admin:password_change"),
        {"old_password": "a long pass phrase", "new_password1": new, "new_password2": new},
    )
    own_change = last_event(alice_tenant)
    operator.post(address, {"usable_password": "true", "password1": new + "!", "password2": new + "!"})
    by_operator = AuditEvent.unscoped.order_by("-id").first()

    assert (signed_in.action, signed_in.actor_id) == ("signed_in", client.user.pk)
    assert (changed.status_code, own_change.action) == (302, "password.changed")
    assert (by_operator.action, by_operator.tenant_id) == ("user.changed", None)
    assert "pass phrase" not in repr([event.changes for event in AuditEvent.unscoped.all()])
