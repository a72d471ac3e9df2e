"""Knowledge entries: what a tenant's customers ask, and the answers. A change is searched from the next message on."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from frontdesk.channels.models import Widget
from frontdesk.console import display, inputs
from frontdesk.console.access import Access
from frontdesk.console.admin.base import TenantScopedAdmin
from frontdesk.console.admin.filters import TenantFilter
from frontdesk.knowledge.models import KnowledgeEntry
from frontdesk.knowledge.plain_text import plain
from frontdesk.tenants import scopes

_MAX_WIDGETS = 500


class KnowledgeForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A question and its answer."""

    access: Access
    change_scope: str | None
    tags = inputs.Words(required=False, help_text="Separated by commas.")
    widget_id = forms.TypedChoiceField(
        required=False,
        coerce=int,
        empty_value=None,
        label="Only for the widget",
        widget=inputs.Select(),
        help_text="Usually all of the tenant’s widgets.",
    )

    class Meta:
        model = KnowledgeEntry
        fields = ("tenant", "question", "answer", "tags", "locale", "widget_id", "is_enabled")
        labels = {"is_enabled": "In use", "locale": "Language"}
        help_texts = {
            "question": "As customers ask it.",
            "answer": "Sent as it stands when no model answers, and given to the model as a fact otherwise.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        widgets = Widget.objects.across_tenants().select_related("tenant").order_by("tenant", "id")
        if self.instance.pk is not None:
            widgets = widgets.filter(tenant_id=self.instance.tenant_id)
        elif not self.access.is_operator:
            widgets = widgets.filter(tenant_id__in=self.access.tenants_with(self.change_scope))
        named = [(widget.pk, f"{widget.name} ({widget.tenant})") for widget in widgets[:_MAX_WIDGETS]]
        inputs.offer(self.fields["widget_id"], [("", "All widgets"), *named])

    def clean_question(self) -> str:
        """Bring the question to one plain line."""
        return " ".join(plain(self.cleaned_data["question"]).split())

    def clean_answer(self) -> str:
        """Take out what is not text."""
        return plain(self.cleaned_data["answer"])

    def clean(self) -> dict[str, Any] | None:
        """Refuse a widget of another tenant."""
        cleaned = super().clean() or {}
        tenant = cleaned.get("tenant") or (self.instance.tenant if self.instance.pk else None)
        widget_id = cleaned.get("widget_id")
        if tenant and widget_id and not Widget.objects.for_tenant(tenant).filter(pk=widget_id).exists():
            self.add_error("widget_id", ValidationError(f"This widget does not belong to {tenant}."))
        return cleaned


@admin.register(KnowledgeEntry)
class KnowledgeAdmin(TenantScopedAdmin):
    """What the tenants know."""

    view_scope = scopes.KNOWLEDGE_READ
    change_scope = scopes.KNOWLEDGE_EDIT
    form = KnowledgeForm
    empty_hint = "Write down what customers ask most, with the answers: that alone answers them, without any model."
    list_display = ("question", "short_answer", "tenant", "tag_list", "locale", "state", "updated_at")
    list_filter = (TenantFilter, "is_enabled", "locale")
    list_select_related = ("tenant",)
    search_fields = ("question", "answer")
    ordering = ("-updated_at", "-id")
    autocomplete_fields = ("tenant",)
    actions = ("turn_on", "turn_off")
    fieldsets = (
        (None, {"fields": ("tenant", "question", "answer")}),
        ("Where it counts", {"fields": ("is_enabled", "widget_id", "locale", "tags")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: KnowledgeEntry | None = None) -> Any:
        """An entry stays with its tenant, whose version moves with it."""
        return ("tenant",) if obj else ()

    @admin.action(description="Put the chosen entries in use", permissions=["change"])
    def turn_on(self, request: HttpRequest, queryset: QuerySet[KnowledgeEntry]) -> None:
        """Let the entries answer."""
        self.message_user(request, f"{self._switch(request, queryset, True)} in use.", messages.SUCCESS)

    @admin.action(description="Take the chosen entries out of use", permissions=["change"])
    def turn_off(self, request: HttpRequest, queryset: QuerySet[KnowledgeEntry]) -> None:
        """Keep the entries from answering."""
        self.message_user(request, f"{self._switch(request, queryset, False)} out of use.", messages.SUCCESS)

    def _switch(self, request: HttpRequest, chosen: QuerySet[KnowledgeEntry], is_enabled: bool) -> int:
        for entry in chosen.exclude(is_enabled=is_enabled):
            self.record(request, "knowledgeentry.changed", entry, {"is_enabled": [not is_enabled, is_enabled]})
        return chosen.update(is_enabled=is_enabled)

    @admin.display(description="answer")
    def short_answer(self, entry: KnowledgeEntry) -> str:
        """Show the beginning of the answer."""
        return display.shortened(entry.answer, 70)

    @admin.display(description="tags")
    def tag_list(self, entry: KnowledgeEntry) -> str:
        """Show the tags."""
        return ", ".join(entry.tags) or display.NOTHING

    @admin.display(description="state", ordering="is_enabled")
    def state(self, entry: KnowledgeEntry) -> SafeString:
        """Show whether it answers."""
        return display.label("in use", "good") if entry.is_enabled else display.label("off", "quiet")
