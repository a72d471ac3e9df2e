"""Makes the demo shop and hands out keys to it. Its texts are in `bloom_and_bean.json`."""

import secrets
from importlib import resources
from typing import Any

import msgspec
from django.contrib.auth.hashers import make_password
from django.db import transaction

from frontdesk.channels import services as channels
from frontdesk.channels.models import Widget
from frontdesk.channels.selectors import DEMO_SLUG
from frontdesk.knowledge import services as knowledge
from frontdesk.tenants import scopes, services
from frontdesk.tenants.models import ApiKey, Tenant, User

ADMIN_USER = "admin"
_KEYS_KEPT = 5
_PASSWORD_BYTES = 12
_TENANT_KEY = ("Demo tenant key", (scopes.ANALYTICS_VIEW, scopes.USERS_MANAGE))
_GATEWAY_KEY = ("Demo gateway key", (scopes.GATEWAY_CALL,))


class Entry(msgspec.Struct, frozen=True):
    """A question that customers ask, and the shop's answer."""

    question: str
    answer: str
    tags: list[str]


class Texts(msgspec.Struct, frozen=True):
    """What the demo shop says about itself."""

    name: str
    settings: dict[str, Any]
    widget: dict[str, Any]
    entries: list[Entry]


class Access(msgspec.Struct, frozen=True):
    """Everything one needs to try the demo shop; keys and password in plain text."""

    tenant_id: int
    tenant_api_key: str
    gateway_key: str
    widget_key: str
    admin_user: str
    admin_password: str


def texts() -> Texts:
    """Read the demo shop's texts."""
    return msgspec.json.decode(resources.files(__package__).joinpath("bloom_and_bean.json").read_bytes(), type=Texts)


def open_shop() -> Access:
    """Make the demo tenant if it is absent, and fresh keys and a fresh password in any case.

    The newest five keys of each kind stay valid; older ones are revoked. What was changed in an existing demo
    tenant stays as it is.
    """
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    password_hash = make_password(password)  # slow on purpose, so before the transaction
    content = texts()
    with transaction.atomic():
        tenant = Tenant.objects.filter(slug=DEMO_SLUG).first() or _build(content)
        widget = Widget.objects.for_tenant(tenant).filter(is_enabled=True).order_by("id").first()
        if widget is None:
            widget = channels.create_widget(tenant, **content.widget)
        access = Access(
            tenant_id=tenant.pk,
            tenant_api_key=_fresh_key(tenant, *_TENANT_KEY),
            gateway_key=_fresh_key(tenant, *_GATEWAY_KEY),
            widget_key=widget.key,
            admin_user=ADMIN_USER,
            admin_password=password,
        )
        _set_admin_password(password_hash)
    knowledge.publish(tenant)
    return access


def _build(content: Texts) -> Tenant:
    tenant = services.create_tenant(content.name, DEMO_SLUG, **content.settings)
    for entry in content.entries:
        knowledge.save_entry(tenant, question=entry.question, answer=entry.answer, tags=entry.tags, locale="en")
    return tenant


def _fresh_key(tenant: Tenant, name: str, scopes: tuple[str, ...]) -> str:
    _, plaintext = services.create_api_key(tenant, name, scopes)
    valid = ApiKey.objects.for_tenant(tenant).filter(name=name, revoked_at=None)
    for key in valid.order_by("-id")[_KEYS_KEPT:]:
        services.revoke_api_key(key)
    return plaintext


def _set_admin_password(password_hash: str) -> None:
    rights = {"password": password_hash, "is_staff": True, "is_superuser": True, "is_active": True}
    User.objects.update_or_create(username=ADMIN_USER, defaults=rights)
