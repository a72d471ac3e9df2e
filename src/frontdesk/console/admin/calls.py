"""The ledger of calls, and the records that could not become calls. To be looked at only."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from frontdesk.console import call_ids, display
from frontdesk.console.admin.base import OperatorAdmin, ReadOnly, TenantScopedAdmin
from frontdesk.console.admin.filters import (
    CallPeriodFilter,
    CallStatusFilter,
    ProviderFilter,
    TenantFilter,
    chosen_tenant,
)
from frontdesk.tenants import scopes
from frontdesk.tenants.models import Tenant
from frontdesk.usage.models import ProviderUsage, QuarantinedRecord

_TONES: dict[str, display.Tone] = {
    "success": "good",
    "failed": "bad",
    "interrupted": "warn",
    "credits_exhausted": "warn",
    "cached": "info",
}


MAX_FILTERED = 100_000
"""How many of the newest calls the filters by status and provider look through: they have no index."""
_UNINDEXED = frozenset({CallStatusFilter.parameter_name, ProviderFilter.parameter_name})


def _tenant_name() -> Subquery:
    return Subquery(Tenant.objects.filter(pk=OuterRef("tenant_id")).values("name")[:1])


@admin.register(ProviderUsage)
class CallAdmin(ReadOnly, TenantScopedAdmin):
    """Attempts to call a model, newest first: by id, which is ordered by time and indexed for all tenants together."""

    view_scope = scopes.ANALYTICS_VIEW
    list_display = (
        "created_at",
        "tenant_name",
        "full_model",
        "operation",
        "shown_status",
        "tokens",
        "cost",
        "latency",
    )
    list_filter = (CallPeriodFilter, CallStatusFilter, ProviderFilter, TenantFilter)
    sortable_by = ()
    list_before_template = "console/calls_note.html"
    search_fields = ("request_id",)
    search_help_text = "A request id (the reply’s x-request-id) or a call id"
    empty_hint = "Calls appear here as soon as a model is asked, through /v1 or for a customer’s message."
    fieldsets = (
        (
            "What happened",
            {"fields": (("created_at", "shown_status"), ("latency", "first_token"), "shown_finish", "failure")},
        ),
        (
            "Who answered",
            {"fields": (("provider", "model"), ("served_model", "credential_id"), ("is_streamed", "position"))},
        ),
        (
            "Tokens",
            {"fields": (("uncached_input", "output"), ("cache_read", "reasoning"), ("cache_write", "counted_by"))},
        ),
        ("Money", {"fields": (("cost", "price_source"),)}),
        ("What was asked", {"fields": ("operation", ("max_tokens", "temperature"))}),
        (
            "For whom",
            {
                "fields": (
                    ("tenant_name", "conversation"),
                    ("api_key_id", "widget_id"),
                    ("turn_id", "user_id"),
                    "subject",
                )
            },
        ),
        ("Ids", {"fields": ("call_id", "shown_request_id", "client_request_id")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Name the tenants, for the shown rows only; bound what filters without an index look through."""
        rows = super().get_queryset(request)
        if not _UNINDEXED.isdisjoint(request.GET):
            rows = call_ids.newest(rows, chosen_tenant(request), MAX_FILTERED)
        annotated: QuerySet[Any] = rows.annotate(tenant_name=_tenant_name())
        return annotated

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Sort as the index in use does: one tenant's calls by time, those of all by id."""
        return ("-created_at", "-call_id") if chosen_tenant(request) else ("-call_id",)

    @property
    def filtered(self) -> str:
        """How many calls the filters without an index look through, for the note above the list."""
        return display.count(MAX_FILTERED)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find by whole ids only: these are indexed."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = queryset.filter(request_id=term[:64])
        try:
            return found | queryset.filter(call_id=uuid.UUID(term)), False
        except ValueError:
            return found, False

    @admin.display(description="tenant")
    def tenant_name(self, call: ProviderUsage) -> str:
        """Show the tenant; the ledger outlives it."""
        return getattr(call, "tenant_name", None) or f"tenant {call.tenant_id} (deleted)"

    @admin.display(description="provider / model")
    def full_model(self, call: ProviderUsage) -> SafeString:
        """Show what was called."""
        return display.code(f"{call.provider}/{call.model}" if call.provider else call.model)

    @admin.display(description="status")
    def shown_status(self, call: ProviderUsage) -> SafeString:
        """Show how the call ended, in a colour."""
        return display.label(call.status.replace("_", " "), _TONES.get(call.status, "quiet"))

    @admin.display(description="tokens in / out")
    def tokens(self, call: ProviderUsage) -> str:
        """Show the tokens; a tilde marks an estimate."""
        mark = "~" if call.usage_source == "estimated" else ""
        return f"{mark}{call.input_tokens:,} / {mark}{call.output_tokens:,}"

    @admin.display(description="cost")
    def cost(self, call: ProviderUsage) -> str:
        """Show the cost in USD."""
        return display.usd(call.cost_nano_usd)

    @admin.display(description="latency")
    def latency(self, call: ProviderUsage) -> str:
        """Show how long the whole answer took."""
        return display.milliseconds(call.latency_ms)

    @admin.display(description="first token after")
    def first_token(self, call: ProviderUsage) -> str:
        """Show when the answer began."""
        return display.milliseconds(call.first_token_ms)

    @admin.display(description="why it failed")
    def failure(self, call: ProviderUsage) -> str:
        """Show the error in one line."""
        status = f"HTTP {call.upstream_status}" if call.upstream_status else ""
        parts = (call.error_class, call.error_code, status, call.error_message)
        return " · ".join(part for part in parts if part) or display.NOTHING

    @admin.display(description="finish reason")
    def shown_finish(self, call: ProviderUsage) -> str:
        """Show why the model stopped, and the provider's own word where it differs."""
        if call.native_finish and call.native_finish != call.finish:
            return f"{call.finish or display.NOTHING} ({call.native_finish})"
        return call.finish or display.NOTHING

    @admin.display(description="counted by")
    def counted_by(self, call: ProviderUsage) -> str:
        """Show where the token counts come from."""
        return "estimate" if call.usage_source == "estimated" else "the provider"

    @admin.display(description="linked object")
    def subject(self, call: ProviderUsage) -> str:
        """Show the caller's own object."""
        return f"{call.subject_type} {call.subject_id}".strip() or display.NOTHING

    @admin.display(description="conversation")
    def conversation(self, call: ProviderUsage) -> SafeString | str:
        """Link to the conversation."""
        if call.conversation_id is None:
            return display.NOTHING
        address = reverse("admin:conversations_conversation_change", args=[call.conversation_id])
        return display.link(address, f"conversation {call.conversation_id}")

    @admin.display(description="request id")
    def shown_request_id(self, call: ProviderUsage) -> SafeString:
        """Show the request, with a link to all its attempts."""
        address = f"{reverse('admin:usage_providerusage_changelist')}?q={call.request_id}"
        return format_html("{} {}", display.code(call.request_id), display.link(address, "all attempts"))


@admin.register(QuarantinedRecord)
class QuarantinedRecordAdmin(ReadOnly, OperatorAdmin):
    """Journal records that could not become rows."""

    empty_hint = "That is good: every record of the journal has become a call."
    list_display = ("created_at", "source", "short_reason", "size")
    ordering = ("-id",)
    search_fields = ("source",)
    fields = ("created_at", "source", "reason", "size")

    @admin.display(description="reason")
    def short_reason(self, record: QuarantinedRecord) -> str:
        """Show the beginning of the reason."""
        return display.shortened(record.reason)

    @admin.display(description="size")
    def size(self, record: QuarantinedRecord) -> str:
        """Show how many bytes were kept."""
        return f"{len(record.payload):,} bytes"
