"""What somebody sees whose role does not open a page."""

import pytest
from django.test import Client

from frontdesk.tenants import services
from frontdesk.tenants.models import Tenant, User

pytestmark = pytest.mark.django_db


def test_a_refused_page_says_why_and_leads_back(alice_tenant: Tenant) -> None:
    client = Client()
    user = User.objects.create_user("bob", password="a-long-password-9")
    services.add_member(alice_tenant, user, "agent")
    client.force_login(user)

    answer = client.get("/admin/usage/budget/")

    assert answer.status_code == 403
    assert b"Your role does not open this page" in answer.content
    assert b'href="/admin/"' in answer.content
