"""Filters whose choices come from small tables or fixed lists, never from a scan of the filtered rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone as clock

from frontdesk.console import call_ids
from frontdesk.console.access import access_of
from frontdesk.tenants.models import Tenant
from frontdesk.usage.models import LLMProvider

_TENANT = "tenant"
_MAX_TENANTS = 100
_PERIODS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}


def chosen_tenant(request: HttpRequest) -> int | None:
    """Read the tenant that a list is narrowed down to; None for all."""
    value = request.GET.get(_TENANT, "")
    return int(value) if value.isdecimal() and len(value) < 19 else None


class TenantFilter(admin.SimpleListFilter):
    """Rows of one tenant."""

    title = "tenant"
    parameter_name = _TENANT

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """List the tenants."""
        tenants = Tenant.objects.order_by("name")
        access = access_of(request)
        if not access.is_operator:
            tenants = tenants.filter(pk__in=access.tenants_with(getattr(model_admin, "view_scope", None)))
        rows = tenants.values_list("pk", "name")
        return [(str(pk), name) for pk, name in rows[:_MAX_TENANTS]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the rows of the tenant."""
        tenant_id = chosen_tenant(request)
        return queryset if tenant_id is None else queryset.filter(tenant_id=tenant_id)


class ProviderFilter(admin.SimpleListFilter):
    """Rows of one provider of the catalog."""

    title = "provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """List the catalog's providers."""
        return list(LLMProvider.objects.order_by("display_name").values_list("name", "display_name"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the rows of the provider."""
        return queryset.filter(provider=self.value()) if self.value() else queryset


class CallStatusFilter(admin.SimpleListFilter):
    """Calls that ended one way."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """List the ways a call can end."""
        names = ("success", "failed", "interrupted", "cancelled", "credits_exhausted", "cached")
        return [(name, name.replace("_", " ")) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the calls with that status."""
        return queryset.filter(status=self.value()) if self.value() else queryset


class CallPeriodFilter(admin.SimpleListFilter):
    """Calls of the last hours or days, found by their time-ordered ids."""

    title = "time"
    parameter_name = "period"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """List the periods."""
        return [("1h", "last hour"), ("24h", "last 24 hours"), ("7d", "last 7 days"), ("30d", "last 30 days")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the calls since then."""
        period = _PERIODS.get(self.value() or "")
        return queryset if period is None else call_ids.since(queryset, clock.now() - period)
