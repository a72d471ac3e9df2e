"""Changes to clients' keys: made, rotated, revoked, noted as used. The plaintext is returned once, stored nowhere."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone as clock

from frontdesk.tenants import audit, scopes
from frontdesk.tenants.models import ApiKey, ApiKeyUse, Tenant

KEY_PREFIX = "fd_"
LONGEST_OVERLAP_HOURS = 24 * 30
_KEY_BYTES = 32
_SHOWN_CHARACTERS = 10


def create_api_key(
    tenant: Tenant, name: str, wanted_scopes: Collection[str], expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Make a key; the plaintext is returned once and stored nowhere. ValidationError for an unknown scope."""
    scopes.validate(wanted_scopes)
    plaintext = _new_secret()
    with transaction.atomic():
        key = ApiKey.objects.create(
            tenant=tenant,
            name=name,
            prefix=plaintext[:_SHOWN_CHARACTERS],
            digest=digest(plaintext),
            scopes=sorted(wanted_scopes),
            expires_at=expires_at,
        )
        audit.record(tenant.pk, "api_key.created", key, {"scopes": key.scopes, "expires_at": expires_at})
    return key, plaintext


def digest(plaintext_key: str) -> bytes:
    """Compute the 32 bytes by which a key is looked up. Keys are random, so a plain sha256 cannot be searched."""
    return hashlib.sha256(plaintext_key.encode()).digest()


def rotate_api_key(key: ApiKey, overlap_hours: int = 24) -> str:
    """Give a key a new secret, returned once; the one before stays valid that long, the one before that ends now.

    ValidationError for a key that is revoked or expired, and for an overlap that is negative or over 30 days.
    """
    if not 0 <= overlap_hours <= LONGEST_OVERLAP_HOURS:
        raise ValidationError(f"the old secret may stay valid for 0 to {LONGEST_OVERLAP_HOURS} hours")
    plaintext, now = _new_secret(), clock.now()
    with transaction.atomic():
        stored = ApiKey.objects.for_tenant(key.tenant_id).select_for_update().get(pk=key.pk)
        if not stored.is_valid:
            raise ValidationError("this key is revoked or expired: make a new one")
        stored.retired_digest = stored.digest if overlap_hours else None
        stored.retired_until = now + timedelta(hours=overlap_hours) if overlap_hours else None
        stored.digest, stored.prefix = digest(plaintext), plaintext[:_SHOWN_CHARACTERS]
        stored.rotated_at = now
        stored.save()
        audit.record(stored.tenant_id, "api_key.rotated", stored, {"old_one_valid_until": stored.retired_until})
    key.refresh_from_db()
    return plaintext


def revoke_api_key(key: ApiKey) -> None:
    """End a key, and the secret before a rotation with it; a second time changes nothing."""
    if key.revoked_at is not None:
        return
    with transaction.atomic():
        key.revoked_at = clock.now()
        key.save(update_fields=["revoked_at"])
        audit.record(key.tenant_id, "api_key.revoked", key)


def note_uses(last_used_by_key: Mapping[int, datetime]) -> None:
    """Note when keys were last used: for many uses at a time, so that a request costs no write.

    A key that is gone is passed over; an older time never replaces a newer one.
    """
    tenant_by_key = dict(
        ApiKey.objects.across_tenants().filter(pk__in=list(last_used_by_key)).values_list("pk", "tenant_id")
    )
    with transaction.atomic():
        for key_id, tenant_id in sorted(tenant_by_key.items()):
            at = last_used_by_key[key_id]
            row, is_new = ApiKeyUse.objects.get_or_create(
                tenant_id=tenant_id, key_id=key_id, defaults={"last_used_at": at}
            )
            if not is_new:
                rows = ApiKeyUse.objects.for_tenant(tenant_id).filter(Q(pk=row.pk, last_used_at__lt=at))
                rows.update(last_used_at=at)


def _new_secret() -> str:
    return KEY_PREFIX + base64.urlsafe_b64encode(os.urandom(_KEY_BYTES)).decode().rstrip("=")
