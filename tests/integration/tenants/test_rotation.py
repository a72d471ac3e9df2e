"""Rotation of the master key: everything or nothing, as often as one likes, from wherever a killed run stopped."""

from __future__ import annotations

import pytest

from frontdesk.gateway.vault import Vault, generate_master_key, master_key_id
from frontdesk.tenants import rotation, services
from frontdesk.tenants import vault as tenants_vault
from frontdesk.tenants.models import ProviderCredential
from frontdesk.tenants.snapshot import section
from frontdesk.tenants.tenancy import current_version

pytestmark = pytest.mark.django_db

NEW = generate_master_key()


@pytest.fixture
def old(settings):
    """The master key in force."""
    return settings.LLM_MASTER_KEYS[0]


@pytest.fixture
def stored(alice_tenant, mallory_tenant):
    """Five secrets of two tenants, one of them disabled."""
    for number in range(3):
        services.store_credential(alice_tenant.pk, "openai", f"sk-alice-{number}-012345", label=f"key {number}")
    services.store_credential(mallory_tenant.pk, "openai", "sk-mallory-01234567")
    services.store_credential(mallory_tenant.pk, "groq", "sk-disabled-0123456")
    ProviderCredential.objects.for_tenant(mallory_tenant).filter(provider="groq").update(is_enabled=False)


def secrets(vault):
    rows = ProviderCredential.objects.across_tenants().order_by("id")
    return [vault.open(row.tenant_id, row.sealed) for row in rows]


def key_ids():
    return list(ProviderCredential.objects.across_tenants().order_by("id").values_list("key_id", flat=True))


def run(vault, batch=rotation.BATCH):
    progress = []
    return rotation.reseal(vault, progress.append, batch), progress


def test_every_secret_is_sealed_with_the_first_key(stored, old):
    before = secrets(tenants_vault.current())

    done, progress = run(Vault([NEW, old]), batch=2)

    assert (done, progress) == (5, [2, 4, 5])
    assert key_ids() == [master_key_id(NEW)] * 5
    assert secrets(Vault([NEW])) == before


def test_second_run_changes_nothing(stored, old):
    run(Vault([NEW, old]))
    ciphertexts = list(ProviderCredential.objects.across_tenants().values_list("ciphertext", flat=True))
    version = current_version()

    assert run(Vault([NEW, old])) == (0, [])
    assert list(ProviderCredential.objects.across_tenants().values_list("ciphertext", flat=True)) == ciphertexts
    assert current_version() == version


def test_run_that_was_killed_goes_on_where_it_was(stored, old):
    def killed(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotation.reseal(Vault([NEW, old]), killed, 2)
    halfway = key_ids()

    assert halfway == [master_key_id(NEW)] * 2 + [master_key_id(old)] * 3
    assert run(Vault([NEW, old]), batch=2) == (3, [2, 3])
    assert key_ids() == [master_key_id(NEW)] * 5


def test_halfway_every_secret_opens_in_a_running_server(stored, old):
    before = secrets(tenants_vault.current())
    running = Vault([NEW, old])
    with pytest.raises(StopIteration):
        rotation.reseal(running, lambda done: next(iter(())), 2)

    opened = [
        running.open(credential.tenant_id, credential.sealed)
        for tenant in section().tenants.values()
        for credentials in tenant.credentials.values()
        for credential in credentials
    ]

    assert sorted(opened) == sorted(secret for secret in before if "disabled" not in secret)


def test_snapshots_are_read_anew_once_a_batch(stored, old):
    before = current_version()

    run(Vault([NEW, old]), batch=2)

    assert current_version() == before + 3


def test_nobody_seems_to_have_edited_a_key(stored, old):
    before = list(ProviderCredential.objects.across_tenants().order_by("id").values_list("updated_at", "hint"))

    run(Vault([NEW, old]))

    assert list(ProviderCredential.objects.across_tenants().order_by("id").values_list("updated_at", "hint")) == before


def test_without_a_key_that_is_needed_nothing_is_changed_and_each_secret_is_named(stored, old, alice_tenant):
    lost = generate_master_key()
    sealed = Vault([lost]).seal(alice_tenant.pk, "sk-lost-0123456789")
    ProviderCredential.objects.for_tenant(alice_tenant).filter(label="key 2").update(
        key_id=sealed.key_id, ciphertext=sealed.ciphertext
    )
    before = key_ids()

    with pytest.raises(rotation.CannotOpen) as refusal:
        run(Vault([NEW, old]))

    (one,) = refusal.value.unopenable
    assert (one.tenant_id, one.tenant, one.provider, one.label, one.key_id) == (
        alice_tenant.pk, "Alice's Flowers", "openai", "key 2", master_key_id(lost)
    )  # fmt: skip
    assert key_ids() == before


def test_damaged_secret_under_the_first_key_is_named_too(stored, old, alice_tenant):
    ProviderCredential.objects.for_tenant(alice_tenant).filter(label="key 0").update(ciphertext=b"x" * 40)

    inventory = rotation.take_inventory(Vault([old]))

    assert [(one.label, one.reason) for one in inventory.unopenable] == [
        ("key 0", "a stored secret is damaged or belongs to another tenant: enter it again")
    ]


def test_secret_that_was_entered_meanwhile_is_left_as_it_is(stored, old, alice_tenant):
    first = ProviderCredential.objects.for_tenant(alice_tenant).get(label="key 0")
    vault = Vault([NEW, old])
    fresh = vault.seal(alice_tenant.pk, "sk-fresh-0123456789")

    class Overtaken(Vault):
        def open(self, tenant_id, sealed):
            if sealed == first.sealed:
                rows = ProviderCredential.objects.for_tenant(alice_tenant).filter(pk=first.pk)
                rows.update(key_id=fresh.key_id, ciphertext=fresh.ciphertext)
            return super().open(tenant_id, sealed)

    done, _ = run(Overtaken([NEW, old]))

    assert done == 4
    assert vault.open(alice_tenant.pk, ProviderCredential.objects.for_tenant(alice_tenant).get(pk=first.pk).sealed) == (
        "sk-fresh-0123456789"
    )
