"""Sign-ins that fail: each leaves a trace, and many of them close the door for a while."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from frontdesk.tenants.models import AuditEvent, User

pytestmark = pytest.mark.django_db

RIGHT = "a long pass phrase"
CLIENT = "203.0.113.7"


def sign_in(name, password, address=CLIENT):
    form = {"username": name, "password": password}
    return Client(REMOTE_ADDR=address).post(reverse("admin:login"), form)


def failures():
    return AuditEvent.unscoped.filter(action="sign_in_failed").order_by("id")


def failed_before(count, ago, name="olga", address=CLIENT):
    for _ in range(count):
        AuditEvent.unscoped.create(
            action="sign_in_failed",
            at=timezone.now() - ago,
            changes={"user_name": name, "reason": "invalid_login"},
            actor_kind="user",
            ip=address,
        )


def test_a_failed_sign_in_is_recorded_without_the_password(operator_user):
    sign_in("olga", "wrong pass phrase")

    event = failures().get()
    assert (event.tenant_id, event.actor_id, event.actor_name, event.ip) == (None, None, "", CLIENT)
    assert event.changes == {"user_name": "olga", "reason": "invalid_login"}


def test_a_name_of_any_length_is_recorded_cut(db):
    sign_in("o" * 5000, "wrong pass phrase")

    assert failures().get().changes["user_name"] == "o" * 150


def test_somebody_without_a_tenant_is_recorded_too(db):
    User.objects.create_user("bob", password=RIGHT)

    sign_in("bob", RIGHT)

    assert failures().get().changes == {"user_name": "bob", "reason": "no_access"}


def test_ten_failures_for_a_name_refuse_the_right_password_from_anywhere(operator_user):
    for number in range(10):
        sign_in("olga", "wrong pass phrase", f"198.51.100.{number}")

    refused = sign_in("olga", RIGHT)

    assert refused.status_code == 200
    assert "Too many failed sign-ins" in refused.content.decode()
    assert "try again in 15 minutes" in refused.content.decode()
    assert failures().count() == 10


def test_nine_failures_refuse_nothing(operator_user):
    failed_before(9, timedelta(minutes=1))

    assert sign_in("olga", RIGHT).status_code == 302


def test_ten_failures_from_an_address_refuse_every_name_from_there_only(operator_user):
    failed_before(10, timedelta(minutes=5), name="somebody")

    assert "try again in 10 minutes" in sign_in("olga", RIGHT).content.decode()
    assert sign_in("olga", RIGHT, "203.0.113.8").status_code == 302


def test_failures_are_forgotten_after_a_quarter_of_an_hour(operator_user):
    failed_before(10, timedelta(minutes=15))

    assert sign_in("olga", RIGHT).status_code == 302


@pytest.mark.parametrize("proxy", ["127.0.0.1", "::1", "10.1.2.3"])
def test_the_address_of_a_proxy_shuts_nobody_out(operator_user, settings, proxy):
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"trusted_proxies": ("10.0.0.0/8",)})
    failed_before(10, timedelta(minutes=1), name="somebody", address=proxy)

    assert sign_in("olga", RIGHT, proxy).status_code == 302
