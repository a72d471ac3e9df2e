"""Tenants and their settings, on one page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from frontdesk.console import display, inputs, settings_form
from frontdesk.console.access import access_of
from frontdesk.console.admin.base import TenantScopedAdmin, is_operator
from frontdesk.tenants import scopes, services, setting
from frontdesk.tenants.models import Tenant

_RELATED = (
    ("Conversations", "conversations_conversation"),
    ("Knowledge", "knowledge_knowledgeentry"),
    ("Widgets", "channels_widget"),
    ("API keys", "tenants_apikey"),
    ("Provider keys", "tenants_providercredential"),
    ("Calls", "usage_providerusage"),
)

_ZONE_OF_MEMBERS = "Its days, such as those of limits, begin at midnight there. The operator can change it."

_SettingsFields: Any = type("_SettingsFields", (forms.Form,), settings_form.fields())


class TenantForm(forms.ModelForm, _SettingsFields):  # type: ignore[type-arg, misc]  # fields come from the schema
    """A tenant and its settings, each as a field of its type."""

    class Meta:
        model = Tenant
        fields = ("name", "slug", "timezone", "is_active")
        widgets = {"timezone": inputs.TimeZone()}
        labels = {"is_active": "Active", "timezone": "Time zone"}
        help_texts = {
            "slug": "The tenant’s short name for commands. Better left as it is once in use.",
            "timezone": "Its days, such as those of limits, begin at midnight there. For example Europe/Berlin.",
            "is_active": "Turned off, its keys and widgets let nothing in; everything is kept.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = {} if self.instance.pk is None else self.instance.settings.chosen
        for name in settings_form.NAMES:
            default = setting.SettingsSchema.model_fields[name].default
            self.initial.setdefault(name, chosen.get(name, default))

    def clean_is_active(self) -> bool:
        """Keep the operator's own tenant alive: calls that belong to nobody run as it."""
        is_active = bool(self.cleaned_data["is_active"])
        if not is_active and self.instance.is_operator:
            raise ValidationError("The operator’s own tenant cannot be deactivated.")
        return is_active

    def clean(self) -> dict[str, Any] | None:
        """Check the settings against their schema."""
        cleaned = super().clean()
        settings_form.check(self)
        return cleaned


@admin.register(Tenant)
class TenantAdmin(TenantScopedAdmin):
    """Tenants are deactivated, not deleted: their ledger and conversations stay readable."""

    view_scope = scopes.SETTINGS_MANAGE
    change_scope = scopes.SETTINGS_MANAGE
    tenant_lookup = "id"
    fields_recorded_by_services = frozenset(settings_form.NAMES)
    form = TenantForm
    list_display = ("name", "slug", "business_name", "timezone", "state", "created_at")
    list_filter = ("is_active",)
    list_select_related = ("settings",)
    search_fields = ("name", "slug")
    ordering = ("name",)
    prepopulated_fields = {"slug": ("name",)}
    readonly_fields = ("related",)

    def get_fieldsets(self, request: HttpRequest, obj: Tenant | None = None) -> Any:
        """Show the tenant first, then its settings in tabs."""
        names = ("name", "slug", "timezone", "is_active")
        tabs = [(title, {"fields": fields, "classes": ("tab",)}) for title, fields in settings_form.sections()]
        return [(None, {"fields": (*names, "related") if obj else names}), *tabs]

    def get_prepopulated_fields(self, request: HttpRequest, obj: Tenant | None = None) -> dict[str, Any]:
        """Suggest a slug for a new tenant only: it is in use afterwards."""
        return {} if obj else dict(self.prepopulated_fields)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Give the tenants at which the person may change the settings."""
        rows: QuerySet[Any] = Tenant.objects.all()
        if not is_operator(request):
            rows = rows.filter(pk__in=access_of(request).tenants_with(self.view_scope))
        return rows.order_by(*self.get_ordering(request))

    def get_readonly_fields(self, request: HttpRequest, obj: Tenant | None = None) -> Any:
        """Leave to the operator the name for commands, when the tenant's days begin, and whether it is served."""
        # A new zone can begin a new day, and with it the day's limits.
        return ("related",) if is_operator(request) else ("related", "slug", "timezone", "is_active")

    def get_form(self, request: HttpRequest, obj: Tenant | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Tell members whom to ask for another time zone."""
        if not is_operator(request):
            kwargs["help_texts"] = {**TenantForm.Meta.help_texts, "timezone": _ZONE_OF_MEMBERS}
        return super().get_form(request, obj, change, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only the operator makes tenants."""
        return is_operator(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes a tenant here."""
        return False

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        """Store the tenant, then its settings."""
        super().save_model(request, obj, form, change)
        services.update_settings(obj, settings_form.choices_made(form))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Offer only active tenants where another page asks for one."""
        rows, may_repeat = super().get_search_results(request, queryset, search_term)
        return (rows.filter(is_active=True) if "autocomplete" in request.path else rows), may_repeat

    @admin.display(description="customers know it as")
    def business_name(self, tenant: Tenant) -> str:
        """Show the name that customers know."""
        return str(tenant.settings.chosen.get("business_name") or display.NOTHING)

    @admin.display(description="state", ordering="is_active")
    def state(self, tenant: Tenant) -> SafeString:
        """Show whether it is served, and whether it is the operator's own."""
        if tenant.is_operator:
            return display.label("operator", "info")
        return display.label("active", "good") if tenant.is_active else display.label("inactive", "quiet")

    @admin.display(description="Belongs to it")
    def related(self, tenant: Tenant) -> SafeString:
        """Link to what the tenant has."""
        links = ((f"{reverse(f'admin:{model}_changelist')}?tenant={tenant.pk}", title) for title, model in _RELATED)
        return format_html_join(" · ", '<a class="fd-link" href="{}">{}</a>', links)
