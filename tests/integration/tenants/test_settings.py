"""Settings and keys of a tenant: checked on the way in, sealed where secret, unchanged by a refusal."""

import pytest
from django.core.exceptions import ValidationError

from frontdesk.gateway.vault import VaultError
from frontdesk.tenants import selectors, services, vault
from frontdesk.tenants.models import ProviderCredential, Tenant, TenantSettings

pytestmark = pytest.mark.django_db

SECRET = "sk-alice-0123456789abcdef"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"knowledge_confidence_threshold": 1.5}, "knowledge_confidence_threshold: Input should be less"),
        ({"temperature": "hot"}, "setting temperature"),
        ({"timezone": "Mars/Olympus"}, "IANA"),
        ({"enable_llm": "yes"}, "setting enable_llm"),
        ({"busines_name": "x"}, "did you mean business_name"),
        ({"nonsense": None}, "valid names: business_name"),
    ],
)
def test_refused_settings_change_nothing(alice_tenant, values, message):
    services.update_settings(alice_tenant, {"temperature": 0.2})

    with pytest.raises(ValidationError, match=message):
        services.update_settings(alice_tenant, {"persona": "brisk", **values})

    stored = TenantSettings.objects.get(tenant=alice_tenant)
    assert stored.chosen == {"business_name": "Alice's Flowers", "temperature": 0.2}
    assert Tenant.objects.get(pk=alice_tenant.pk).timezone == "UTC"


def test_setting_of_none_goes_back_to_the_default(alice_tenant):
    services.update_settings(alice_tenant, {"max_tokens": 50, "timezone": "Europe/Berlin"})

    services.update_settings(alice_tenant, {"max_tokens": None, "timezone": None})

    assert alice_tenant.settings.typed.max_tokens == 500
    assert Tenant.objects.get(pk=alice_tenant.pk).timezone == "UTC"


def test_settings_are_read_and_chosen_as_attributes(alice_tenant):
    alice_tenant.settings.persona = "warm"
    alice_tenant.settings.save()

    stored = TenantSettings.objects.get(tenant=alice_tenant)
    assert (stored.persona, stored.get("persona"), stored.default_model) == ("warm", "warm", "")


def test_attribute_that_the_schema_refuses_is_not_saved(alice_tenant):
    alice_tenant.settings.temperature = 9

    with pytest.raises(ValidationError):
        alice_tenant.settings.save()

    assert TenantSettings.objects.get(tenant=alice_tenant).temperature == 0.7


def test_provider_key_is_sealed_and_reads_back_masked(alice_tenant):
    alice_tenant.settings.gemini_api_key = SECRET

    row = ProviderCredential.objects.get(tenant=alice_tenant)
    assert alice_tenant.settings.gemini_api_key == "…cdef"
    assert (row.provider, row.label) == ("gemini", "default")
    assert SECRET.encode() not in bytes(row.ciphertext)
    assert SECRET not in repr(row) + str(row)
    assert vault.current().open(alice_tenant.pk, row.sealed) == SECRET


def test_provider_key_of_alice_does_not_open_for_mallory(alice_tenant, mallory_tenant):
    alice_tenant.settings.openai_api_key = SECRET
    sealed = ProviderCredential.objects.get(tenant=alice_tenant).sealed

    with pytest.raises(VaultError, match="another tenant"):
        vault.current().open(mallory_tenant.pk, sealed)
    assert mallory_tenant.settings.openai_api_key == ""


def test_empty_provider_key_removes_the_credential(alice_tenant):
    alice_tenant.settings.openai_api_key = SECRET

    services.update_settings(alice_tenant, {"openai_api_key": None})

    assert not ProviderCredential.objects.filter(tenant=alice_tenant).exists()


@pytest.mark.parametrize("secret", ["two words\nand lines", "kéy-0123456789ab", "x" * 5000])
def test_damaged_provider_key_is_refused_and_not_echoed(alice_tenant, secret):
    with pytest.raises(ValidationError) as refusal:
        alice_tenant.settings.openai_api_key = secret

    assert secret not in str(refusal.value)
    assert not ProviderCredential.objects.filter(tenant=alice_tenant).exists()


def test_second_key_of_a_provider_replaces_the_first(alice_tenant):
    services.store_credential(alice_tenant.pk, "openai", SECRET)

    services.store_credential(alice_tenant.pk, "openai", "sk-alice-new-0123456789")

    (row,) = selectors.credentials(alice_tenant)
    assert vault.current().open(alice_tenant.pk, row.sealed) == "sk-alice-new-0123456789"


def test_tenants_of_one_name_get_slugs_of_their_own():
    assert [services.create_tenant("Café Olé").slug for _ in range(3)] == ["cafe-ole", "cafe-ole-2", "cafe-ole-3"]


def test_tenant_is_found_by_id_or_slug(alice_tenant):
    assert selectors.find_tenant(alice_tenant.pk) == alice_tenant
    assert selectors.find_tenant(str(alice_tenant.pk)) == alice_tenant
    assert selectors.find_tenant("alice") == alice_tenant


@pytest.mark.parametrize("name", ["nobody", "99999", "", "9" * 40, "'; drop table"])
def test_unknown_tenant_is_named_in_the_error(db, name):
    with pytest.raises(selectors.TenantNotFound, match="no tenant has the id or slug"):
        selectors.find_tenant(name)


def test_nul_is_not_stored(alice_tenant):
    services.update_settings(alice_tenant, {"default_reply": "Call\0 us."})

    assert TenantSettings.objects.get(tenant=alice_tenant).chosen["default_reply"] == "Call us."
