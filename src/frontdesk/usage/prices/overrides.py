"""The operator's own prices. They win over imported ones, never overlap, and do not change the past by accident."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone as clock

from frontdesk.gateway import money
from frontdesk.tenants import audit
from frontdesk.usage.models import LLMModel, ModelPrice
from frontdesk.usage.prices import rates
from frontdesk.usage.prices.rates import Rate, Rates

SOURCE = "operator"
HIGHEST_USD = 100_000
"""Per million tokens; no provider comes near it."""
MOST_TIERS = 10
_DECIMALS = 9
_LONGEST_PROMPT = 10**9
FORM_TIME = timedelta(hours=1)
"""So long may somebody take who meant `now`."""


class EndsTooEarly(ValidationError):
    """A price would end before it begins."""

    def __init__(self) -> None:
        super().__init__("The price must end after it begins.")


def amount(text: str) -> int:
    """Read an amount in USD per million tokens as nano-USD. ValidationError for anything but 0 to HIGHEST_USD."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise ValidationError(f"{text[:40]!r} is no amount: give USD per million tokens, for example 0.15") from None
    if not value.is_finite() or not 0 <= value <= HIGHEST_USD or int(value.as_tuple().exponent) < -_DECIMALS:
        raise ValidationError(
            f"{text[:40]!r} must be USD per million tokens from 0 to {HIGHEST_USD:,}, with at most 9 decimals"
        )
    return money.from_usd(value)


def rate(above: int, amounts: Sequence[str | None]) -> Rate:
    """Make a rate of amounts as text: input, output, cache read, cache write; without the last two they cost as input.

    ValidationError for what is no price.
    """
    filled = [*amounts, None, None][:4]
    if len(amounts) > len(filled) or not filled[0] or not filled[1]:
        raise ValidationError("a price needs an input and an output amount, and may have cache read and cache write")
    base = amount(filled[0])
    read, write = (base if text is None or not text.strip() else amount(text) for text in filled[2:])
    return Rate(above, base, amount(filled[1]), read, write)


def tier(text: str) -> Rate:
    """Read a tier from ABOVE=INPUT,OUTPUT[,CACHE_READ[,CACHE_WRITE]]. ValidationError for anything else."""
    above, equals, amounts = text.strip().partition("=")
    if not equals or not above.isascii() or not above.isdigit() or not 0 < int(above[:12]) <= _LONGEST_PROMPT:
        raise ValidationError(
            f"{text[:60]!r} is no tier: give the input tokens above which it holds, then its prices, "
            "for example 200000=2.5,15"
        )
    return rate(int(above), amounts.split(","))


def tier_text(rate: Rate) -> str:
    """Write a tier as `tier` reads it."""
    return f"{rate.above}={','.join(rates.usd(getattr(rate, kind)) for kind in rates.KINDS)}"


def with_tiers(base: Rate, tiers: Sequence[Rate]) -> Rates:
    """Put a price together. ValidationError for two tiers that begin at one length, or too many."""
    ordered = sorted(tiers, key=lambda one: one.above)
    if len({one.above for one in ordered}) < len(ordered) or len(ordered) > MOST_TIERS:
        raise ValidationError(f"tiers must begin at different lengths, and there may be {MOST_TIERS} at most")
    return (base, *ordered)


def set_price(
    model: LLMModel,
    new: Rates,
    *,
    begins: datetime | None = None,
    ends: datetime | None = None,
    corrects_past: bool = False,
) -> ModelPrice:
    """Override a model's price from a moment on, by default from now; an override that runs ends there.

    ValidationError when it would overlap a later override, or change what calls were billed at (see `check`).
    """
    starts = clock.now() if begins is None else begins
    with transaction.atomic():
        check(model.pk, starts, ends, corrects_past=corrects_past)
        row = ModelPrice(
            model=model, **rates.columns(new), source=SOURCE, valid_from=starts, valid_until=ends, is_override=True
        )
        row.full_clean()
        end_previous(model.pk, starts)
        row.save()
        record(row)
    return row


def check(model_id: int, begins: datetime, ends: datetime | None, *, corrects_past: bool, except_pk: int = 0) -> None:
    """Refuse an override that ends before it begins, overlaps a later one, or begins where calls had another price.

    An override without an end that began earlier is no overlap: `end_previous` ends it.
    """
    if ends is not None and ends <= begins:
        raise EndsTooEarly
    others = ModelPrice.objects.filter(model_id=model_id, is_override=True).exclude(pk=except_pk)
    overlapping = others.filter(Q(valid_until=None, valid_from__gte=begins) | Q(valid_until__gt=begins))
    if ends is not None:
        overlapping = overlapping.filter(valid_from__lt=ends)
    if (other := overlapping.order_by("valid_from").first()) is not None:
        until = "without an end" if other.valid_until is None else f"until {other.valid_until:%Y-%m-%d %H:%M} UTC"
        raise ValidationError(
            f"It would overlap your price from {other.valid_from:%Y-%m-%d %H:%M} UTC {until}: end or change that one, "
            "or let this one begin later."
        )
    if not corrects_past and begins < clock.now() - FORM_TIME and _had_price(model_id, begins, except_pk):
        raise ValidationError(
            f"It would begin in the past ({begins:%Y-%m-%d %H:%M} UTC), where calls were billed at another price. "
            "Let it begin now, or say that it corrects the past (--backdate) and then run frontdesk usage reprice."
        )


def end_previous(model_id: int, begins: datetime) -> None:
    """End the override that runs without an end when a later one begins."""
    running = ModelPrice.objects.filter(model_id=model_id, is_override=True, valid_until=None, valid_from__lt=begins)
    running.update(valid_until=begins)


def record(row: ModelPrice) -> None:
    """Tell the audit log of an override that was stored."""
    audit.record(None, "price.set", row, {"model": str(row.model), "price": rates.short(rates.stored(row))})


def _had_price(model_id: int, begins: datetime, except_pk: int) -> bool:
    rows = ModelPrice.objects.filter(model_id=model_id, valid_from__lt=clock.now()).exclude(pk=except_pk)
    return rows.filter(Q(valid_until=None) | Q(valid_until__gt=begins)).exists()
