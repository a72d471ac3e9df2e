"""API keys are shown once; provider keys are sealed and never shown."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from frontdesk.tenants import services, vault
from frontdesk.tenants.models import ApiKey, AuditEvent, ProviderCredential
from frontdesk.tenants.snapshot import section
from frontdesk.usage.models import LLMProvider

pytestmark = pytest.mark.django_db

API_KEYS = "admin:tenants_apikey"
PROVIDER_KEYS = "admin:tenants_providercredential"


def api_key_form(tenant, **changes):
    return {
        "tenant": tenant.pk,
        "name": "Web shop",
        "scopes": ["gateway:call"],
        "expires_at_0": "",
        "expires_at_1": "",
        **changes,
    }


def provider_key_form(tenant, **changes):
    return {
        "tenant": tenant.pk,
        "provider": "openai",
        "key": "sk-canary-0123456789abcdef",
        "label": "default",
        "base_url": "",
        "organization": "",
        "priority": 100,
        "is_enabled": "on",
        **changes,
    }


def test_a_new_api_key_is_shown_once_and_stored_as_a_digest(operator, alice_tenant):
    shown = operator.post(reverse(f"{API_KEYS}_add"), api_key_form(alice_tenant))

    key = ApiKey.objects.for_tenant(alice_tenant).get()
    plaintext = shown.context["plaintext"]
    assert shown.status_code == 200
    assert shown.content.decode().count(plaintext) == 1
    assert bytes(key.digest) == services.digest(plaintext)
    assert (key.name, key.scopes, key.prefix) == ("Web shop", ["gateway:call"], plaintext[:10])
    assert "no-store" in shown["Cache-Control"]
    later = [reverse(f"{API_KEYS}_changelist"), reverse(f"{API_KEYS}_change", args=[key.pk]), reverse("admin:index")]
    assert not any(plaintext in operator.get(page).content.decode() for page in later)
    assert not any(plaintext in morsel.value for morsel in operator.cookies.values())
    assert not any(plaintext in entry.object_repr + entry.change_message for entry in LogEntry.objects.all())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scopes": []}, "Choose at least one"),
        ({"scopes": ["everything"]}, "Select a valid choice"),
        ({"name": ""}, "This field is required"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "This is in the past"),
    ],
)
def test_a_faulty_api_key_is_not_made(operator, alice_tenant, changes, message):
    answer = operator.post(reverse(f"{API_KEYS}_add"), api_key_form(alice_tenant, **changes))

    assert answer.status_code == 200
    assert message in answer.content.decode()
    assert not ApiKey.objects.for_tenant(alice_tenant).exists()


def test_the_digest_and_the_tenant_of_an_api_key_cannot_be_edited(operator, alice_tenant, mallory_tenant):
    key, plaintext = services.create_api_key(alice_tenant, "Web shop", ["gateway:call"])
    forged = api_key_form(mallory_tenant, name="Renamed", digest="00" * 32, prefix="fd_evil", revoked_at="")

    operator.post(reverse(f"{API_KEYS}_change", args=[key.pk]), forged)

    key.refresh_from_db()
    assert (key.name, key.tenant_id, key.prefix) == ("Renamed", alice_tenant.pk, plaintext[:10])
    assert bytes(key.digest) == services.digest(plaintext)


def test_api_keys_are_revoked_together(operator, alice_tenant):
    keys = [services.create_api_key(alice_tenant, name, ["gateway:call"])[0] for name in ("One", "Two")]
    chosen = {"action": "revoke", "_selected_action": [key.pk for key in keys]}

    answer = operator.post(reverse(f"{API_KEYS}_changelist"), chosen, follow=True)

    assert "2 revoked" in answer.content.decode()
    assert not ApiKey.objects.for_tenant(alice_tenant).filter(revoked_at=None).exists()


def test_an_api_key_is_revoked_on_its_page(operator, alice_tenant):
    key, _ = services.create_api_key(alice_tenant, "Web shop", ["gateway:call"])
    form = {**api_key_form(alice_tenant), "tenants_apikey_revoke_this": ""}

    operator.post(reverse(f"{API_KEYS}_change", args=[key.pk]), form)

    key.refresh_from_db()
    assert key.revoked_at is not None


def test_an_expired_api_key_says_so(operator, alice_tenant):
    ended = timezone.now() - timedelta(hours=1)
    services.create_api_key(alice_tenant, "Web shop", ["gateway:call"], expires_at=ended)

    assert ">expired</span>" in operator.get(reverse(f"{API_KEYS}_changelist")).content.decode()


def test_a_provider_key_is_sealed_for_its_tenant(operator, alice_tenant, catalog):
    answer = operator.post(reverse(f"{PROVIDER_KEYS}_add"), provider_key_form(alice_tenant, priority=7), follow=True)

    stored = ProviderCredential.objects.for_tenant(alice_tenant).get()
    assert answer.status_code == 200
    assert "sk-canary" not in answer.content.decode()
    assert vault.current().open(alice_tenant.pk, stored.sealed) == "sk-canary-0123456789abcdef"
    assert b"canary" not in bytes(stored.ciphertext)
    assert (stored.provider, stored.hint, stored.priority, stored.is_enabled) == ("openai", "…cdef", 7, True)


def test_a_provider_key_is_kept_when_the_field_is_empty(operator, alice_tenant, catalog):
    stored = services.store_credential(alice_tenant.pk, "openai", "sk-canary-0123456789abcdef")
    form = provider_key_form(alice_tenant, key="", label="main", organization="org-1")

    operator.post(reverse(f"{PROVIDER_KEYS}_change", args=[stored.pk]), form)

    stored.refresh_from_db()
    assert vault.current().open(alice_tenant.pk, stored.sealed) == "sk-canary-0123456789abcdef"
    assert (stored.label, stored.organization) == ("main", "org-1")


@pytest.mark.parametrize(
    ("before", "after"),
    [("", "http://proxy:8080/v1"), ("https://proxy.example/v1", ""), ("https://a.example", "http://a.example")],
)
def test_a_stored_key_is_not_sent_to_another_address(operator, alice_tenant, catalog, before, after):
    stored = services.store_credential(alice_tenant.pk, "openai", "sk-canary-0123456789abcdef", base_url=before)
    page = reverse(f"{PROVIDER_KEYS}_change", args=[stored.pk])

    refused = operator.post(page, provider_key_form(alice_tenant, key="", base_url=after))
    stored.refresh_from_db()
    kept = stored.base_url
    operator.post(page, provider_key_form(alice_tenant, key="sk-canary-given-again", base_url=after))

    stored.refresh_from_db()
    assert "enter the key again" in refused.content.decode()
    assert (kept, stored.base_url) == (before, after)
    assert vault.current().open(alice_tenant.pk, stored.sealed) == "sk-canary-given-again"


def test_another_path_at_the_same_address_keeps_the_key(operator, alice_tenant, catalog):
    stored = services.store_credential(
        alice_tenant.pk, "openai", "sk-canary-0123456789abcdef", base_url="https://proxy.example/v1"
    )
    form = provider_key_form(alice_tenant, key="", base_url="https://proxy.example/openai/v1")

    operator.post(reverse(f"{PROVIDER_KEYS}_change", args=[stored.pk]), form)

    stored.refresh_from_db()
    assert stored.base_url == "https://proxy.example/openai/v1"


def test_no_code_path_moves_a_stored_key_to_another_address(alice_tenant):
    stored = services.store_credential(alice_tenant.pk, "openai", "sk-canary-0123456789abcdef")
    stored.base_url = "http://elsewhere.example/v1"

    with pytest.raises(ValidationError, match="enter the key again"):
        stored.save()

    stored.refresh_from_db()
    assert stored.base_url == ""


def test_a_provider_does_not_take_stored_keys_to_another_address(operator, alice_tenant, catalog):
    services.store_credential(alice_tenant.pk, "openai", "sk-canary-0123456789abcdef")
    provider = LLMProvider.objects.get(name="openai")
    form = {
        "name": "openai",
        "display_name": "OpenAI",
        "is_enabled": "on",
        "wire": "openai",
        "base_url": "http://elsewhere.example/v1",
        "default_model": "",
        "quirks": "",
    }

    answer = operator.post(reverse("admin:usage_llmprovider_change", args=[provider.pk]), form)

    provider.refresh_from_db()
    assert "a stored key for openai would be sent to this other address" in answer.content.decode()
    assert provider.base_url == "https://api.openai.com/v1"


def test_several_keys_are_shown_masked_in_the_order_of_use(operator, alice_tenant, catalog):
    for label, priority in (("spare", 200), ("main", 10)):
        row = services.store_credential(alice_tenant.pk, "openai", f"sk-canary-{label}-0123{label}", label=label)
        row.priority = priority
        row.save()

    page = operator.get(reverse(f"{PROVIDER_KEYS}_changelist")).content.decode()

    assert "sk-canary" not in page
    assert -1 < page.index("…main") < page.index("…pare")


def test_a_key_that_is_off_is_not_used(alice_tenant, catalog):
    first = services.store_credential(alice_tenant.pk, "openai", "sk-canary-one-01234567", label="one")
    second = services.store_credential(alice_tenant.pk, "openai", "sk-canary-two-01234567", label="two")
    first.is_enabled = False
    first.save()

    used = section().tenants[alice_tenant.pk].credentials["openai"]

    assert [credential.id for credential in used] == [str(second.pk)]


def test_a_provider_key_is_masked_wherever_it_is_shown(operator, alice_tenant, catalog):
    operator.post(reverse(f"{PROVIDER_KEYS}_add"), provider_key_form(alice_tenant))
    stored = ProviderCredential.objects.for_tenant(alice_tenant).get()
    pages = [
        reverse(f"{PROVIDER_KEYS}_changelist"),
        *(reverse(f"{PROVIDER_KEYS}_{page}", args=[stored.pk]) for page in ("change", "history", "delete")),
        reverse("admin:index"),
    ]
    dumped = io.StringIO()
    call_command("dumpdata", "tenants", "admin", stdout=dumped)

    shown = "".join(operator.get(page).content.decode() for page in pages)
    events = list(AuditEvent.unscoped.values_list("changes", "object_name"))
    entries = list(LogEntry.objects.values_list("object_repr", "change_message"))

    assert "…cdef" in shown
    for text in (shown, dumped.getvalue(), repr(stored), str(stored), repr(stored.sealed), repr(events), repr(entries)):
        assert "sk-canary" not in text, text[max(0, text.find("sk-canary") - 300) :][:400]
    assert events


def test_a_provider_key_is_replaced(operator, alice_tenant, catalog):
    stored = services.store_credential(alice_tenant.pk, "openai", "sk-canary-0123456789abcdef")
    form = provider_key_form(alice_tenant, key="sk-canary-fresh-0000004321", label="main")
    form.pop("is_enabled")

    operator.post(reverse(f"{PROVIDER_KEYS}_change", args=[stored.pk]), form)

    only = ProviderCredential.objects.for_tenant(alice_tenant).get()
    assert vault.current().open(alice_tenant.pk, only.sealed) == "sk-canary-fresh-0000004321"
    assert (only.pk, only.label, only.hint, only.is_enabled) == (stored.pk, "main", "…4321", False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"key": ""}, "This field is required"),
        ({"key": "sk-canary with a\nline"}, "characters that no key has"),
        ({"key": "sk-canary-schlüssel"}, "characters that no key has"),
        ({"base_url": "ftp://canary.example"}, "Begin with http:// or https://"),
        ({"provider": "nobody"}, "Select a valid choice"),
    ],
)
def test_a_faulty_provider_key_is_not_stored_and_not_repeated(operator, alice_tenant, catalog, changes, message):
    answer = operator.post(reverse(f"{PROVIDER_KEYS}_add"), provider_key_form(alice_tenant, **changes))

    assert answer.status_code == 200
    assert message in answer.content.decode()
    assert "sk-canary" not in answer.content.decode()
    assert not ProviderCredential.objects.for_tenant(alice_tenant).exists()


def test_a_label_that_is_taken_does_not_overwrite_the_key(operator, alice_tenant, catalog):
    stored = services.store_credential(alice_tenant.pk, "openai", "sk-canary-0123456789abcdef")

    answer = operator.post(
        reverse(f"{PROVIDER_KEYS}_add"), provider_key_form(alice_tenant, key="sk-another-0123456789")
    )

    stored.refresh_from_db()
    assert "with this label" in answer.content.decode()
    assert vault.current().open(alice_tenant.pk, stored.sealed) == "sk-canary-0123456789abcdef"
