"""The operator's provider keys that are kept in the database."""

from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError

from frontdesk.gateway.vault import VaultError
from frontdesk.project.cli import preflight
from frontdesk.project.cli.errors import UsageError


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """The keys by provider, masked, and what is wrong with any key of any tenant."""

    providers: dict[str, dict[str, Any]]
    errors: list[str]


def operator_keys() -> StoredKeys:
    """Describe the operator's keys, and try every stored key with the master keys. UsageError without a database."""
    preflight.prepare()
    preflight.require_current_schema()
    # Models load only after Django is set up.
    from frontdesk.tenants import selectors  # noqa: PLC0415

    try:
        rows = selectors.credentials(selectors.operator())
        errors = _unopenable()
    except DatabaseError as error:
        raise UsageError(f"the database cannot be used: {error}") from None
    providers = {
        row.provider: {
            "api_key": row.hint,
            "source": "console",
            "base_url": row.base_url,
            "organization": row.organization,
            "is_enabled": row.is_enabled,
        }
        for row in reversed(rows)
    }
    return StoredKeys(providers, errors)


def _unopenable() -> list[str]:
    # As above: models load only after Django is set up.
    from frontdesk.tenants import vault  # noqa: PLC0415
    from frontdesk.tenants.models import ProviderCredential  # noqa: PLC0415

    errors = []
    for row in ProviderCredential.objects.across_tenants().filter(is_enabled=True):
        try:
            vault.current().open(row.tenant_id, row.sealed)
        except VaultError as error:
            errors.append(f"the key of tenant {row.tenant_id} for {row.provider} cannot be used: {error}")
    return errors
