"""`frontdesk provider`: the operator's model providers and keys."""

import argparse
import sys
from typing import Any

from django.db import transaction

from frontdesk.gateway.providers import web_address
from frontdesk.gateway.providers.catalog import IMPLEMENTED_WIRES
from frontdesk.gateway.snapshot import SIMULATED
from frontdesk.project.cli import output
from frontdesk.project.cli.errors import UsageError
from frontdesk.tenants import selectors, services
from frontdesk.tenants.models import ProviderCredential
from frontdesk.usage import services as usage_services
from frontdesk.usage.models import LLMProvider

WIRES = IMPLEMENTED_WIRES - {SIMULATED}


def add(arguments: argparse.Namespace) -> None:
    """Add or change a provider and the operator's key for it, both or neither."""
    _check(arguments)
    key = sys.stdin.readline() if arguments.key == "-" else arguments.key
    with transaction.atomic():
        # The address goes with the key too, so that a change of the catalog cannot send it elsewhere.
        services.store_credential(selectors.operator().pk, arguments.name, key, base_url=arguments.base_url.rstrip("/"))
        provider = usage_services.add_provider(
            arguments.name, wire=arguments.wire, base_url=arguments.base_url, default_model=arguments.default_model
        )
    row = _describe(provider, _operator_credentials())
    if arguments.as_json:
        output.print_json(row)
    else:
        output.print_pairs(row)


def _check(arguments: argparse.Namespace) -> None:
    if not services.PROVIDER_NAME.fullmatch(arguments.name):
        raise UsageError("NAME must be 1 to 40 of a-z, 0-9, _ and -, starting with a letter or a digit")
    if arguments.wire not in WIRES:
        raise UsageError(f"--wire {arguments.wire!r} is not known; known wires: {', '.join(sorted(WIRES))}")
    if not web_address.is_usable(arguments.base_url):
        raise UsageError(
            "--base-url must be an http:// or https:// address with a host, such as https://api.example.com/v1"
        )


def list_all(arguments: argparse.Namespace) -> None:
    """List the providers and where the operator's key for each is."""
    credentials = _operator_credentials()
    rows = [_describe(provider, credentials) for provider in LLMProvider.objects.order_by("name")]
    if arguments.as_json:
        output.print_json(rows)
    else:
        output.print_table(
            rows, ["name", "wire", "base_url", "default_model", "key", "is_enabled", "is_supported"], "no providers yet"
        )


def _operator_credentials() -> dict[str, ProviderCredential]:
    return {row.provider: row for row in reversed(selectors.credentials(selectors.operator())) if row.is_enabled}


def _describe(provider: LLMProvider, credentials: dict[str, ProviderCredential]) -> dict[str, Any]:
    credential = credentials.get(provider.name)
    return {
        "name": provider.name,
        "display_name": provider.display_name,
        "wire": provider.wire,
        "base_url": (credential.base_url if credential else "") or provider.base_url,
        "default_model": provider.default_model,
        "key": credential.hint if credential else "",
        "is_enabled": provider.is_enabled,
        "is_supported": provider.wire in IMPLEMENTED_WIRES,
    }
