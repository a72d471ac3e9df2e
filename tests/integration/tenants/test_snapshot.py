"""The tenants' section of the Snapshot: what may be used, and nothing else."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError

from frontdesk.tenants import selectors, services, snapshot
from frontdesk.tenants.models import ApiKey, ProviderCredential

pytestmark = pytest.mark.django_db

FUTURE = datetime(2200, 1, 1, tzinfo=UTC)


def test_key_is_stored_and_found_by_its_digest(alice_tenant):
    key, plaintext = services.create_api_key(alice_tenant, "shop", ["gateway:call"], FUTURE)

    found = snapshot.section().api_keys[hashlib.sha256(plaintext.encode()).digest()]
    assert plaintext.startswith("fd_")
    assert len(plaintext) == 46
    assert (found.id, found.tenant_id, found.scopes) == (key.pk, alice_tenant.pk, frozenset({"gateway:call"}))
    assert found.expires_at_ns == int(FUTURE.timestamp()) * 10**9
    assert plaintext not in str(ApiKey.objects.for_tenant(alice_tenant).values().get())


def test_keys_that_open_nothing_are_left_out(alice_tenant):
    revoked, _ = services.create_api_key(alice_tenant, "revoked", ["gateway:call"])
    services.revoke_api_key(revoked)
    past = datetime.now(UTC) - timedelta(seconds=1)
    expired, _ = services.create_api_key(alice_tenant, "expired", ["gateway:call"], past)

    assert snapshot.section().api_keys == {}
    assert not revoked.is_valid
    assert not expired.is_valid


def test_inactive_tenant_is_left_out_with_its_keys(alice_tenant, mallory_tenant):
    services.create_api_key(alice_tenant, "shop", ["gateway:call"])
    alice_tenant.is_active = False
    alice_tenant.save()

    section = snapshot.section()

    assert sorted(section.tenants) == [section.operator_id, mallory_tenant.pk]
    assert section.api_keys == {}


def test_credentials_come_in_the_order_of_use_without_disabled_ones(alice_tenant):
    for label, priority, is_enabled in [("b", 20, True), ("a", 10, True), ("c", 1, False)]:
        row = services.store_credential(alice_tenant.pk, "openai", f"sk-{label}-0123456789", label=label)
        ProviderCredential.objects.filter(tenant=alice_tenant, pk=row.pk).update(
            priority=priority, is_enabled=is_enabled
        )

    (first, second) = snapshot.section().tenants[alice_tenant.pk].credentials["openai"]

    labels = dict(ProviderCredential.objects.for_tenant(alice_tenant).values_list("id", "label"))
    assert [labels[int(first.id)], labels[int(second.id)]] == ["a", "b"]


def test_default_model_is_the_tenants_setting(alice_tenant):
    services.update_settings(alice_tenant, {"default_model": "openai/gpt-5"})

    assert snapshot.section().tenants[alice_tenant.pk].default_model == "openai/gpt-5"


def test_operator_is_there_from_the_first_migration():
    assert selectors.operator().slug == "operator"
    assert snapshot.section().operator_id == selectors.operator().pk


def test_unknown_scope_is_refused(alice_tenant):
    with pytest.raises(ValidationError, match="unknown scope gateway:everything; valid scopes: analytics:view"):
        services.create_api_key(alice_tenant, "shop", ["gateway:everything"])

    assert selectors.api_keys(alice_tenant) == []


def test_section_costs_five_queries_for_any_number_of_tenants(alice_tenant, mallory_tenant, django_assert_num_queries):
    services.create_api_key(alice_tenant, "shop", ["gateway:call"])

    with django_assert_num_queries(5):
        snapshot.section()
