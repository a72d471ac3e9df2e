"""Changes to tenants, their settings, their API keys and their provider keys. Each is whole or not made at all."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone as clock
from django.utils.text import slugify

from frontdesk.gateway.vault import mask
from frontdesk.tenants import scopes as known_scopes
from frontdesk.tenants import setting, vault
from frontdesk.tenants.models import ApiKey, ProviderCredential, Tenant, TenantSettings

GATEWAY_CALL = known_scopes.GATEWAY_CALL
ANALYTICS_VIEW = known_scopes.ANALYTICS_VIEW
USERS_MANAGE = known_scopes.USERS_MANAGE
SCOPES = known_scopes.ALL

PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
DEFAULT_LABEL = "default"

_KEY_PREFIX = "fd_"
_KEY_BYTES = 32
_SHOWN_CHARACTERS = 10
_LONGEST_SECRET = 4096
_SLUG_CHARACTERS = 90


def create_tenant(name: str, slug: str = "", **settings: Any) -> Tenant:
    """Make a tenant with its settings; an empty slug is made from the name. ValidationError if anything is refused."""
    chosen_slug = slug or _free_slug(name)
    with transaction.atomic():
        tenant = Tenant(name=name.strip(), slug=chosen_slug)
        tenant.full_clean()
        tenant.save()
        if settings:
            update_settings(tenant, settings)
    return tenant


def _free_slug(name: str) -> str:
    stem = slugify(name)[:_SLUG_CHARACTERS] or "tenant"
    taken = set(Tenant.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    return next(slug for n in range(1, len(taken) + 2) if (slug := stem if n == 1 else f"{stem}-{n}") not in taken)


def update_settings(tenant: Tenant, values: Mapping[str, Any]) -> setting.SettingsSchema:
    """Choose settings by name; a value of None goes back to the default. ValidationError changes nothing at all.

    A name such as `openai_api_key` stores a provider key (or, with None or "", removes it).
    """
    with transaction.atomic():
        row = TenantSettings.objects.select_for_update().get(tenant=tenant)
        current = {**row.chosen, "timezone": row.tenant.timezone}
        wanted = {name: value for name, value in values.items() if _provider_of(name) is None}
        merged = {name: value for name, value in {**current, **wanted}.items() if value is not None}
        parsed = setting.parse({**merged, **{name: None for name in wanted if name not in setting.NAMES}})
        row.chosen = {name: value for name, value in merged.items() if name != "timezone"}
        row.save()
        if parsed.timezone != tenant.timezone:
            tenant.timezone = parsed.timezone
            tenant.save(update_fields=["timezone"])
        for name, secret in values.items():
            if provider := _provider_of(name):
                set_provider_key(tenant.pk, provider, secret or "")
    # The caller's object may have read its settings before.
    tenant.settings.refresh_from_db()
    return parsed


def _provider_of(setting_name: str) -> str | None:
    provider = setting_name.removesuffix("_api_key")
    return provider if setting_name in vars(TenantSettings) and provider != setting_name else None


def create_api_key(
    tenant: Tenant, name: str, scopes: Collection[str], expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Make a key; the plaintext is returned once and stored nowhere. ValidationError for an unknown scope."""
    known_scopes.validate(scopes)
    plaintext = _KEY_PREFIX + base64.urlsafe_b64encode(os.urandom(_KEY_BYTES)).decode().rstrip("=")
    key = ApiKey.objects.create(
        tenant=tenant,
        name=name,
        prefix=plaintext[:_SHOWN_CHARACTERS],
        digest=digest(plaintext),
        scopes=sorted(scopes),
        expires_at=expires_at,
    )
    return key, plaintext


def digest(plaintext_key: str) -> bytes:
    """Compute the 32 bytes by which a key is looked up. Keys are random, so a plain sha256 cannot be searched."""
    return hashlib.sha256(plaintext_key.encode()).digest()


def revoke_api_key(key: ApiKey) -> None:
    """End a key from the next Snapshot on; a second time changes nothing."""
    if key.revoked_at is None:
        key.revoked_at = clock.now()
        key.save(update_fields=["revoked_at"])


def store_credential(
    tenant_id: int,
    provider: str,
    secret: str,
    *,
    label: str = DEFAULT_LABEL,
    base_url: str = "",
    organization: str = "",
) -> ProviderCredential:
    """Seal a provider key for the tenant, in place of the one with the same provider and label."""
    _check_credential(provider, secret, base_url)
    sealed = vault.current().seal(tenant_id, secret.strip())
    return ProviderCredential.objects.update_or_create(
        tenant_id=tenant_id,
        provider=provider,
        label=label,
        defaults={
            "key_id": sealed.key_id,
            "ciphertext": sealed.ciphertext,
            "hint": mask(secret.strip()),
            "base_url": base_url,
            "organization": organization,
            "is_enabled": True,
        },
    )[0]


def _check_credential(provider: str, secret: str, base_url: str) -> None:
    if not PROVIDER_NAME.fullmatch(provider):
        raise ValidationError(
            f"{provider[:60]!r} is not a provider name: use 1 to 40 of a-z, 0-9, _ and -, "
            "starting with a letter or a digit"
        )
    key = secret.strip()
    if not key or len(key) > _LONGEST_SECRET or not key.isprintable() or not key.isascii():
        raise ValidationError(f"the key for {provider} is empty or holds characters that no key has")
    address = urlsplit(base_url)
    if base_url and (address.scheme not in {"http", "https"} or not address.hostname):
        raise ValidationError(f"the address for {provider} must begin with http:// or https:// and name a host")


def set_provider_key(tenant_id: int, provider: str, secret: str) -> None:
    """Store a tenant's key for a provider under the default label; an empty one removes it."""
    if secret.strip():
        store_credential(tenant_id, provider, secret)
    else:
        ProviderCredential.objects.filter(tenant_id=tenant_id, provider=provider, label=DEFAULT_LABEL).delete()


def masked_provider_key(tenant_id: int, provider: str) -> str:
    """Show the first enabled key of a tenant for a provider, masked; "" if there is none."""
    rows = ProviderCredential.objects.filter(tenant_id=tenant_id, provider=provider, is_enabled=True)
    return rows.order_by("priority", "id").values_list("hint", flat=True).first() or ""
