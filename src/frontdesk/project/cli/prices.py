"""`frontdesk prices`: what models cost, where that is from, and the operator's own prices."""

import argparse
from typing import Any

from django.utils import timezone as clock

from frontdesk.project.cli import confirm, output
from frontdesk.usage import selectors, services
from frontdesk.usage.models import ModelPrice
from frontdesk.usage.prices import overrides, rates
from frontdesk.usage.prices.imports import PriceChange, PricePlan

MOST_ADDED = 20
"""So many new prices are shown; --json lists them all."""
LEGEND = "prices: USD per million tokens, input / output (cache read, cache write)"


def import_list(arguments: argparse.Namespace) -> None:
    """Show what the price list that came with this version changes, ask, and take it over."""
    plan = services.plan_prices(with_past=arguments.with_past)
    marked = len(plan.pending) - len(plan.unmarked)
    if not arguments.as_json:
        _print_plan(plan, marked)
    takes_marked = arguments.yes
    wanted = plan.pending if takes_marked else plan.unmarked
    prices = 0
    if wanted and not arguments.dry_run:
        stay = f" The {marked} marked ones stay as they are without --yes." if marked else ""
        if confirm.is_confirmed(f"Take over {len(wanted)} prices?{stay}", has_said_yes=arguments.yes):
            prices = services.import_prices(plan, with_marked=takes_marked, with_past=arguments.with_past).prices
    if arguments.as_json:
        output.print_json({"changes": [_plain_change(change) for change in plan.changes], "imported": prices})
    elif arguments.dry_run:
        output.print_line("nothing was changed (--dry-run)")
    elif plan.pending:
        output.print_line(f"{prices} prices imported" if prices else "nothing was changed")


def show(arguments: argparse.Namespace) -> None:
    """List a model's prices, the one in force marked."""
    model = selectors.find_model(arguments.model)
    in_force = selectors.in_force().filter(model=model).order_by("-is_override", "-valid_from").first()
    rows = [
        _plain_price(row, is_in_force=row == in_force)
        for row in ModelPrice.objects.filter(model=model).order_by("-is_override", "-valid_from")
    ]
    name = f"{model.provider.name}/{model.name}"
    if arguments.as_json:
        output.print_json({"model": name, "prices": rows})
        return
    table = [{**row, "tiers": _tier_cell(row["tiers"])} for row in rows]
    columns = ["in_force", "kind", "from", "until", "input", "output", "cache_read", "cache_write", "tiers", "source"]
    output.print_table(table, columns, f"{name} has no price: see frontdesk prices set --help")


def set_price(arguments: argparse.Namespace) -> None:
    """Override a model's price from a moment on."""
    base = overrides.rate(0, [arguments.input, arguments.output, arguments.cache_read, arguments.cache_write])
    new = overrides.with_tiers(base, [overrides.tier(text) for text in arguments.tiers])
    row = services.override_price(
        arguments.model, new, begins=arguments.begins, ends=arguments.ends, corrects_past=arguments.corrects_past
    )
    result = {
        "model": f"{row.model.provider.name}/{row.model.name}",
        **_plain_price(row, is_in_force=_is_in_force(row)),
    }
    if arguments.as_json:
        output.print_json(result)
    else:
        output.print_pairs({**result, "tiers": _tier_cell(result["tiers"])})
        if arguments.corrects_past:
            output.print_line("calls since then keep their cost until: frontdesk usage reprice --model ...")


def _print_plan(plan: PricePlan, marked: int) -> None:
    added = [change for change in plan.changes if change.kind == "added"]
    rest = [change for change in plan.changes if change.kind != "added"]
    rows = [_cells(change) for change in (*rest, *added[:MOST_ADDED])]
    output.print_table(rows, ["change", "model", "old", "new", "percent", "from", "note"], "the prices are up to date")
    if rows:
        output.print_line("")
        output.print_line(LEGEND)
    if len(added) > MOST_ADDED:
        output.print_line(f"and {len(added) - MOST_ADDED} more that are added (--json lists all)")
    if marked:
        output.print_line(f"marked (!): {marked}, more than half up or down, from or to nothing; they need --yes")


def _cells(change: PriceChange) -> dict[str, Any]:
    return {
        "change": f"{change.kind} !" if change.is_marked else change.kind,
        "model": f"{change.provider}/{change.model}",
        "old": rates.short(change.old) if change.old else "",
        "new": rates.short(change.new) if change.new else "",
        "percent": "" if change.percent is None else f"{change.percent:+.1f} %",
        "from": "" if change.valid_from is None else f"{change.valid_from:%Y-%m-%d}",
        "note": _note(change),
    }


def _note(change: PriceChange) -> str:
    if change.kind == "retired":
        return "no longer listed; stays in force"
    if change.listed_from is not None:
        return f"listed from {change.listed_from:%Y-%m-%d}: --with-past takes that date"
    return ""


def _plain_change(change: PriceChange) -> dict[str, Any]:
    return {
        "change": change.kind,
        "model": f"{change.provider}/{change.model}",
        "old": rates.plain(change.old) if change.old else None,
        "new": rates.plain(change.new) if change.new else None,
        "percent": None if change.percent is None else f"{change.percent:.1f}",
        "from": change.valid_from.isoformat() if change.valid_from else None,
        "listed_from": change.listed_from.isoformat() if change.listed_from else None,
        "is_marked": change.is_marked,
    }


def _is_in_force(row: ModelPrice) -> bool:
    now = clock.now()
    return row.valid_from <= now and (row.valid_until is None or now < row.valid_until)


def _plain_price(row: ModelPrice, *, is_in_force: bool) -> dict[str, Any]:
    return {
        "in_force": is_in_force,
        "kind": "override" if row.is_override else "import",
        "from": f"{row.valid_from:%Y-%m-%d %H:%M}",
        "until": f"{row.valid_until:%Y-%m-%d %H:%M}" if row.valid_until else None,
        **rates.plain(rates.stored(row)),
        "source": selectors.provenance(row),
    }


def _tier_cell(tiers: list[dict[str, Any]]) -> str:
    return "; ".join(
        f">{tier['above']}: {tier['input']} / {tier['output']} ({tier['cache_read']}, {tier['cache_write']})"
        for tier in tiers
    )
