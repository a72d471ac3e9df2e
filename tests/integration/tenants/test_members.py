"""Members: added, changed, removed; the last owner stays."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.test import RequestFactory

from frontdesk.gateway.errors import CallerError
from frontdesk.server import wiring
from frontdesk.tenants import authorisation, services
from frontdesk.tenants.models import AuditEvent, Member, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(alice_tenant):
    return services.add_member(alice_tenant, User.objects.create_user("alice"), "owner")


@pytest.fixture
def bob(alice_tenant):
    return services.add_member(alice_tenant, User.objects.create_user("bob"), "agent")


def actions(tenant):
    return list(AuditEvent.objects.for_tenant(tenant).order_by("id").values_list("action", flat=True))


def test_adding_changing_and_removing_is_recorded(alice_tenant, alice, bob):
    services.change_member(bob, role="supervisor")
    services.change_member(bob, role="supervisor")
    services.remove_member(bob)

    assert actions(alice_tenant)[-4:] == ["member.added", "member.added", "member.changed", "member.removed"]
    changed = AuditEvent.objects.for_tenant(alice_tenant).get(action="member.changed")
    assert changed.changes == {"role": ["agent", "supervisor"]}
    assert User.objects.filter(username="bob").exists()


def test_nobody_is_a_member_twice(alice_tenant, bob):
    with pytest.raises(ValidationError):
        services.add_member(alice_tenant, bob.user, "admin")


def test_an_unknown_role_is_refused(alice_tenant):
    with pytest.raises(ValidationError):
        services.add_member(alice_tenant, User.objects.create_user("eve"), "root")

    assert not Member.objects.for_tenant(alice_tenant).exists()


@pytest.mark.parametrize("change", [{"role": "admin"}, {"is_active": False}])
def test_the_last_owner_stays(alice_tenant, alice, change):
    with pytest.raises(ValidationError, match="last owner"):
        services.change_member(alice, **change)
    with pytest.raises(ValidationError, match="last owner"):
        services.remove_member(alice)

    alice.refresh_from_db()
    assert (alice.role, alice.is_active) == ("owner", True)


def test_an_owner_leaves_when_another_is_there(alice, bob):
    services.change_member(bob, role="owner")

    services.change_member(alice, role="admin")

    assert Member.objects.for_tenant(alice.tenant_id).get(pk=alice.pk).role == "admin"


def test_an_invitation_makes_a_new_user_and_takes_no_existing_one(alice_tenant, mallory_tenant, alice):
    made = services.invite_member(alice_tenant, "carol", "a long pass phrase", "agent")

    assert made.user.check_password("a long pass phrase")
    with pytest.raises(ValidationError):
        services.invite_member(mallory_tenant, "alice", "a long pass phrase", "agent")
    with pytest.raises(ValidationError):
        services.invite_member(alice_tenant, "dave", "12345", "agent")
    assert not Member.objects.for_tenant(mallory_tenant).exists()
    assert not User.objects.filter(username="dave").exists()


def test_a_person_is_what_their_membership_says(alice_tenant, mallory_tenant, bob):
    found = authorisation.principal_of_user(bob.user)

    assert (found.tenant_id, found.kind, found.id) == (alice_tenant.pk, "user", bob.user_id)
    assert "conversations:read" in found.scopes
    with pytest.raises(CallerError) as caught:
        authorisation.principal_of_user(bob.user, mallory_tenant.pk)
    assert caught.value.http_status == 403


def test_somebody_of_several_tenants_names_one(alice_tenant, mallory_tenant, bob):
    services.add_member(mallory_tenant, bob.user, "analyst")

    with pytest.raises(CallerError) as caught:
        authorisation.principal_of_user(bob.user)

    assert caught.value.code == "tenant_required"
    assert authorisation.principal_of_user(bob.user, mallory_tenant.pk).scopes == {"analytics:view"}


@pytest.mark.parametrize("ended", ["user", "member", "tenant"])
def test_what_is_turned_off_opens_nothing(alice_tenant, bob, ended):
    if ended == "user":
        bob.user.is_active = False
    elif ended == "member":
        services.change_member(bob, is_active=False)
    else:
        alice_tenant.is_active = False
        alice_tenant.save()

    assert authorisation.principals_of_user(bob.user) == []


def test_the_operator_is_everything_and_others_are_not(alice_tenant, bob):
    operator = User.objects.create_superuser("olga", password="a long pass phrase")

    assert "owners:manage" in authorisation.principal_of_operator(operator, alice_tenant.pk).scopes
    with pytest.raises(CallerError):
        authorisation.principal_of_operator(bob.user, alice_tenant.pk)


def asked(user=None, **headers):
    request = RequestFactory().get("/api/anything/", headers={k.replace("_", "-"): v for k, v in headers.items()})
    request.user = user or AnonymousUser()
    return authorisation.principal_of_request(request, wiring.read_snapshot(), now_ns=0)


def test_a_view_knows_a_key_and_a_person_alike(alice_tenant, bob):
    key, plaintext = services.create_api_key(alice_tenant, "shop", ["analytics:view"])

    by_key = asked(x_tenant_id="alice", x_tenant_api_key=plaintext)
    by_session = asked(bob.user)
    by_named = asked(bob.user, x_tenant_id="alice")

    assert (by_key.kind, by_key.id, by_key.scopes) == ("api_key", key.pk, {"analytics:view"})
    assert (by_session.kind, by_session.id, by_session.tenant_id) == ("user", bob.user_id, alice_tenant.pk)
    assert by_named == by_session


def test_a_view_refuses_a_session_beside_a_key_and_another_tenant(alice_tenant, mallory_tenant, bob):
    _, plaintext = services.create_api_key(alice_tenant, "shop", ["analytics:view"])
    refused = [
        ({"user": bob.user, "authorization": f"Bearer {plaintext}"}, 400, "duplicate_credential"),
        ({"user": bob.user, "x_tenant_id": "mallory"}, 403, "wrong_tenant"),
        ({"user": bob.user, "x_tenant_id": "nobody"}, 403, "wrong_tenant"),
        ({"x_tenant_id": str(mallory_tenant.pk), "x_tenant_api_key": plaintext}, 403, "wrong_tenant"),
        ({}, 401, "missing_api_key"),
    ]

    for given, status, code in refused:
        with pytest.raises(CallerError) as caught:
            asked(**given)
        assert (caught.value.http_status, caught.value.code) == (status, code)


def test_the_operators_staff_name_a_tenant_or_mean_their_own(alice_tenant):
    operator = User.objects.create_superuser("olga", password="a long pass phrase")

    assert asked(operator, x_tenant_id="alice").tenant_id == alice_tenant.pk
    assert asked(operator).tenant_id == wiring.read_snapshot().operator_id
    assert asked(operator).kind == "operator"
