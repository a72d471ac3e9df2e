"""Conversations, as a list and as transcripts that say how each answer came about. To be looked at only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from frontdesk.console import display, transcript
from frontdesk.console.access import access_of
from frontdesk.console.admin.base import ReadOnly, TenantScopedAdmin
from frontdesk.console.admin.filters import TenantFilter
from frontdesk.conversations import selectors
from frontdesk.conversations.models import Conversation, Message
from frontdesk.tenants import audit, scopes


@admin.register(Conversation)
class ConversationAdmin(ReadOnly, TenantScopedAdmin):
    """What customers wrote and what they were told."""

    view_scope = scopes.CONVERSATIONS_READ
    change_form_template = "console/conversation.html"
    empty_hint = "They appear here when customers write. Open a widget with “Try it” to be the first."
    list_display = ("contact_name", "last_message", "tenant", "channel", "shown_status", "updated_at")
    list_filter = ("status", "channel", TenantFilter)
    list_select_related = ("tenant", "contact")
    ordering = ("-updated_at", "-id")
    sortable_by = ()
    search_fields = ("contact__display_name",)
    search_help_text = "A contact’s name or a conversation’s number"
    fields = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Fetch the last message with each conversation, for the shown rows only."""
        last = Message.objects.across_tenants().filter(conversation=OuterRef("pk")).order_by("-id")
        author, text = Subquery(last.values("author")[:1]), Subquery(last.values("text")[:1])
        rows: QuerySet[Any] = super().get_queryset(request).annotate(last_author=author, last_text=text)
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find by number too."""
        term = search_term.strip().lstrip("#")
        if term.isdecimal() and len(term) < 19:
            return queryset.filter(pk=int(term)), False
        return super().get_search_results(request, queryset, search_term)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the transcript in place of a form."""
        conversation = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if isinstance(conversation, Conversation):
            # Before anything is shown: what cannot be recorded is not read.
            audit.record(conversation.tenant_id, "conversation.viewed", conversation)
            stored = selectors.transcript(conversation.tenant_id, conversation.pk)
            context |= {
                "conversation": conversation,
                "lines": transcript.lines(stored),
                "opens": _open_pages(request, conversation.tenant_id),
            }
        return super().change_view(request, object_id, form_url, context)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the list, whose lines hold the last messages: on record, too."""
        response = super().changelist_view(request, extra_context)
        listed = getattr(response, "context_data", None) or {}
        seen: dict[int, list[int]] = {}
        for conversation in listed["cl"].result_list if "cl" in listed else ():
            seen.setdefault(conversation.tenant_id, []).append(conversation.pk)
        for tenant_id, ids in seen.items():
            audit.record(tenant_id, "conversations.listed", None, {"conversations": ids})
        return response

    @admin.display(description="contact")
    def contact_name(self, conversation: Conversation) -> str:
        """Show who writes."""
        return f"#{conversation.pk} {conversation.contact.display_name or 'Visitor'}"

    @admin.display(description="last message")
    def last_message(self, conversation: Conversation) -> str:
        """Show the last message and who wrote it."""
        author = getattr(conversation, "last_author", None)
        if author is None:
            return display.NOTHING
        text = display.shortened(getattr(conversation, "last_text", "") or "", 80)
        return f"{transcript.AUTHORS.get(author, author)}: {text}"

    @admin.display(description="status", ordering="status")
    def shown_status(self, conversation: Conversation) -> SafeString:
        """Show whether it goes on."""
        is_open = conversation.status == Conversation.Status.OPEN
        return display.label("open", "good") if is_open else display.label(conversation.status, "quiet")


def _open_pages(request: HttpRequest, tenant_id: int) -> dict[str, bool]:
    """Tell which of the pages that a transcript links to the reader may open."""
    access = access_of(request)
    return {
        "tenant": access.may(scopes.SETTINGS_MANAGE, tenant_id),
        "widget": access.may(scopes.WIDGETS_MANAGE, tenant_id),
        "entry": access.may(scopes.KNOWLEDGE_READ, tenant_id),
        "calls": access.may(scopes.ANALYTICS_VIEW, tenant_id),
    }
