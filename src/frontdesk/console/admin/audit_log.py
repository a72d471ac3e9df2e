"""The audit log: who changed what, and who read which conversation. To be looked at only."""

from __future__ import annotations

import json

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from frontdesk.console import display
from frontdesk.console.admin.base import ReadOnly, TenantScopedAdmin
from frontdesk.console.admin.filters import TenantFilter
from frontdesk.tenants import scopes
from frontdesk.tenants.models import AuditEvent


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly, TenantScopedAdmin):
    """Events, newest first."""

    view_scope = scopes.AUDIT_VIEW
    empty_hint = "Every change and every reading of a conversation is listed here as soon as it happens."
    list_display = ("at", "actor_name", "action", "object_name", "tenant_id", "summary")
    list_filter = (TenantFilter,)
    sortable_by = ()
    ordering = ("-id",)
    search_fields = ("action", "actor_name", "object_type", "object_id", "request_id")
    search_help_text = "An action, a person, or the type, number or request of what was done"
    fieldsets = (
        ("What", {"fields": (("at", "action"), ("object_type", "object_id"), "object_name", "shown_changes")}),
        ("Who", {"fields": (("actor_kind", "actor_id"), ("actor_name", "ip"), ("request_id", "tenant_id"))}),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent], search_term: str
    ) -> tuple[QuerySet[AuditEvent], bool]:
        """Search as usual."""
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description="changes")
    def summary(self, event: AuditEvent) -> str:
        """Show the beginning of the changes."""
        return display.shortened(_written(event.changes), 80) if event.changes else display.NOTHING

    @admin.display(description="changes")
    def shown_changes(self, event: AuditEvent) -> SafeString | str:
        """Show the changes whole."""
        return display.code(_written(event.changes)) if event.changes else display.NOTHING


def _written(changes: object) -> str:
    return json.dumps(changes, ensure_ascii=False, default=str)
