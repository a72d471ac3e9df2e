"""Chat widgets, with the script tag to copy and a page to try them on."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from frontdesk.channels.models import Widget
from frontdesk.console import display, inputs
from frontdesk.console.admin.base import TenantScopedAdmin
from frontdesk.console.admin.filters import TenantFilter
from frontdesk.tenants import scopes
from frontdesk.usage.models import LLMProvider

_AUTO = "auto"


class WidgetForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A widget's looks, where it may stand, and who answers in it."""

    allowed_origins = inputs.Lines(
        required=False,
        label="Websites it may stand on",
        help_text="One on each line, such as https://shop.example. Empty: any website.",
    )
    llm_provider = forms.ChoiceField(widget=inputs.Select(), label="Provider")
    accent_color = forms.CharField(widget=inputs.Color(), label="Colour")

    class Meta:
        model = Widget
        fields = (
            "tenant",
            "name",
            "is_enabled",
            "title",
            "subtitle",
            "greeting",
            "placeholder",
            "accent_color",
            "position",
            "locale",
            "allowed_origins",
            "llm_enabled",
            "llm_provider",
            "llm_model",
            "llm_temperature",
            "llm_max_tokens",
            "fallback_to_knowledge_base",
            "business_info",
        )
        widgets = {"llm_model": inputs.ModelName()}
        labels = {
            "is_enabled": "In use",
            "llm_enabled": "Models may answer",
            "llm_model": "Model",
            "llm_temperature": "Temperature",
            "llm_max_tokens": "Longest reply, in tokens",
            "fallback_to_knowledge_base": "Knowledge entries may answer",
            "business_info": "Facts about the business, here",
            "locale": "Language",
        }
        help_texts = {
            "name": "For you; customers see the title.",
            "llm_model": "Empty leaves the choice to the provider, or to the tenant’s settings.",
            "business_info": "Empty: as in the tenant’s settings.",
            "locale": "Such as en or de-AT.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = list(
            LLMProvider.objects.filter(is_enabled=True).order_by("display_name").values_list("name", "display_name")
        )
        chosen = self.instance.llm_provider
        unlisted = [(chosen, chosen)] if chosen not in {_AUTO, *(name for name, _ in names)} else []
        inputs.offer(self.fields["llm_provider"], [(_AUTO, "Automatic"), *names, *unlisted])


@admin.register(Widget)
class WidgetAdmin(TenantScopedAdmin):
    """Chat widgets on websites."""

    view_scope = scopes.WIDGETS_MANAGE
    change_scope = scopes.WIDGETS_MANAGE
    form = WidgetForm
    change_form_outer_before_template = "console/widget_script_tag.html"
    empty_hint = "A widget is a chat on a website. Adding one gives you the line of HTML to paste."
    list_display = ("name", "tenant", "title", "shown_key", "websites", "state", "preview_link")
    list_filter = (TenantFilter, "is_enabled")
    list_select_related = ("tenant",)
    search_fields = ("name", "title", "key")
    ordering = ("tenant", "id")
    autocomplete_fields = ("tenant",)
    radio_fields = {"position": admin.HORIZONTAL}

    def get_fieldsets(self, request: HttpRequest, obj: Widget | None = None) -> Any:
        """Group by what they are about."""
        looks = ("title", "subtitle", "greeting", "placeholder", "accent_color", "position", "locale")
        answers = ("llm_enabled", "llm_provider", "llm_model", "llm_temperature", "llm_max_tokens")
        return (
            (None, {"fields": ("tenant", "name", "is_enabled", "allowed_origins")}),
            ("Looks", {"fields": looks, "classes": ("tab",)}),
            ("Answers", {"fields": (*answers, "fallback_to_knowledge_base", "business_info"), "classes": ("tab",)}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Widget | None = None) -> Any:
        """A widget stays with its tenant."""
        return ("tenant",) if obj else ()

    def get_urls(self) -> list[URLPattern]:
        """Add the page on which a widget can be tried."""
        preview = path(
            "<int:widget_id>/preview/", self.admin_site.admin_view(self.preview), name="channels_widget_preview"
        )
        return [preview, *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the script tag above the form."""
        context["origin"] = f"{request.scheme}://{request.get_host()}"
        return super().render_change_form(request, context, *args, **kwargs)

    def preview(self, request: HttpRequest, widget_id: int) -> HttpResponse:
        """Show an empty page with the widget on it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        widget: Model | None = self.get_object(request, str(widget_id))
        if widget is None:
            raise Http404("no such widget")
        origin = f"{request.scheme}://{request.get_host()}"
        return render(request, "console/widget_preview.html", {"widget": widget, "origin": origin})

    @admin.display(description="key", ordering="key")
    def shown_key(self, widget: Widget) -> SafeString:
        """Show the public key."""
        return display.code(widget.key)

    @admin.display(description="websites")
    def websites(self, widget: Widget) -> str:
        """Show where it may stand."""
        return display.shortened(", ".join(widget.allowed_origins), 60) or "any"

    @admin.display(description="state", ordering="is_enabled")
    def state(self, widget: Widget) -> SafeString:
        """Show whether it answers."""
        return display.label("in use", "good") if widget.is_enabled else display.label("off", "quiet")

    @admin.display(description="")
    def preview_link(self, widget: Widget) -> SafeString:
        """Link to the page on which it can be tried."""
        return display.link(reverse("admin:channels_widget_preview", args=[widget.pk]), "Try it")
