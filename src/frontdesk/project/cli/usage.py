"""`frontdesk usage`: what was called and what it cost."""

import argparse

from frontdesk.project.cli import output
from frontdesk.tenants import selectors as tenants
from frontdesk.usage import selectors, services

COLUMNS = ["created_at", "request_id", "provider", "model", "operation", "status"]
FIGURES = ["input_tokens", "output_tokens", "cost_nano_usd", "latency_ms"]


def calls(arguments: argparse.Namespace) -> None:
    """List a tenant's last calls, newest first, after what a stopped server left in its journal was taken in."""
    tenant = tenants.find_tenant(arguments.tenant)
    services.drain_orphans()
    rows = selectors.last_calls(tenant, arguments.last)
    if arguments.as_json:
        output.print_json(rows)
    else:
        output.print_table(rows, [*COLUMNS, *FIGURES], "no calls yet")


def audit(arguments: argparse.Namespace) -> None:
    """Count what should not be in a ledger."""
    tenant = tenants.find_tenant(arguments.tenant) if arguments.tenant else None
    services.drain_orphans()
    counts = selectors.audit(tenant)
    if arguments.as_json:
        output.print_json(counts)
    else:
        output.print_pairs(counts)
