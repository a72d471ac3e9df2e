"""Prices of models. Imported ones are looked at; the operator's own override them."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone as clock
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from frontdesk.console import display, inputs
from frontdesk.console.admin.base import OperatorAdmin, OperatorInline
from frontdesk.gateway import money
from frontdesk.usage import selectors
from frontdesk.usage.models import ModelPrice
from frontdesk.usage.price_list import BEGINNING
from frontdesk.usage.prices import overrides, rates
from frontdesk.usage.prices.rates import Rate

_FREE = Rate(0, 0, 0, 0, 0)


def _usd_field(label: str) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        min_value=Decimal(0),
        max_value=Decimal(overrides.HIGHEST_USD),
        decimal_places=9,
        max_digits=15,
        validators=[MinValueValidator(Decimal(0))],
        widget=inputs.Number(attrs={"step": "any"}),
    )


def _moment(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%d}" if at.time() == time() else f"{at:%Y-%m-%d %H:%M}"


class PriceForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """An override, in USD per million tokens; it is stored in nano-USD."""

    input = _usd_field("Input")
    output = _usd_field("Output")
    cache_read = _usd_field("Cache read")
    cache_write = _usd_field("Cache write")
    tiers = inputs.Lines(
        required=False,
        label="Long prompts",
        help_text="A line for each length: 200000=2.5,15 is the input and output price of calls with more than 200,000 "
        "input tokens; cache read and cache write may follow.",
    )
    corrects_past = forms.BooleanField(
        required=False,
        widget=inputs.Switch(),
        label="Correct the past",
        help_text="Let it begin where calls had another price. Then run frontdesk usage reprice.",
    )

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
            for kind in rates.KINDS:
                amount = money.to_usd(getattr(self.instance, f"{kind}_nano_usd_per_mtok"))
                self.initial[kind] = f"{amount.normalize():f}"
            self.initial["tiers"] = [overrides.tier_text(rate) for rate in rates.stored(self.instance)[1:]]

    def clean_tiers(self) -> list[Rate]:
        """Read each line as a tier."""
        tiers = [overrides.tier(line) for line in self.cleaned_data["tiers"]]
        return list(overrides.with_tiers(_FREE, tiers)[1:])

    def clean(self) -> dict[str, Any] | None:
        """Refuse a price that overlaps another of the operator's, or that changes the past unsaid."""
        cleaned = super().clean() or {}
        begins = cleaned.get("valid_from")
        model = cleaned.get("model")
        model_id = self.instance.model_id if model is None else model.pk
        if model_id and begins:
            try:
                overrides.check(
                    model_id,
                    begins,
                    cleaned.get("valid_until"),
                    corrects_past=bool(cleaned.get("corrects_past")) or not self._begins_elsewhere(begins),
                    except_pk=self.instance.pk or 0,
                )
            except overrides.EndsTooEarly as error:
                self.add_error("valid_until", error)
            except ValidationError as error:
                self.add_error("valid_from", error)
        return cleaned

    def save(self, commit: bool = True) -> Any:
        """Store the amounts as integers, marked as an override; one that runs ends where this begins."""
        amounts = {kind: self.cleaned_data.get(kind) for kind in rates.KINDS}
        filled = [amounts["input"] if amounts[kind] is None else amounts[kind] for kind in rates.KINDS]
        base = Rate(0, *(money.from_usd(Decimal(amount or 0)) for amount in filled))
        for name, value in rates.columns((base, *self.cleaned_data["tiers"])).items():
            setattr(self.instance, name, value)
        self.instance.is_override = True
        self.instance.source = overrides.SOURCE
        overrides.end_previous(self.instance.model_id, self.instance.valid_from)
        return super().save(commit)

    def _begins_elsewhere(self, begins: datetime) -> bool:
        return self.instance.pk is None or self.initial.get("valid_from") != begins


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

    @admin.display(description="long prompts, in / out")
    def long_prompts(self, price: ModelPrice) -> SafeString | str:
        """Show what holds for calls with more input than a length."""
        return (
            format_html_join(
                mark_safe("<br>"),
                "&gt; {} tokens: {} / {}",
                (
                    (display.count(rate.above), display.usd(rate.input), display.usd(rate.output))
                    for rate in rates.stored(price)[1:]
                ),
            )
            or display.NOTHING
        )

    @admin.display(description="where from")
    def provenance(self, price: ModelPrice) -> str:
        """Show the price's source as calls name it."""
        return selectors.provenance(price)


class OverridePrices(OperatorInline):
    """The operator's own prices of a model."""

    model = ModelPrice
    form = PriceForm
    fields = ("input", "output", "cache_read", "cache_write", "tiers", "valid_from", "valid_until", "corrects_past")
    verbose_name = "price of your own"
    verbose_name_plural = "Prices of your own: they override imported ones (USD per million tokens)"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave out imported prices."""
        return super().get_queryset(request).filter(is_override=True).order_by("-valid_from")


class ImportedPrices(_Amounts, OperatorInline):
    """The imported prices of a model, with where they come from."""

    model = ModelPrice
    fields = (
        "input_usd",
        "output_usd",
        "cache_read_usd",
        "cache_write_usd",
        "long_prompts",
        "valid_from",
        "valid_until",
        "provenance",
    )
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
    list_display = ("model", "provider", "tokens", "cache", "long_prompts", "kind", "state", "holds")
    list_filter = ("is_override", "model__provider")
    list_select_related = ("model__provider",)
    search_fields = ("model__name", "source")
    autocomplete_fields = ("model",)
    ordering = ("model__provider__name", "model__name", "-is_override", "-valid_from")
    actions = None

    def get_fieldsets(self, request: HttpRequest, obj: ModelPrice | None = None) -> Any:
        """Ask for an override; show what an import brought."""
        if obj is not None and not obj.is_override:
            amounts = ("input_usd", "output_usd", "cache_read_usd", "cache_write_usd", "long_prompts")
            when = ("provenance", "recorded_at", "valid_from", "valid_until")
            return ((None, {"fields": ("model", *amounts, *when)}),)
        return (
            (None, {"fields": ("model",)}),
            ("USD per million tokens", {"fields": ("input", "output", "cache_read", "cache_write", "tiers")}),
            ("When it holds", {"fields": ("valid_from", "valid_until", "corrects_past")}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: ModelPrice | None = None) -> Any:
        """Imported prices cannot be edited: override them."""
        if obj is not None and not obj.is_override:
            amounts = ("input_usd", "output_usd", "cache_read_usd", "cache_write_usd", "long_prompts")
            return ("model", *amounts, "provenance", "recorded_at")
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

    @admin.display(description="input / output", ordering="input_nano_usd_per_mtok")
    def tokens(self, price: ModelPrice) -> str:
        """Show the prices of fresh input and of output."""
        return f"{self.input_usd(price)} / {self.output_usd(price)}"

    @admin.display(description="cache, read / write", ordering="cache_read_nano_usd_per_mtok")
    def cache(self, price: ModelPrice) -> str:
        """Show the prices of the provider's cache."""
        return f"{self.cache_read_usd(price)} / {self.cache_write_usd(price)}"

    @admin.display(description="state")
    def state(self, price: ModelPrice) -> SafeString:
        """Show whether its time has come, or is over."""
        now = clock.now()
        if price.valid_from > now:
            return display.label("to come", "info")
        if price.valid_until is not None and price.valid_until <= now:
            return display.label("ended", "quiet")
        return display.label("in force", "good")

    @admin.display(description="holds", ordering="valid_from")
    def holds(self, price: ModelPrice) -> SafeString:
        """Show from when until when, in UTC."""
        begins = "undated" if price.valid_from == BEGINNING else f"from {_moment(price.valid_from)}"
        ends = "" if price.valid_until is None else f"until {_moment(price.valid_until)}"
        return format_html_join(
            mark_safe("<br>"), '<span class="whitespace-nowrap">{}</span>', ((text,) for text in (begins, ends) if text)
        )

    @admin.display(description="provider", ordering="model__provider__display_name")
    def provider(self, price: ModelPrice) -> str:
        """Show whose model it is."""
        return price.model.provider.display_name

    @admin.display(description="source", ordering="is_override")
    def kind(self, price: ModelPrice) -> SafeString:
        """Show where the price comes from."""
        return display.label("your own", "info") if price.is_override else display.label(price.source, "quiet")
