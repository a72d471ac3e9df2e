"""Changes to tenants, their settings, their API keys and their provider keys. Each is whole or not made at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify

from frontdesk.gateway.providers import web_address
from frontdesk.gateway.vault import mask
from frontdesk.tenants import audit, setting, vault
from frontdesk.tenants import scopes as known_scopes
from frontdesk.tenants.api_keys import create_api_key, digest, revoke_api_key, rotate_api_key
from frontdesk.tenants.members import add_member, change_member, invite_member, remove_member
from frontdesk.tenants.models import ProviderCredential, Tenant, TenantSettings

__all__ = [
    "ANALYTICS_VIEW",
    "GATEWAY_CALL",
    "SCOPES",
    "USERS_MANAGE",
    "add_member",
    "change_member",
    "create_api_key",
    "create_tenant",
    "digest",
    "invite_member",
    "masked_provider_key",
    "remove_member",
    "revoke_api_key",
    "rotate_api_key",
    "set_provider_key",
    "store_credential",
    "update_settings",
]

GATEWAY_CALL = known_scopes.GATEWAY_CALL
ANALYTICS_VIEW = known_scopes.ANALYTICS_VIEW
USERS_MANAGE = known_scopes.USERS_MANAGE
SCOPES = known_scopes.OF_KEYS

PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
DEFAULT_LABEL = "default"

_LONGEST_SECRET = 4096
_SLUG_CHARACTERS = 90


def create_tenant(name: str, slug: str = "", **settings: Any) -> Tenant:
    """Make a tenant with its settings; an empty slug is made from the name. ValidationError if anything is refused."""
    chosen_slug = slug or _free_slug(name)
    with transaction.atomic():
        tenant = Tenant(name=name.strip(), slug=chosen_slug)
        tenant.full_clean()
        tenant.save()
        audit.record(tenant.pk, "tenant.created", tenant, {"slug": chosen_slug})
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
        row.chosen = {name: getattr(parsed, name) for name in merged if name != "timezone"}
        row.save()
        if parsed.timezone != tenant.timezone:
            tenant.timezone = parsed.timezone
            tenant.save(update_fields=["timezone"])
        if changes := _changed(current, merged):
            audit.record(tenant.pk, "settings.changed", tenant, changes)
        for name, secret in values.items():
            if provider := _provider_of(name):
                set_provider_key(tenant.pk, provider, secret or "")
    # The caller's object may have read its settings before.
    tenant.settings.refresh_from_db()
    return parsed


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    names = sorted({*before, *after})
    return {name: [before.get(name), after.get(name)] for name in names if before.get(name) != after.get(name)}


def _provider_of(setting_name: str) -> str | None:
    provider = setting_name.removesuffix("_api_key")
    return provider if setting_name in vars(TenantSettings) and provider != setting_name else None


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
    with transaction.atomic():
        # Inside, so that a rotation of the master key comes before or after, never between.
        sealed = vault.current().seal(tenant_id, secret.strip())
        stored = ProviderCredential.objects.update_or_create(
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
        audit.record(tenant_id, "provider_key.stored", stored, {"provider": provider, "label": label})
    return stored


def replace_secret(credential: ProviderCredential, secret: str) -> None:
    """Seal another key into a credential, which the caller stores with whatever else changes."""
    _check_credential(credential.provider, secret, credential.base_url)
    sealed = vault.current().seal(credential.tenant_id, secret.strip())
    credential.key_id, credential.ciphertext = sealed.key_id, sealed.ciphertext
    credential.hint = mask(secret.strip())


def _check_credential(provider: str, secret: str, base_url: str) -> None:
    if not PROVIDER_NAME.fullmatch(provider):
        raise ValidationError(
            f"{provider[:60]!r} is not a provider name: use 1 to 40 of a-z, 0-9, _ and -, "
            "starting with a letter or a digit"
        )
    key = secret.strip()
    if not key or len(key) > _LONGEST_SECRET or not key.isprintable() or not key.isascii():
        raise ValidationError(f"the key for {provider} is empty or holds characters that no key has")
    if base_url and not web_address.is_usable(base_url):
        raise ValidationError(f"the address for {provider} must begin with http:// or https:// and name a host")


def set_provider_key(tenant_id: int, provider: str, secret: str) -> None:
    """Store a tenant's key for a provider under the default label; an empty one removes it."""
    if secret.strip():
        store_credential(tenant_id, provider, secret)
    else:
        with transaction.atomic():
            rows = ProviderCredential.objects.filter(tenant_id=tenant_id, provider=provider, label=DEFAULT_LABEL)
            for row in rows:
                audit.record(tenant_id, "provider_key.removed", row)
            rows.delete()


def masked_provider_key(tenant_id: int, provider: str) -> str:
    """Show the first enabled key of a tenant for a provider, masked; "" if there is none."""
    rows = ProviderCredential.objects.filter(tenant_id=tenant_id, provider=provider, is_enabled=True)
    return rows.order_by("priority", "id").values_list("hint", flat=True).first() or ""
