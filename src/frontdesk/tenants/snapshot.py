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
            default_model=str(chosen_by_tenant.get(tenant_id, {}).get("default_model", "")),
            credentials=credentials.get(tenant_id, {}),
        )
        for tenant_id, name in Tenant.objects.filter(is_active=True).values_list("id", "name")
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
    unexpired = Q(expires_at=None) | Q(expires_at__gt=clock.now())
    rows = ApiKey.objects.across_tenants().filter(unexpired, revoked_at=None)
    return {
        bytes(digest): snapshot.ApiKey(
            id=key_id, tenant_id=tenant_id, scopes=frozenset(scopes), expires_at_ns=_epoch_ns(expires_at)
        )
        for key_id, tenant_id, digest, scopes, expires_at in rows.values_list(
            "id", "tenant_id", "digest", "scopes", "expires_at"
        )
        if tenant_id in tenants
    }


def _epoch_ns(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1_000
