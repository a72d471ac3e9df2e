"""Tenants with their settings, and the people who sign in."""

from __future__ import annotations

import pytest
from django.urls import reverse

from frontdesk.tenants import selectors, services, setting
from frontdesk.tenants.models import Tenant, User

pytestmark = pytest.mark.django_db


def tenant_form(**changes):
    defaults = setting.parse({}).model_dump()
    form = {name: "on" if value is True else value for name, value in defaults.items() if value is not False}
    return {**form, "name": "Alice's Flowers", "slug": "alice", "is_active": "on", **changes}


def change(tenant):
    return reverse("admin:tenants_tenant_change", args=[tenant.pk])


def test_settings_are_edited_as_typed_fields(operator, alice_tenant):
    form = tenant_form(timezone="Europe/Berlin", temperature="0.2", max_tokens="900", persona="Warm.")
    form.pop("enable_llm")

    answer = operator.post(change(alice_tenant), form)

    alice_tenant = selectors.find_tenant(alice_tenant.pk)
    assert answer.status_code == 302
    assert alice_tenant.timezone == "Europe/Berlin"
    assert alice_tenant.settings.chosen == {
        "enable_llm": False,
        "max_tokens": 900,
        "persona": "Warm.",
        "temperature": 0.2,
    }


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"temperature": "3"}, "temperature", "less than or equal to 2"),
        ({"knowledge_confidence_threshold": "-1"}, "knowledge_confidence_threshold", "greater than or equal to 0"),
        ({"max_tokens": "many"}, "max_tokens", "Enter a whole number."),
        ({"default_reply": "x" * 2001}, "default_reply", "at most 2000 characters"),
        ({"timezone": "Mars/Olympus"}, "timezone", "is not a known time zone"),
        ({"slug": "not a slug"}, "slug", "valid “slug”"),
    ],
)
def test_a_refused_setting_is_named_at_its_field_and_nothing_is_stored(operator, alice_tenant, changes, field, message):
    answer = operator.post(change(alice_tenant), tenant_form(persona="Changed", **changes))

    errors = answer.context["adminform"].form.errors
    assert list(errors) == [field]
    assert message in errors[field][0]
    assert "persona" not in selectors.find_tenant(alice_tenant.pk).settings.chosen


def test_an_emptied_setting_goes_back_to_its_default(operator, alice_tenant):
    services.update_settings(alice_tenant, {"default_reply": "One moment.", "temperature": 0.1})

    operator.post(change(alice_tenant), tenant_form(default_reply="", temperature="", business_name=""))

    assert selectors.find_tenant(alice_tenant.pk).settings.chosen == {}


def test_a_tenant_is_added_with_its_settings(operator):
    operator.post(
        reverse("admin:tenants_tenant_add"), tenant_form(name="New", slug="new", business_name="The New Ones")
    )

    assert selectors.find_tenant("new").settings.get("business_name") == "The New Ones"


def test_tenants_are_not_deleted(operator, alice_tenant):
    answer = operator.post(reverse("admin:tenants_tenant_delete", args=[alice_tenant.pk]), {"post": "yes"})

    assert answer.status_code == 403
    assert Tenant.objects.filter(pk=alice_tenant.pk).exists()


def test_the_operators_tenant_stays_active(operator):
    own = selectors.operator()
    form = tenant_form(name=own.name, slug=own.slug)
    form.pop("is_active")

    answer = operator.post(change(own), form)

    assert "cannot be deactivated" in answer.content.decode()
    own.refresh_from_db()
    assert own.is_active


def user_form(**changes):
    return {"username": "olga", "email": "olga@operator.example", "is_active": "on", "is_operator": "on", **changes}


def test_a_new_user_gets_access_by_one_switch(operator):
    password = "correct horse battery"
    form = {"username": "carol", "email": "", "usable_password": "true", "password1": password, "password2": password}

    operator.post(reverse("admin:tenants_user_add"), {**form, "is_operator": "on"})

    carol = User.objects.get(username="carol")
    assert (carol.is_staff, carol.is_superuser, carol.check_password(password)) == (True, True, True)


@pytest.mark.parametrize("taken", ["is_operator", "is_active"])
def test_nobody_takes_their_own_access_away(operator, operator_user, taken):
    form = user_form()
    form.pop(taken)

    answer = operator.post(reverse("admin:tenants_user_change", args=[operator_user.pk]), form)

    operator_user.refresh_from_db()
    assert "You cannot take your own access away" in answer.content.decode()
    assert (operator_user.is_active, operator_user.is_superuser, operator_user.is_staff) == (True, True, True)


def test_another_operators_access_can_be_taken_away(operator):
    carol = User.objects.create_superuser("carol", "", "correct horse battery")
    form = user_form(username="carol", email="")
    form.pop("is_operator")

    operator.post(reverse("admin:tenants_user_change", args=[carol.pk]), form)

    carol.refresh_from_db()
    assert (carol.is_staff, carol.is_superuser) == (False, False)


def test_nobody_deletes_themselves(operator, operator_user):
    answer = operator.post(reverse("admin:tenants_user_delete", args=[operator_user.pk]), {"post": "yes"})

    assert answer.status_code == 403
    assert User.objects.filter(pk=operator_user.pk).exists()
