"""The provider keys that are kept in the database."""

from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError

from frontdesk.project.cli import preflight
from frontdesk.project.cli.errors import UsageError


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """The operator's keys by provider in the order of use, masked, and what is wrong with any key of any tenant."""

    keys: dict[str, list[dict[str, Any]]]
    errors: list[str]


def operator_keys() -> StoredKeys:
    """Describe the operator's keys, and try every stored key with the master keys. UsageError without a database."""
    preflight.prepare()
    preflight.require_current_schema()
    # Models load only after Django is set up.
    from frontdesk.tenants import rotation, selectors, vault  # noqa: PLC0415

    try:
        rows = selectors.credentials(selectors.operator())
        unopenable = rotation.take_inventory(vault.current()).unopenable
    except DatabaseError as error:
        raise UsageError(f"the database cannot be used: {error}") from None
    keys: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        keys.setdefault(row.provider, []).append(
            {
                "label": row.label,
                "api_key": row.hint,
                "source": "console",
                "base_url": row.base_url,
                "organization": row.organization,
                "priority": row.priority,
                "is_enabled": row.is_enabled,
            }
        )
    errors = [
        f"the key of tenant {one.tenant_id} for {one.provider} ({one.label}) cannot be used: {one.reason}"
        for one in unopenable
        if one.is_enabled
    ]
    return StoredKeys(keys, errors)
