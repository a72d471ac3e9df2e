"""`frontdesk usage`: what was called and what it cost, whether that is right, and computing it anew."""

import argparse
from decimal import Decimal
from typing import Any

import msgspec

from frontdesk.gateway import money
from frontdesk.gateway.money import NanoUSD
from frontdesk.project.cli import confirm, output
from frontdesk.tenants import selectors as tenants
from frontdesk.usage import audit as ledger_audit
from frontdesk.usage import repricing, selectors, services
from frontdesk.usage.audit import Finding, Report
from frontdesk.usage.repricing import Repricing, Selection

COLUMNS = ["created_at", "request_id", "provider", "model", "operation", "status"]
FIGURES = ["input_tokens", "output_tokens", "cost_nano_usd", "latency_ms"]
FINDINGS = 1
"""The exit code of an audit that found something."""
_SHOWN_DETAILS = 5


def calls(arguments: argparse.Namespace) -> None:
    """List a tenant's last calls, newest first, after what a stopped server left in its journal was taken in."""
    tenant = tenants.find_tenant(arguments.tenant)
    services.drain_orphans()
    rows = selectors.last_calls(tenant, arguments.last)
    if arguments.as_json:
        output.print_json(rows)
    else:
        output.print_table(rows, [*COLUMNS, *FIGURES], "no calls yet")


def audit(arguments: argparse.Namespace) -> int:
    """Look for what should not be in the ledger; 0 when it is clean, 1 when something was found."""
    tenant = tenants.find_tenant(arguments.tenant) if arguments.tenant else None
    services.drain_orphans()
    report = ledger_audit.examine(tenant, since=arguments.since)
    if arguments.as_json:
        output.print_json({"is_clean": not report.findings, **msgspec.to_builtins(report)})
    else:
        _print_report(report)
    return FINDINGS if report.findings else 0


def reprice(arguments: argparse.Namespace) -> None:
    """Show what calls would cost at the prices that the table has now for their times, ask, and store it."""
    model = selectors.find_model(arguments.model) if arguments.model else None
    services.drain_orphans()
    selection = Selection(
        model=(model.provider.name, model.name) if model else None,
        is_unpriced=arguments.unpriced,
        since=arguments.since,
    )
    found = repricing.preview(selection)
    if not arguments.as_json:
        _print_repricing(found)
    is_applied = False
    if found.changed and not arguments.dry_run:
        question = f"Change the cost of {found.changed} calls by {_usd(found.difference_nano_usd)} USD together?"
        is_applied = confirm.is_confirmed(question, has_said_yes=arguments.yes)
    if is_applied:
        found = repricing.run(selection)
    if arguments.as_json:
        output.print_json({"is_applied": is_applied, **_totals(found), "models": msgspec.to_builtins(found.models)})
    elif is_applied:
        output.print_line(f"{found.changed} calls repriced, {_usd(found.difference_nano_usd)} USD together")
    else:
        output.print_line("nothing was changed" + (" (--dry-run)" if arguments.dry_run else ""))


def _print_report(report: Report) -> None:
    cost = _usd(report.cost_nano_usd, has_sign=False)
    output.print_line(
        f"{report.calls} calls, {cost} USD; {report.interrupted} were cut short, {report.estimated_usage} have "
        "estimated tokens"
    )
    for finding in report.findings:
        output.print_line("")
        _print_finding(finding)
    output.print_line("" if report.findings else "nothing to report")
    if report.findings:
        output.print_line(f"{len(report.findings)} kinds of findings")


def _print_finding(finding: Finding) -> None:
    output.print_line(f"{finding.kind}: {finding.count} {finding.what}")
    for detail in finding.details[:_SHOWN_DETAILS]:
        figures = ", ".join(_figure(name, value) for name, value in detail.items() if name != "model")
        output.print_line(f"  {detail['model']}: {figures}")
    if len(finding.details) > _SHOWN_DETAILS:
        output.print_line(f"  and more models: {len(finding.details) - _SHOWN_DETAILS} (--json lists them)")
    if finding.examples:
        output.print_line(f"  for example: {', '.join(finding.examples)}")
    output.print_line(f"  what to do: {finding.remedy}")


def _figure(name: str, value: int) -> str:
    if name == "difference_nano_usd":
        return f"{_usd(value)} USD by today's table"
    return f"{value} {name}"


def _print_repricing(found: Repricing) -> None:
    rows = [
        {
            "model": sums.model,
            "calls": sums.calls,
            "changed": sums.changed,
            "before_usd": _usd(sums.before_nano_usd, has_sign=False),
            "after_usd": _usd(sums.after_nano_usd, has_sign=False),
            "without_price": sums.without_price,
        }
        for sums in found.models
    ]
    columns = ["model", "calls", "changed", "before_usd", "after_usd", "without_price"]
    output.print_table(rows, columns, "no such calls")


def _totals(found: Repricing) -> dict[str, Any]:
    return {"changed": found.changed, "difference_nano_usd": found.difference_nano_usd}


def _usd(nano_usd: int, *, has_sign: bool = True) -> str:
    amount: Decimal = money.to_usd(NanoUSD(nano_usd))
    return f"{amount:+.9f}" if has_sign else f"{amount:.9f}"
