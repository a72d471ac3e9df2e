"""Two tenants with a row of every kind. Every text of Alice's that is not public holds a canary."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import models
from django.utils import timezone

from frontdesk.channels import services as channels
from frontdesk.channels import webchat
from frontdesk.conversations.models import Contact, Conversation, Message, Turn
from frontdesk.gateway.clock import SystemClock, uuid7
from frontdesk.knowledge import services as knowledge
from frontdesk.tenants import audit, services
from frontdesk.tenants.models import ApiKey, ApiKeyUse, AuditEvent, Member, Tenant, User
from frontdesk.usage.models import (
    Budget,
    LLMModel,
    LLMProvider,
    ModelAlias,
    ModelPrice,
    ProviderUsage,
    QuarantinedRecord,
)

CANARY = "canary7f3a"
ALICES_SECRET = "sk-" + CANARY + "-of-alice"


@dataclass
class Shop:
    """A tenant with its rows by `app.model`, its keys in plain text, and a visitor's token."""

    tenant: Tenant
    rows: dict[str, Any] = field(default_factory=dict)
    key: str = ""
    key_without_scope: str = ""
    visitor_token: str = ""


@dataclass
class World:
    alice: Shop
    mallory: Shop
    operators: dict[str, Any]
    """The operator's rows, which belong to no tenant."""


def build() -> World:
    """Make everything, in the database at hand."""
    catalog = _catalog()
    alice, mallory = _shop("alice", CANARY), _shop("mallory", "mallory")
    operators = {
        **catalog,
        "usage.quarantinedrecord": QuarantinedRecord.objects.create(
            source=f"{CANARY}/1", reason=f"{CANARY} is bad", payload=CANARY.encode()
        ),
    }
    return World(alice, mallory, operators)


def _catalog() -> dict[str, Any]:
    provider = LLMProvider.objects.create(name="openai", display_name="OpenAI", wire="openai", base_url="http://up/v1")
    model = LLMModel.objects.create(provider=provider, name="gpt-4o-mini", quality_rank=500)
    price = ModelPrice.objects.create(
        model=model,
        input_nano_usd_per_mtok=1,
        output_nano_usd_per_mtok=1,
        cache_read_nano_usd_per_mtok=1,
        cache_write_nano_usd_per_mtok=1,
        source=f"{CANARY} list",
    )
    alias = ModelAlias.objects.create(name="old", target="openai/gpt-4o-mini", reason=f"{CANARY} reason")
    return {
        "usage.llmprovider": provider,
        "usage.llmmodel": model,
        "usage.modelprice": price,
        "usage.modelalias": alias,
    }


def _shop(name: str, word: str) -> Shop:
    tenant = services.create_tenant(f"{word} shop", f"{word}-slug", business_name=f"{word} business")
    shop = Shop(tenant)
    shop.rows["tenants.tenant"] = tenant
    owner = User.objects.create_user(f"{word}-owner", f"{word}@shop.example", "a long pass phrase")
    shop.rows["tenants.user"] = owner
    shop.rows["tenants.member"] = services.add_member(tenant, owner, "owner")
    shop.rows["tenants.apikey"], shop.key = services.create_api_key(tenant, f"{word} key", ["gateway:call"])
    _, shop.key_without_scope = services.create_api_key(tenant, f"{word} narrow key", ["analytics:view"])
    ApiKeyUse.objects.create(tenant=tenant, key=shop.rows["tenants.apikey"], last_used_at=timezone.now())
    secret = ALICES_SECRET if name == "alice" else "sk-of-mallory"
    credential = services.store_credential(tenant.pk, "openai", secret, label=f"{word} label", organization=word)
    shop.rows["tenants.providercredential"] = credential
    shop.rows["channels.widget"] = channels.create_widget(
        tenant, name=f"{word} widget", business_info=f"{word} internal facts"
    )
    _talk(shop, word)
    shop.rows["knowledge.knowledgeentry"] = knowledge.save_entry(
        tenant, question=f"{word} question?", answer=f"{word} answer", tags=[word]
    )
    shop.rows["usage.providerusage"] = _call(shop, word)
    shop.rows["usage.budget"] = Budget.objects.create(
        tenant=tenant, scope="tenant", owner=str(tenant.pk), unit="requests", window="day", limit=1_000, notice=word
    )
    shop.rows["tenants.auditevent"] = audit.record(tenant.pk, f"{word}.done", tenant, {"note": word})
    return shop


def _talk(shop: Shop, word: str) -> None:
    tenant, widget = shop.tenant, shop.rows["channels.widget"]
    contact = Contact.objects.create(tenant=tenant, display_name=f"{word} visitor")
    talk = Conversation.objects.create(tenant=tenant, contact=contact, channel="web", widget_id=widget.pk)
    turn = Turn.objects.create(
        tenant=tenant, conversation=talk, status=Turn.Status.ANSWERED, request_id=f"{word}-request", rungs=[]
    )
    says = {"tenant": tenant, "conversation": talk, "turn": turn}
    Message.objects.create(author="contact", text=f"{word} asks", **says)
    turn.reply = Message.objects.create(author="bot", text=f"{word} is told", **says)
    turn.save()
    shop.rows["conversations.conversation"] = talk
    shop.visitor_token = webchat.sign_visitor(tenant.pk, talk.pk)


def _call(shop: Shop, word: str) -> ProviderUsage:
    return ProviderUsage.objects.create(
        call_id=uuid7(SystemClock().now_ns()),
        created_at=timezone.now(),
        tenant_id=shop.tenant.pk,
        request_id=str(uuid.uuid4()),
        subject_type="book",
        subject_id=word,
        provider="openai",
        model="gpt-4o-mini",
        operation=f"{word}",
        status="failed",
        usage_source="provider",
        uncached_input=7,
        output=7,
        cost_nano_usd=7,
        error_message=f"{word} failed",
        conversation_id=shop.rows["conversations.conversation"].pk,
    )


def member(shop: Shop, role: str, *, is_active: bool = True) -> User:
    """A user who is a member of the shop."""
    user = User.objects.create_user(f"{role}-{uuid.uuid4().hex[:8]}", password="a long pass phrase")
    made = services.add_member(shop.tenant, user, role)
    if not is_active:
        Member.objects.for_tenant(shop.tenant).filter(pk=made.pk).update(is_active=False)
    return user


def fingerprint(tenant: Tenant) -> dict[str, str]:
    """A checksum for each table: of the tenant's rows, or of all rows where they belong to nobody or to no tenant."""
    return {model._meta.label_lower: _checksum(model, tenant) for model in _tables()}


def _tables() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if model.__module__.startswith("frontdesk.")]


def _checksum(model: type[models.Model], tenant: Tenant) -> str:
    rows = model._base_manager.all()
    if any(found.attname == "tenant_id" for found in model._meta.concrete_fields):
        rows = rows.filter(models.Q(tenant_id=tenant.pk) | models.Q(tenant_id=None))
    if model is ApiKey or model is AuditEvent:
        rows = rows.filter(tenant_id=tenant.pk)
    names = [found.attname for found in model._meta.concrete_fields if found.attname != "last_login"]
    listed = sorted(repr(row) for row in rows.values_list(*names))
    return f"{len(listed)} rows {hashlib.sha256(repr(listed).encode()).hexdigest()[:16]}"
