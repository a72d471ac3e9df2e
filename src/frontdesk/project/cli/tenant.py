"""`frontdesk tenant`: make tenants, see and change their settings."""

import argparse
import json
from collections.abc import Sequence
from typing import Any

from frontdesk.project.cli import output
from frontdesk.project.cli.errors import UsageError
from frontdesk.tenants import scopes, selectors, services
from frontdesk.tenants.models import Tenant


def create(arguments: argparse.Namespace) -> None:
    """Make a tenant."""
    tenant = services.create_tenant(arguments.name, arguments.slug)
    _print(_identity(tenant), as_json=arguments.as_json)


def list_all(arguments: argparse.Namespace) -> None:
    """List all tenants, the operator's own included."""
    rows = [_identity(tenant) for tenant in Tenant.objects.order_by("id")]
    if arguments.as_json:
        output.print_json(rows)
    else:
        output.print_table(rows, ["tenant_id", "slug", "name", "is_active"], "no tenants")


def key(arguments: argparse.Namespace) -> None:
    """Make an API key and print it, which nothing can do later."""
    tenant = selectors.find_tenant(arguments.tenant)
    made, plaintext = services.create_api_key(tenant, arguments.name, arguments.scopes or [scopes.GATEWAY_CALL])
    if arguments.as_json:
        output.print_json({"tenant_id": tenant.pk, "name": made.name, "scopes": made.scopes, "key": plaintext})
    else:
        output.print_line(plaintext)


def settings(arguments: argparse.Namespace) -> None:
    """Change the settings given with --set, all or none, and print all settings; provider keys are masked."""
    tenant = selectors.find_tenant(arguments.tenant)
    if changes := _parse(arguments.changes):
        services.update_settings(tenant, changes)
        tenant = selectors.find_tenant(tenant.pk)
    keys = {f"{row.provider}_api_key": row.hint for row in reversed(selectors.credentials(tenant)) if row.is_enabled}
    _print({**tenant.settings.typed.model_dump(), **keys}, as_json=arguments.as_json)


def _parse(assignments: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name:
            raise UsageError("--set needs NAME=JSON, for example --set temperature=0.3")
        try:
            values[name] = json.loads(text)
        except (ValueError, RecursionError):
            raise UsageError(
                f"the value of --set {name}=... is not JSON; text needs its quotes: --set '{name}=\"...\"'"
            ) from None
    return values


def _identity(tenant: Tenant) -> dict[str, Any]:
    return {"tenant_id": tenant.pk, "name": tenant.name, "slug": tenant.slug, "is_active": tenant.is_active}


def _print(values: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.print_json(values)
    else:
        output.print_pairs(values)
