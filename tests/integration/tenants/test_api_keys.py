"""Keys rotate without a gap, and tell when they were last used."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from frontdesk.tenants import api_keys, services, snapshot
from frontdesk.tenants.models import ApiKey, ApiKeyUse
from frontdesk.tenants.tenancy import current_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(alice_tenant):
    return services.create_api_key(alice_tenant, "shop", ["gateway:call"])


def opens(plaintext):
    return api_keys.digest(plaintext) in snapshot.section().api_keys


def test_both_secrets_work_after_a_rotation_until_the_overlap_ends(made):
    key, old = made

    new = services.rotate_api_key(key, 24)

    entries = snapshot.section().api_keys
    assert entries[api_keys.digest(old)].id == entries[api_keys.digest(new)].id == key.pk
    ends = entries[api_keys.digest(old)].expires_at_ns
    assert abs(ends / 1e9 - (timezone.now() + timedelta(hours=24)).timestamp()) < 60
    assert entries[api_keys.digest(new)].expires_at_ns is None
    ApiKey.objects.for_tenant(key.tenant_id).update(retired_until=timezone.now() - timedelta(seconds=1))
    assert (opens(old), opens(new)) == (False, True)


def test_without_an_overlap_the_old_secret_ends_at_once(made):
    key, old = made

    new = services.rotate_api_key(key, 0)

    assert (opens(old), opens(new)) == (False, True)


def test_a_second_rotation_ends_the_first_secret(made):
    key, first = made

    second = services.rotate_api_key(key)
    third = services.rotate_api_key(key)

    assert [opens(secret) for secret in (first, second, third)] == [False, True, True]


def test_the_old_secret_does_not_outlive_the_key(alice_tenant):
    ends = timezone.now() + timedelta(hours=1)
    key, old = services.create_api_key(alice_tenant, "shop", ["gateway:call"], ends)

    services.rotate_api_key(key, 24)

    assert snapshot.section().api_keys[api_keys.digest(old)].expires_at_ns // 10**9 == int(ends.timestamp())


def test_revoking_ends_both_secrets(made):
    key, old = made
    new = services.rotate_api_key(key)

    services.revoke_api_key(key)

    assert (opens(old), opens(new)) == (False, False)
    with pytest.raises(ValidationError, match="revoked or expired"):
        services.rotate_api_key(key)


@pytest.mark.parametrize("hours", [-1, 24 * 30 + 1])
def test_an_overlap_out_of_bounds_is_refused(made, hours):
    with pytest.raises(ValidationError):
        services.rotate_api_key(made[0], hours)


def test_the_last_use_is_noted_and_moves_no_configuration(made, mallory_tenant):
    key, _ = made
    version, now = current_version(), timezone.now()

    api_keys.note_uses({key.pk: now, 987_654: now})
    api_keys.note_uses({key.pk: now - timedelta(hours=1)})

    assert ApiKeyUse.objects.for_tenant(key.tenant_id).get().last_used_at == now
    assert not ApiKeyUse.objects.for_tenant(mallory_tenant).exists()
    assert current_version() == version
