"""The catalog: providers, models, and other names of models."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from frontdesk.console import display, inputs, selectors
from frontdesk.console.admin.base import OperatorAdmin
from frontdesk.console.admin.prices import ImportedPrices, OverridePrices
from frontdesk.gateway.providers import catalog
from frontdesk.usage.models import LLMModel, LLMProvider, ModelAlias


class ProviderForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A provider; its wire format is one that Frontdesk speaks."""

    wire = forms.ChoiceField(
        widget=inputs.Select(), label="Wire format", help_text="Most providers also speak OpenAI’s format."
    )
    quirks = inputs.Words(
        required=False, help_text="How it differs from its wire format, separated by commas. Usually empty."
    )

    class Meta:
        model = LLMProvider
        fields = ("name", "display_name", "wire", "base_url", "default_model", "quirks", "is_enabled")
        labels = {"display_name": "Shown as", "base_url": "Address", "is_enabled": "In use"}
        help_texts = {
            "name": "Stands before the slash in a model’s full name, for example openai/gpt-4o.",
            "base_url": "Where its API is, for example https://api.openai.com/v1.",
            "default_model": "Its model for calls that leave the choice, without the provider’s name.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = {*catalog.IMPLEMENTED_WIRES, *([self.instance.wire] if self.instance.wire else [])}
        inputs.offer(self.fields["wire"], [(name, name) for name in sorted(known)])


@admin.register(LLMProvider)
class ProviderAdmin(OperatorAdmin):
    """Providers of models. A provider that is only an address and a wire format needs no code."""

    form = ProviderForm
    empty_hint = "The catalog is imported when Frontdesk is set up; you can add a provider of your own."
    list_display = ("display_name", "name", "wire_format", "address", "default_model", "model_link", "state")
    list_filter = ("is_enabled",)
    search_fields = ("name", "display_name")
    ordering = ("display_name",)
    fieldsets = (
        (None, {"fields": ("display_name", "name", "is_enabled")}),
        ("How to reach it", {"fields": ("wire", "base_url", "quirks")}),
        ("Choice", {"fields": ("default_model",)}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: LLMProvider | None = None) -> Any:
        """Keep the name that keys, aliases and the ledger refer to."""
        return ("name",) if obj else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Count the models that can be called."""
        enabled = Count("models", filter=Q(models__is_enabled=True))
        rows: QuerySet[Any] = super().get_queryset(request).annotate(enabled=enabled)
        return rows

    @admin.display(description="wire format", ordering="wire")
    def wire_format(self, provider: LLMProvider) -> str:
        """Show the wire format."""
        return provider.wire

    @admin.display(description="address")
    def address(self, provider: LLMProvider) -> str:
        """Show where its API is."""
        return provider.base_url or display.NOTHING

    @admin.display(description="models")
    def model_link(self, provider: LLMProvider) -> SafeString:
        """Link to the provider's models."""
        address = f"{reverse('admin:usage_llmmodel_changelist')}?provider__id__exact={provider.pk}"
        return display.link(address, display.count(provider.enabled))  # type: ignore[attr-defined]  # annotated

    @admin.display(description="state", ordering="is_enabled")
    def state(self, provider: LLMProvider) -> SafeString:
        """Show whether it can be called."""
        if provider.is_enabled and provider.wire not in catalog.IMPLEMENTED_WIRES:
            return display.label("not yet supported", "warn")
        return display.label("on", "good") if provider.is_enabled else display.label("off", "quiet")


class ModelForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A model of a provider."""

    capabilities = inputs.Words(required=False, help_text="For example tools, vision, json; separated by commas.")

    class Meta:
        model = LLMModel
        fields = (
            "provider",
            "name",
            "is_enabled",
            "context_window",
            "max_output_tokens",
            "quality_rank",
            "capabilities",
        )
        labels = {
            "is_enabled": "In use",
            "context_window": "Context window, in tokens",
            "max_output_tokens": "Longest output, in tokens",
        }
        help_texts = {"quality_rank": "1 is the best; high priority moves up, saving moves down."}


@admin.register(LLMModel)
class ModelAdmin(OperatorAdmin):
    """Models with what they cost now."""

    form = ModelForm
    inlines = (OverridePrices, ImportedPrices)
    list_display = ("name", "provider", "price_now", "window", "quality_rank", "state")
    list_filter = ("provider", "is_enabled")
    list_select_related = ("provider",)
    search_fields = ("name", "provider__name")
    ordering = ("quality_rank", "provider__name", "name")
    fieldsets = (
        (None, {"fields": ("provider", "name", "is_enabled")}),
        ("What it can do", {"fields": ("context_window", "max_output_tokens", "capabilities", "quality_rank")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: LLMModel | None = None) -> Any:
        """Keep the name that the ledger refers to."""
        return ("provider", "name") if obj else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Fetch the prices of the shown models in one query."""
        return super().get_queryset(request).prefetch_related("prices")

    @admin.display(description="USD per million tokens, in / out")
    def price_now(self, model: LLMModel) -> str:
        """Show the price in force; an override is marked."""
        row = selectors.price_in_force(model.prices.all())
        if row is None:
            return "no price"
        shown = f"{display.usd(row.input_nano_usd_per_mtok)} / {display.usd(row.output_nano_usd_per_mtok)}"
        return f"{shown} (override)" if row.is_override else shown

    @admin.display(description="context window", ordering="context_window")
    def window(self, model: LLMModel) -> str:
        """Show the context window in tokens."""
        return display.count(model.context_window)

    @admin.display(description="state", ordering="is_enabled")
    def state(self, model: LLMModel) -> SafeString:
        """Show whether it can be called."""
        return display.label("on", "good") if model.is_enabled else display.label("off", "quiet")


class AliasForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Another name, and the model that it stands for."""

    class Meta:
        model = ModelAlias
        fields = ("name", "target", "reason")
        widgets = {"target": inputs.ModelName()}
        labels = {"name": "Name that callers use", "target": "Model that answers"}

    def clean_target(self) -> str:
        """Ask for a full name with a provider that exists."""
        target = str(self.cleaned_data["target"]).strip()
        provider, slash, model = target.partition("/")
        if not slash or not model or not LLMProvider.objects.filter(name=provider).exists():
            raise ValidationError("Give the full name, provider/model, with a provider of the catalog.")
        return target


@admin.register(ModelAlias)
class AliasAdmin(OperatorAdmin):
    """Other names of models, such as those of retired ones."""

    form = AliasForm
    list_display = ("name", "target", "reason")
    search_fields = ("name", "target", "reason")
    ordering = ("name",)
