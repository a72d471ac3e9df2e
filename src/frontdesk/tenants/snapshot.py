"""The tenants' section of the Snapshot: who may call, with which key, on whose provider keys."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from django.db.models import Q
from django.utils import timezone as clock

from frontdesk.gateway import snapshot
from frontdesk.gateway.vault import Sealed
from frontdesk.tenants import selectors
from frontdesk.tenants.models import ApiKey, ProviderCredential, Tenant, TenantSettings


class TenantsSection(msgspec.Struct, frozen=True, kw_only=True):
    """What `gateway.snapshot.Snapshot` needs of tenants; inactive, revoked, expired and disabled rows are left out."""

    operator_id: int
    tenants: Mapping[int, snapshot.Tenant]
    api_keys: Mapping[bytes, snapshot.ApiKey]
    """By the 32-byte sha256 digest of the key."""


def section() -> TenantsSection:
    """Read the section from the database: five queries, whatever the number of tenants."""
    operator_id = selectors.operator().pk
    credentials = _credentials()
    chosen_by_tenant = dict(TenantSettings.objects.across_tenants().values_list("tenant_id", "chosen"))
    tenants = {
        tenant_id: snapshot.Tenant(
            id=tenant_id,
            name=name,
            slug=slug,
            zone=zone,
            default_model=str(chosen_by_tenant.get(tenant_id, {}).get("default_model", "")),
            credentials=credentials.get(tenant_id, {}),
        )
        for tenant_id, name, slug, zone in Tenant.objects.filter(is_active=True).values_list(
            "id", "name", "slug", "timezone"
        )
    }
    return TenantsSection(operator_id=operator_id, tenants=tenants, api_keys=_api_keys(tenants))


def _credentials() -> dict[int, dict[str, tuple[snapshot.Credential, ...]]]:
    found: dict[int, dict[str, tuple[snapshot.Credential, ...]]] = {}
    rows = ProviderCredential.objects.across_tenants().filter(is_enabled=True)
    for row in rows.order_by("tenant_id", "provider", "priority", "id"):
        of_tenant = found.setdefault(row.tenant_id, {})
        credential = snapshot.Credential(
            id=str(row.pk),
            tenant_id=row.tenant_id,
            provider=row.provider,
            sealed=Sealed(row.key_id, bytes(row.ciphertext)),
            base_url=row.base_url,
            organization=row.organization,
        )
        of_tenant[row.provider] = (*of_tenant.get(row.provider, ()), credential)
    return found


def _api_keys(tenants: Mapping[int, snapshot.Tenant]) -> dict[bytes, snapshot.ApiKey]:
    now = clock.now()
    unexpired = Q(expires_at=None) | Q(expires_at__gt=now)
    rows = ApiKey.objects.across_tenants().filter(unexpired, revoked_at=None)
    found: dict[bytes, snapshot.ApiKey] = {}
    for row in rows.only("tenant_id", "digest", "scopes", "expires_at", "retired_digest", "retired_until"):
        if row.tenant_id not in tenants:
            continue
        found[bytes(row.digest)] = _api_key(row, row.expires_at)
        if row.retired_digest is not None and row.retired_until is not None and row.retired_until > now:
            ends = min(filter(None, (row.expires_at, row.retired_until)))
            found[bytes(row.retired_digest)] = _api_key(row, ends)
    return found


def _api_key(row: ApiKey, ends_at: datetime | None) -> snapshot.ApiKey:
    return snapshot.ApiKey(
        id=row.pk, tenant_id=row.tenant_id, scopes=frozenset(row.scopes), expires_at_ns=_epoch_ns(ends_at)
    )


def _epoch_ns(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1_000
