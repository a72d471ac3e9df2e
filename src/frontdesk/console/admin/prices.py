"""Prices of models. Imported ones are looked at; the operator's own override them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone as clock
from django.utils.safestring import SafeString

from frontdesk.console import display, inputs
from frontdesk.console.admin.base import OperatorAdmin, OperatorInline
from frontdesk.gateway import money
from frontdesk.usage.models import ModelPrice

SOURCE = "operator"
_KINDS = ("input", "output", "cache_read", "cache_write")
_HIGHEST_USD = 100_000


def _usd_field(label: str) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        min_value=Decimal(0),
        max_value=Decimal(_HIGHEST_USD),
        decimal_places=9,
        max_digits=15,
        validators=[MinValueValidator(Decimal(0))],
        widget=inputs.Number(attrs={"step": "any"}),
    )


class PriceForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """An override, in USD per million tokens; it is stored in nano-USD."""

    input = _usd_field("Input")
    output = _usd_field("Output")
    cache_read = _usd_field("Cache read")
    cache_write = _usd_field("Cache write")

    class Meta:
        model = ModelPrice
        fields = ("model", "valid_from", "valid_until")
        labels = {"valid_from": "From", "valid_until": "Until"}
        help_texts = {"valid_until": "Empty: until you end it."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind in ("cache_read", "cache_write"):
            self.fields[kind].required = False
            self.fields[kind].help_text = "Empty: as input."
        if self.instance.pk is not None:
            for kind in _KINDS:
                amount = money.to_usd(getattr(self.instance, f"{kind}_nano_usd_per_mtok"))
                self.initial[kind] = f"{amount.normalize():f}"

    def clean(self) -> dict[str, Any] | None:
        """Refuse an end before the beginning, and a second override from the same moment."""
        cleaned = super().clean() or {}
        begins, ends = cleaned.get("valid_from"), cleaned.get("valid_until")
        if begins and ends and ends <= begins:
            self.add_error("valid_until", ValidationError("It must end after it begins."))
        model = cleaned.get("model") or getattr(self.instance, "model_id", None)
        if model and begins:
            others = ModelPrice.objects.filter(model=model, is_override=True).exclude(pk=self.instance.pk)
            if others.filter(valid_from=begins).exists():
                message = "There is an override from this moment already: edit that one."
                self.add_error("valid_from", ValidationError(message))
        return cleaned

    def save(self, commit: bool = True) -> Any:
        """Store the amounts as integers, marked as an override."""
        amounts = {kind: self.cleaned_data.get(kind) for kind in _KINDS}
        for kind in _KINDS:
            amount = amounts["input"] if amounts[kind] is None else amounts[kind]
            setattr(self.instance, f"{kind}_nano_usd_per_mtok", money.from_usd(Decimal(amount or 0)))
        self.instance.is_override = True
        self.instance.source = SOURCE
        return super().save(commit)


class _Amounts:
    """Columns of a price list, in USD per million tokens."""

    @admin.display(description="input", ordering="input_nano_usd_per_mtok")
    def input_usd(self, price: ModelPrice) -> str:
        """Show the price of fresh input."""
        return display.usd(price.input_nano_usd_per_mtok)

    @admin.display(description="output", ordering="output_nano_usd_per_mtok")
    def output_usd(self, price: ModelPrice) -> str:
        """Show the price of output."""
        return display.usd(price.output_nano_usd_per_mtok)

    @admin.display(description="cache read")
    def cache_read_usd(self, price: ModelPrice) -> str:
        """Show the price of cached input."""
        return display.usd(price.cache_read_nano_usd_per_mtok)

    @admin.display(description="cache write")
    def cache_write_usd(self, price: ModelPrice) -> str:
        """Show the price of writing to the cache."""
        return display.usd(price.cache_write_nano_usd_per_mtok)


class OverridePrices(OperatorInline):
    """The operator's own prices of a model."""

    model = ModelPrice
    form = PriceForm
    fields = ("input", "output", "cache_read", "cache_write", "valid_from", "valid_until")
    verbose_name = "price of your own"
    verbose_name_plural = "Prices of your own: they override imported ones (USD per million tokens)"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave out imported prices."""
        return super().get_queryset(request).filter(is_override=True).order_by("-valid_from")


class ImportedPrices(_Amounts, OperatorInline):
    """The imported prices of a model, with where they come from."""

    model = ModelPrice
    fields = ("input_usd", "output_usd", "cache_read_usd", "cache_write_usd", "valid_from", "valid_until", "source")
    readonly_fields = fields
    verbose_name_plural = "Imported prices (USD per million tokens)"
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave out overrides."""
        return super().get_queryset(request).filter(is_override=False).order_by("-valid_from")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Only the import adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes what was imported."""
        return False


@admin.register(ModelPrice)
class PriceAdmin(_Amounts, OperatorAdmin):
    """All prices. Adding one here makes an override."""

    form = PriceForm
    list_display = (
        "model",
        "provider",
        "input_usd",
        "output_usd",
        "cache_read_usd",
        "cache_write_usd",
        "kind",
        "valid_from",
        "valid_until",
    )
    list_filter = ("is_override", "model__provider")
    list_select_related = ("model__provider",)
    search_fields = ("model__name", "source")
    autocomplete_fields = ("model",)
    ordering = ("model__provider__name", "model__name", "-is_override", "-valid_from")
    actions = None

    def get_fieldsets(self, request: HttpRequest, obj: ModelPrice | None = None) -> Any:
        """Ask for an override; show what an import brought."""
        if obj is not None and not obj.is_override:
            amounts = ("input_usd", "output_usd", "cache_read_usd", "cache_write_usd")
            return ((None, {"fields": ("model", *amounts, "source", "valid_from", "valid_until")}),)
        return (
            (None, {"fields": ("model",)}),
            ("USD per million tokens", {"fields": ("input", "output", "cache_read", "cache_write")}),
            ("When it holds", {"fields": ("valid_from", "valid_until")}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: ModelPrice | None = None) -> Any:
        """Imported prices cannot be edited: override them."""
        if obj is not None and not obj.is_override:
            return ("model", "input_usd", "output_usd", "cache_read_usd", "cache_write_usd", "source")
        return ("model",) if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Change overrides only."""
        return super().has_change_permission(request, obj) and (obj is None or obj.is_override)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Delete overrides only."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.is_override)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Start a new override now."""
        return {"valid_from": clock.now().replace(microsecond=0), **super().get_changeform_initial_data(request)}

    @admin.display(description="provider", ordering="model__provider__display_name")
    def provider(self, price: ModelPrice) -> str:
        """Show whose model it is."""
        return price.model.provider.display_name

    @admin.display(description="source", ordering="is_override")
    def kind(self, price: ModelPrice) -> SafeString:
        """Show where the price comes from."""
        return display.label("your own", "info") if price.is_override else display.label(price.source, "quiet")
