"""Budgets: where limits stand, giving back what was spent, and the operator's own limits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone as clock
from django.utils.safestring import SafeString

from frontdesk.channels.budgets import widget_names
from frontdesk.console import display, inputs
from frontdesk.console.admin.base import OperatorAdmin
from frontdesk.console.admin.filters import TenantFilter, chosen_tenant
from frontdesk.gateway.budgets.terms import EACH, Unit
from frontdesk.tenants import selectors as tenants
from frontdesk.tenants.models import Tenant
from frontdesk.usage.budgets import amounts, positions, services
from frontdesk.usage.budgets.models import OF_OPERATOR, POLICIES, SCOPES, UNITS
from frontdesk.usage.budgets.positions import Position
from frontdesk.usage.budgets.services import Place
from frontdesk.usage.models import Budget

_MOST_SHOWN = 200
_MOST_TENANTS = 500
_TONES = ((100, "bad"), (80, "warn"), (0, "good"))
_UNIT_WORDS: dict[Unit, str] = {"requests": "requests", "tokens": "tokens", "usd": "USD"}


class BudgetForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A limit, written in requests, tokens or USD."""

    limit = forms.CharField(
        required=False,
        max_length=40,
        widget=inputs.Text(),
        help_text="Whole requests and tokens, or USD as in 2.50. Empty: no limit, even where a wider one holds.",
    )

    class Meta:
        model = Budget
        fields = ("scope", "tenant", "owner", "unit", "window", "limit", "policy", "notice")
        labels = {
            "scope": "Whose spending",
            "owner": "Which one",
            "window": "In each",
            "policy": "When nothing is left",
        }
        help_texts = {
            "tenant": "Empty for everything together and for providers; for other scopes: each of every tenant’s.",
            "owner": "A provider’s name, or the id of a widget or API key. Empty: each of them by itself.",
            "window": "Hours, days and months of the tenant’s time zone; the operator’s for providers and everything.",
            "policy": "As usual: widgets answer from the knowledge base; tenants, providers and everything use a "
            "cheaper model; API keys and visitors are refused with 429.",
            "notice": "What the customer is told, instead of the usual notice.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inputs.offer(self.fields["policy"], [("", "As usual"), *POLICIES.items()])
        if self.instance.pk is not None:
            self.initial["limit"] = "" if self.instance.limit is None else _written(self.instance)

    def clean(self) -> dict[str, Any] | None:
        """Find whose limit it is, and read the amount; what has no meaning is refused at its field."""
        cleaned = super().clean() or {}
        if self.instance.pk is None and cleaned.get("scope"):
            self._resolve(cleaned)
        unit = cleaned.get("unit") or self.instance.unit
        if "limit" in cleaned and unit in UNITS:
            try:
                cleaned["limit"] = amounts.parse(cleaned["limit"], unit) if cleaned["limit"] else None
            except ValidationError as error:
                self.add_error("limit", error)
        return cleaned

    def _resolve(self, cleaned: dict[str, Any]) -> None:
        tenant: Tenant | None = cleaned.get("tenant")
        scope, owner = cleaned["scope"], cleaned.get("owner") or ""
        if scope in OF_OPERATOR and tenant is not None and not tenant.is_operator:
            self.add_error("tenant", "This belongs to the operator: leave the tenant empty.")
            return
        if tenant is None and scope not in OF_OPERATOR:
            if owner not in ("", EACH):
                self.add_error("tenant", "Choose the tenant whose it is.")
                return
            owner = EACH
        whose = tenant or tenants.operator()
        try:
            cleaned |= services.resolve(whose, scope, owner, widget_names(whose))
        except ValidationError as error:
            self.add_error("owner", error)


@admin.register(Budget)
class BudgetAdmin(OperatorAdmin):
    """Where limits stand, and those that the operator has set."""

    form = BudgetForm
    list_before_template = "console/budget_positions.html"
    empty_hint = (
        "Until you set a limit, the ones above hold: each widget’s free credits, and the quotas of the settings."
    )
    list_display = ("whose", "tenant", "what", "shown_limit", "shown_policy", "notice")
    list_filter = (TenantFilter,)
    list_select_related = ("tenant",)
    ordering = ("tenant", "scope", "owner", "unit", "window")
    autocomplete_fields = ("tenant",)
    fieldsets = (
        ("Whose", {"fields": ("scope", "tenant", "owner")}),
        ("How much", {"fields": ("unit", "window", "limit")}),
        ("When nothing is left", {"fields": ("policy", "notice")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Budget | None = None) -> Any:
        """A limit stays where it is; another place is another limit."""
        return ("scope", "tenant", "owner", "unit", "window") if obj else ()

    def get_urls(self) -> list[URLPattern]:
        """Add what the reset buttons call."""
        reset = path("reset/", self.admin_site.admin_view(self.reset), name="usage_budget_reset")
        return [reset, *super().get_urls()]

    def tenant_of(self, row: Budget | None) -> int | None:
        """Tell whose limit it is, for the audit log."""
        return None if row is None else row.tenant_id

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show where the limits of the chosen tenant stand above the list; at first the operator's own."""
        context = {"title": "Budgets"} | (_standing(request) if self.has_view_permission(request) else {})
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def reset(self, request: HttpRequest) -> HttpResponse:
        """Give back what one limit, or all of a tenant, have spent in their running windows."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        tenant = Tenant.objects.filter(pk=_number(request.POST.get("tenant", ""))).first()
        if tenant is None:
            return HttpResponseRedirect(reverse("admin:usage_budget_changelist"))
        which = Place(**{name: request.POST.get(name, "") for name in ("scope", "owner", "unit", "window")})
        try:
            found = services.budget_reset(tenant, widget_names(tenant), which, by=request.user.get_username())
        except ValidationError as error:
            self.message_user(request, " ".join(error.messages), messages.ERROR)
        else:
            given_back = sum(1 for position in found if position.used)
            limits = "1 limit" if given_back == 1 else f"{given_back} limits"
            self.message_user(request, f"What was used of {limits} is given back.", messages.SUCCESS)
        return HttpResponseRedirect(f"{reverse('admin:usage_budget_changelist')}?tenant={tenant.pk}")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Start with what is limited most."""
        initial = {"scope": "widget", "unit": "tokens", "window": "month"}
        return {**initial, **super().get_changeform_initial_data(request)}

    @admin.display(description="whose", ordering="scope")
    def whose(self, budget: Budget) -> str:
        """Show the scope and its owner."""
        scope = SCOPES.get(budget.scope, budget.scope)
        if budget.scope in ("global", "tenant"):
            return scope
        return f"{scope}: each" if budget.owner == EACH else f"{scope}: {budget.owner}"

    @admin.display(description="what")
    def what(self, budget: Budget) -> str:
        """Show what is counted, and over which time."""
        return _what(_unit(budget), budget.window)

    @admin.display(description="limit", ordering="limit")
    def shown_limit(self, budget: Budget) -> str | SafeString:
        """Show the amount in its unit."""
        return display.label("no limit", "info") if budget.limit is None else _amount(budget.limit, _unit(budget))

    @admin.display(description="when nothing is left")
    def shown_policy(self, budget: Budget) -> str:
        """Show the policy."""
        return POLICIES.get(budget.policy, "as usual")


def _standing(request: HttpRequest) -> dict[str, Any]:
    chosen = chosen_tenant(request)
    tenant = Tenant.objects.filter(pk=chosen).first() if chosen is not None else None
    tenant = tenant or tenants.operator()
    now = clock.now()
    found = positions.budget_status(tenant, widget_names(tenant), now)
    return {
        "standing": [_row(position, now) for position in found[:_MOST_SHOWN]],
        "hidden": max(0, len(found) - _MOST_SHOWN),
        "standing_tenant": tenant,
        "standing_tenants": Tenant.objects.order_by("name").values_list("pk", "name")[:_MOST_TENANTS],
        "reset_url": reverse("admin:usage_budget_reset"),
    }


def _row(position: Position, now: datetime) -> dict[str, Any]:
    share = min(100, position.used * 100 // position.limit) if position.limit else 100
    forecast_s = position.exhausted_at(now)
    return {
        "position": position,
        "whose": SCOPES[position.scope],
        "name": "" if position.scope in ("global", "tenant") else position.owner_name,
        "what": _what(position.unit, position.window),
        "used": _amount(position.used, position.unit),
        "limit": _amount(position.limit, position.unit),
        "given_back": _amount(position.credit, position.unit) if position.credit else "",
        "share": share,
        "tone": next(tone for least, tone in _TONES if share >= least),
        "resets_at": datetime.fromtimestamp(position.period.end_s, UTC),
        "is_used_up": not position.left,
        "forecast": None if forecast_s is None or not position.left else datetime.fromtimestamp(forecast_s, UTC),
        "policy": POLICIES[position.policy],
    }


def _what(unit: Unit, window: str) -> str:
    return f"{_UNIT_WORDS[unit]} {'an' if window == 'hour' else 'a'} {window}"


def _amount(amount: int, unit: Unit) -> str:
    return display.usd(amount) if unit == "usd" else display.count(amount)


def _written(budget: Budget) -> str:
    return amounts.written(budget.limit, _unit(budget))


def _unit(budget: Budget) -> Unit:
    return budget.unit  # type: ignore[return-value]  # one of the choices


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
