"""The first page: today and the last days, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import reverse

from frontdesk.console import display, selectors
from frontdesk.console.access import access_of
from frontdesk.console.selectors import Day, Inventory, Service
from frontdesk.tenants import scopes


@dataclass(frozen=True, slots=True)
class Step:
    """Something still to do."""

    title: str
    explanation: str
    action: str
    address: str


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure with what it means."""

    title: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class Share:
    """How many answers came from one source; `percent` is for the width of a bar."""

    name: str
    tone: display.Tone
    count: int
    percent: float


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time with what happened in it."""

    name: str
    tiles: list[Tile]
    shares: list[Share]
    answers: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A day's calls: `height` in percent of the busiest day, `failed_share` in percent of its own calls."""

    day: Day
    height: float
    failed_share: float


def context(request: HttpRequest, page: dict[str, Any]) -> dict[str, Any]:
    """Put the figures into the first page's context: of all tenants for the operator, of their own for members."""
    access = access_of(request)
    if not access.is_any:
        raise PermissionDenied
    tenant_ids = None if access.is_operator else access.tenants_with(scopes.ANALYTICS_VIEW)
    shown = {**page, "title": "Overview", "sees_figures": tenant_ids is None or bool(tenant_ids)}
    if not shown["sees_figures"]:
        return shown
    zone = selectors.zone_of(tenant_ids)
    week = selectors.days(zone, tenant_ids)
    today, lately = (selectors.service(selectors.midnight(zone, ago), tenant_ids) for ago in (0, selectors.DAYS - 1))
    is_operator = access.is_operator
    return {
        **shown,
        "zone": str(zone),
        "periods": [_period("Today", week[-1:], today), _period("Last 7 days", week, lately)],
        "bars": bars(week),
        "failures": selectors.recent_failures(tenant_ids),
        "steps": steps(selectors.inventory(), has_conversation=lately.conversations > 0) if is_operator else [],
        "has_calls": any(day.calls for day in week),
    }


def _period(name: str, days: list[Day], service: Service) -> Period:
    return Period(name, tiles(days, service), shares(service), service.answers)


def tiles(days: list[Day], service: Service) -> list[Tile]:
    """Turn the figures of some days into tiles."""
    calls, attempts = sum(day.calls for day in days), sum(day.attempts for day in days)
    successes, unpriced = sum(day.successes for day in days), sum(day.unpriced for day in days)
    return [
        Tile("Calls", display.count(attempts), _without_call(calls - attempts)),
        Tile(
            "Success rate",
            display.percent(successes, attempts),
            f"{display.count(attempts - successes)} did not succeed" if attempts else "no calls yet",
        ),
        Tile(
            "Cost",
            display.usd(sum(day.cost_nano_usd for day in days)),
            f"{display.count(unpriced)} calls have no price" if unpriced else "every call with tokens is priced",
        ),
        Tile("New conversations", display.count(service.conversations), "started by customers"),
    ]


def _without_call(count: int) -> str:
    stopped = f"; {display.count(count)} messages were stopped by a limit" if count else ""
    return f"attempts to call a model{stopped}"


def shares(service: Service) -> list[Share]:
    """Tell who answered, in the order of the reply ladder."""
    whole = max(1, service.answers)
    rows: list[tuple[str, display.Tone, int]] = [
        ("Model", "info", service.by_model),
        ("Knowledge base", "good", service.by_knowledge),
        ("Friendly default", "warn", service.by_default),
    ]
    return [Share(name, tone, number, round(number * 100 / whole, 1)) for name, tone, number in rows]


def bars(days: list[Day]) -> list[Bar]:
    """Scale days to the busiest one."""
    most = max((day.calls for day in days), default=0) or 1
    return [
        Bar(day, round(day.calls * 100 / most, 1), round(day.failures * 100 / max(1, day.calls), 1)) for day in days
    ]


def steps(stored: Inventory, *, has_conversation: bool) -> list[Step]:
    """List what is missing before customers are answered, in the order of doing it."""
    missing = []
    if not stored.tenants:
        missing.append(
            _step("Add a tenant", "A tenant is a business that Frontdesk answers for.", "Add tenant", "tenants_tenant")
        )
    if not stored.provider_keys:
        explanation = (
            "No model can answer yet: customers get answers from the knowledge base only. Add a key here, or start "
            "Frontdesk with an environment variable such as OPENAI_API_KEY."
        )
        missing.append(_step("Connect a model provider", explanation, "Add provider key", "tenants_providercredential"))
    if not stored.knowledge_entries:
        explanation = "Questions with their answers: they answer by themselves, and models take their facts from them."
        missing.append(_step("Write down what you know", explanation, "Add entry", "knowledge_knowledgeentry"))
    if not stored.widgets:
        explanation = "A chat on your website: one line of HTML, which the widget’s page gives you to copy."
        missing.append(_step("Put a widget on a website", explanation, "Add widget", "channels_widget"))
    elif not has_conversation and not missing:
        address = reverse("admin:channels_widget_changelist")
        explanation = "Open a widget with “Try it” and ask something. The conversation appears here."
        missing.append(Step("Try it", explanation, "Widgets", address))
    return missing


def _step(title: str, explanation: str, action: str, model: str) -> Step:
    return Step(title, explanation, action, reverse(f"admin:{model}_add"))
