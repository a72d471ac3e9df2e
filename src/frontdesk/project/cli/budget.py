"""`frontdesk budget`: what may be spent, what is spent, and giving it back."""

import argparse
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone as clock

from frontdesk.channels.budgets import widget_names
from frontdesk.gateway import money
from frontdesk.gateway.budgets.terms import Unit
from frontdesk.project.cli import output
from frontdesk.tenants import selectors as tenants
from frontdesk.tenants.models import Tenant
from frontdesk.usage.budgets import amounts, positions, services
from frontdesk.usage.budgets.positions import Position
from frontdesk.usage.budgets.services import Place
from frontdesk.usage.models import Budget
from frontdesk.usage.services import drain_orphans

_BY = "command line"
_USUAL = "usual"
_COLUMNS = [
    "scope",
    "owner",
    "owner_name",
    "unit",
    "window",
    "limit",
    "used",
    "left",
    "resets_at",
    "policy",
    "forecast",
]
_SET = ["tenant_id", "scope", "owner", "unit", "window", "limit", "policy", "notice"]
_RESET = ["scope", "owner", "owner_name", "unit", "window", "given_back"]


def show(arguments: argparse.Namespace) -> None:
    """List where a tenant's limits stand, after what a stopped server left in its journal was taken in."""
    tenant = tenants.find_tenant(arguments.tenant)
    drain_orphans()
    now = clock.now()
    found = positions.budget_status(tenant, widget_names(tenant), now)
    rows = [_as_dict(position, now, as_json=arguments.as_json) for position in found]
    _print(rows, _COLUMNS, as_json=arguments.as_json)


def set_limit(arguments: argparse.Namespace) -> None:
    """Set or lift a limit, and print it."""
    tenant = tenants.find_tenant(arguments.tenant)
    place = _place(arguments)
    if arguments.limit == _USUAL:
        _go_back(tenant, place, as_json=arguments.as_json)
        return
    limit = amounts.parse(arguments.limit, _unit(arguments.unit))
    row = services.budget_set(
        tenant, place, limit, widget_names(tenant), policy=arguments.policy, notice=arguments.notice
    )
    _print_limits([row], as_json=arguments.as_json, as_list=False)


def _go_back(tenant: Tenant, place: Place, *, as_json: bool) -> None:
    """Forget what was set, so that what is usual, or the wider limit, holds again."""
    was_set = services.budget_remove(tenant, place, widget_names(tenant))
    if as_json:
        output.print_json({"was_set": was_set})
    else:
        output.print_line("the usual limit holds again" if was_set else "nothing was set here: the usual limit holds")


def reset(arguments: argparse.Namespace) -> None:
    """Give back what the running windows have spent."""
    tenant = tenants.find_tenant(arguments.tenant)
    drain_orphans()
    found = services.budget_reset(tenant, widget_names(tenant), _place(arguments), by=_BY)
    rows = [
        {
            "scope": position.scope,
            "owner": position.owner,
            "owner_name": position.owner_name,
            "unit": position.unit,
            "window": position.window,
            "given_back": _amount(position.used, position.unit, as_json=arguments.as_json),
        }
        for position in found
    ]
    _print(rows, _RESET, as_json=arguments.as_json)


def preset(arguments: argparse.Namespace) -> None:
    """Limit a provider to its free tier."""
    rows = services.budget_preset(arguments.provider)
    _print_limits(rows, as_json=arguments.as_json, as_list=True)


def _place(arguments: argparse.Namespace) -> Place:
    return Place(scope=arguments.scope, unit=arguments.unit, window=arguments.window, owner=arguments.owner)


def _print_limits(rows: list[Budget], *, as_json: bool, as_list: bool) -> None:
    values = [
        {
            "tenant_id": row.tenant_id,
            "scope": row.scope,
            "owner": row.owner,
            "unit": row.unit,
            "window": row.window,
            "limit": None if row.limit is None and as_json else _amount(row.limit, _unit(row.unit), as_json=as_json),
            "policy": row.policy or "as usual",
            "notice": row.notice,
        }
        for row in rows
    ]
    if as_json:
        output.print_json(values if as_list else values[0])
    else:
        output.print_table(values, _SET, "nothing")


def _as_dict(position: Position, now: datetime, *, as_json: bool) -> dict[str, Any]:
    forecast_s = position.exhausted_at(now)
    figures = {"limit": position.limit, "used": position.used, "left": position.left}
    return {
        "scope": position.scope,
        "owner": position.owner,
        "owner_name": position.owner_name,
        "unit": position.unit,
        "window": position.window,
        **{name: _amount(figure, position.unit, as_json=as_json) for name, figure in figures.items()},
        "given_back": _amount(position.credit, position.unit, as_json=as_json),
        "starts_at": _moment(position.period.start_s),
        "resets_at": _moment(position.period.end_s),
        "zone": position.zone,
        "policy": position.policy,
        "notice": position.notice,
        "forecast": None if forecast_s is None else _moment(forecast_s),
    }


def _amount(amount: int | None, unit: Unit, *, as_json: bool) -> Any:
    """Give an amount as a JSON number (nano-USD below 2^53 survive as one, to the last decimal), or as text."""
    if not as_json or amount is None:
        return amounts.written(amount, unit)
    return float(money.to_usd(money.NanoUSD(amount))) if unit == "usd" else amount


def _moment(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _unit(name: str) -> Unit:
    """Tell the unit; one that is none is refused by the service, after the limit was read as a whole number."""
    return "usd" if name == "usd" else "tokens" if name == "tokens" else "requests"


def _print(rows: list[dict[str, Any]], columns: list[str], *, as_json: bool) -> None:
    if as_json:
        output.print_json(rows)
    else:
        output.print_table(rows, columns, "no limits")
