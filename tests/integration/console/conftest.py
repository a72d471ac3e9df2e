"""The console's cast: the operator, somebody who is not, and a row of every kind, with canaries in the secret ones."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from frontdesk.channels import services as channels
from frontdesk.console.admin import conversations as _registers_the_pages  # noqa: F401
from frontdesk.conversations.models import Contact, Conversation, Message, Turn
from frontdesk.gateway.clock import uuid7
from frontdesk.knowledge import services as knowledge
from frontdesk.tenants import services
from frontdesk.tenants.models import AuditEvent, User
from frontdesk.usage.models import (
    Budget,
    LLMModel,
    LLMProvider,
    ModelAlias,
    ModelPrice,
    ProviderUsage,
    QuarantinedRecord,
)

PROVIDER_KEY = "sk-canary-of-alice-5f2c9d77"


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    """Hash passwords in no time: the tests make many users."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def operator_user(db):
    return User.objects.create_superuser("olga", "olga@operator.example", "a long pass phrase")


@pytest.fixture
def operator(operator_user):
    client = Client()
    client.force_login(operator_user)
    return client


@pytest.fixture
def staff(db):
    """Signed in, staff by Django's flag, but neither the operator nor a member of any tenant."""
    client = Client()
    client.force_login(User.objects.create_user("bob", "bob@alice.example", "another phrase", is_staff=True))
    return client


@pytest.fixture
def make_call(db):
    """Book a call; newer ones have higher ids, as in the ledger."""

    def book(tenant_id, *, ago=timedelta(0), status="success", cost=1_500_000, **fields):
        at = timezone.now() - ago
        values = {
            "provider": "openai",
            "model": "gpt-4o-mini",
            "operation": "chat",
            "uncached_input": 100,
            "output": 20,
            "usage_source": "provider",
            "latency_ms": 420,
            "request_id": str(uuid.uuid4()),
            **fields,
        }
        call_id = uuid7(int(at.timestamp() * 1_000_000_000))
        return ProviderUsage.objects.create(
            call_id=call_id, created_at=at, tenant_id=tenant_id, status=status, cost_nano_usd=cost, **values
        )

    return book


@pytest.fixture
def catalog(db):
    provider = LLMProvider.objects.create(
        name="openai", display_name="OpenAI", wire="openai", base_url="https://api.openai.com/v1"
    )
    model = LLMModel.objects.create(provider=provider, name="gpt-4o-mini", quality_rank=500)
    price = ModelPrice.objects.create(
        model=model,
        input_nano_usd_per_mtok=150_000_000,
        output_nano_usd_per_mtok=600_000_000,
        cache_read_nano_usd_per_mtok=75_000_000,
        cache_write_nano_usd_per_mtok=150_000_000,
        source="price list",
        valid_from=timezone.now() - timedelta(days=30),
    )
    alias = ModelAlias.objects.create(name="gpt-3.5-turbo", target="openai/gpt-4o-mini", reason="retired")
    return {"provider": provider, "model": model, "price": price, "alias": alias}


@pytest.fixture
def conversation(alice_tenant):
    contact = Contact.objects.create(tenant=alice_tenant)
    talk = Conversation.objects.create(tenant=alice_tenant, contact=contact)
    turn = Turn.objects.create(
        tenant=alice_tenant,
        conversation=talk,
        status=Turn.Status.ANSWERED,
        source_kind="knowledge",
        confidence=0.93,
        request_id="0199-request",
        rungs=[
            {"rung": "model", "outcome": "skipped", "reason": "no_provider"},
            {"rung": "knowledge", "outcome": "answered", "confidence": 0.93, "entry_id": 7},
        ],
        finished_at=timezone.now(),
    )
    says = {"tenant": alice_tenant, "conversation": talk, "turn": turn}
    Message.objects.create(author="contact", text="Are you open <script>alert(1)</script> today?", **says)
    turn.reply = Message.objects.create(author="bot", text="Until six o’clock.", **says)
    turn.save()
    return talk


@pytest.fixture
def everything(operator_user, alice_tenant, catalog, conversation, make_call):
    """One row for each page of the console, by `app.model`; and the secrets that no page may show."""
    key, plaintext = services.create_api_key(alice_tenant, "Web shop", ["gateway:call"])
    credential = services.store_credential(alice_tenant.pk, "openai", PROVIDER_KEY)
    digest, ciphertext = bytes(key.digest), bytes(credential.ciphertext)
    rows = {
        "tenants.tenant": alice_tenant,
        "tenants.user": operator_user,
        "tenants.member": services.add_member(alice_tenant, User.objects.create_user("alice"), "owner"),
        "tenants.auditevent": AuditEvent.objects.for_tenant(alice_tenant).first(),
        "tenants.apikey": key,
        "tenants.providercredential": credential,
        "usage.budget": Budget.unscoped.create(
            tenant=alice_tenant, scope="widget", owner="*", unit="requests", window="day", limit=50
        ),
        "usage.llmprovider": catalog["provider"],
        "usage.llmmodel": catalog["model"],
        "usage.modelprice": catalog["price"],
        "usage.modelalias": catalog["alias"],
        "usage.providerusage": make_call(alice_tenant.pk),
        "usage.quarantinedrecord": QuarantinedRecord.objects.create(source="p-1/2", reason="bad", payload=b"x"),
        "channels.widget": channels.create_widget(alice_tenant, name="Shop"),
        "knowledge.knowledgeentry": knowledge.save_entry(alice_tenant, question="When?", answer="At noon."),
        "conversations.conversation": conversation,
    }
    return rows, (PROVIDER_KEY, plaintext, *_spellings(digest), *_spellings(ciphertext))


def _spellings(secret: bytes) -> tuple[str, ...]:
    """The ways in which bytes could end up in a page."""
    import base64

    return secret.hex(), secret.hex().upper(), base64.b64encode(secret).decode(), str(secret)[2:20]
