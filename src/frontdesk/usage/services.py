"""Writes of the catalog, and the ledger's housekeeping. The ledger's rows themselves are written by `ledger` alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from frontdesk.gateway.providers import catalog
from frontdesk.gateway.providers.catalog import ModelRow
from frontdesk.usage import adopt, price_list
from frontdesk.usage.adopt import Adoption
from frontdesk.usage.models import LLMModel, LLMProvider, ModelAlias, ModelPrice
from frontdesk.usage.price_list import BEGINNING, DatedPrice

_SIMULATED_PRICE = DatedPrice(BEGINNING, 0, 0, 0, 0, "simulated")


class CatalogChanges(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows an import of the catalog added; all zero when there was nothing new."""

    providers: int
    models: int
    prices: int
    aliases: int


def setup_catalog() -> CatalogChanges:
    """Bring providers, models, prices and aliases up to date, in one transaction. Running it again changes nothing.

    What is there already stays as the operator left it. A price that changed gets a new row from its date on (else
    from now on); an operator's override is never touched.
    """
    with transaction.atomic():
        providers = _add_providers()
        models, prices = _add_models()
        aliases = _add_aliases()
    return CatalogChanges(providers=providers, models=models, prices=prices, aliases=aliases)


def add_provider(name: str, *, wire: str, base_url: str, default_model: str = "") -> LLMProvider:
    """Add a provider of the operator's own, or change an existing one's wire, address and default model."""
    if wire not in catalog.IMPLEMENTED_WIRES:
        spoken = ", ".join(sorted(catalog.IMPLEMENTED_WIRES))
        raise ValidationError(f"the wire format {wire!r} is not spoken by this version: use one of {spoken}")
    with transaction.atomic():
        row = LLMProvider.objects.filter(name=name).first() or LLMProvider(name=name, display_name=name)
        row.wire, row.base_url, row.is_enabled = wire, base_url.rstrip("/"), True
        row.default_model = default_model or row.default_model
        row.full_clean()
        row.save()
    return row


def drain_orphans(root: Path | None = None) -> Adoption:
    """Move the journals of processes that are gone into the ledger, once; by default those of the data directory."""
    return adopt.adopt_all(settings.DATA_DIR / "journal" if root is None else root)


def _add_providers() -> int:
    existing = set(LLMProvider.objects.values_list("name", flat=True))
    new = [
        LLMProvider(
            name=row.name,
            display_name=row.display_name,
            wire=row.wire,
            base_url=row.base_url,
            default_model=row.default_model or (catalog.SIMULATED_MODEL.name if row.wire == "simulated" else ""),
            quirks=sorted(row.quirks),
        )
        for row in catalog.PROVIDERS
        if row.name not in existing
    ]
    LLMProvider.objects.bulk_create(new)
    return len(new)


def _add_models() -> tuple[int, int]:
    """Add what the price list and our own rows know; ours win where both speak of a model."""
    ours = {(row.provider, row.name): row for row in catalog.MODELS}
    priced: dict[tuple[str, str], tuple[DatedPrice, ...]] = {
        ("simulated", catalog.SIMULATED_MODEL.name): (_SIMULATED_PRICE,)
    }
    for provider in catalog.PROVIDERS:
        for listed in price_list.models_of(provider.price_list):
            key = (provider.name, listed.name)
            priced[key] = listed.prices
            row = ours.setdefault(key, ModelRow(provider.name, listed.name))
            if row.context_window is None:
                ours[key] = msgspec.structs.replace(row, context_window=listed.context_window)
    providers = {row.name: row for row in LLMProvider.objects.all()}
    existing = {(row.provider.name, row.name): row for row in LLMModel.objects.select_related("provider")}
    new = [
        LLMModel(
            provider=providers[row.provider],
            name=row.name,
            context_window=row.context_window,
            max_output_tokens=row.max_output_tokens,
            quality_rank=row.quality_rank,
            capabilities=sorted(row.capabilities),
            is_enabled=not _is_retired(row),
        )
        for key, row in ours.items()
        if key not in existing
    ]
    LLMModel.objects.bulk_create(new)
    models = existing | {(row.provider.name, row.name): row for row in new}
    return len(new), _add_prices((models[key], prices) for key, prices in priced.items())


def _is_retired(row: ModelRow) -> bool:
    pattern = catalog.SHUT_DOWN.get(row.provider)
    return bool(pattern and pattern.match(row.name)) or any(
        (retired.provider, retired.name) == (row.provider, row.name) for retired in catalog.RETIRED
    )


def _add_prices(wanted: Iterable[tuple[LLMModel, tuple[DatedPrice, ...]]]) -> int:
    newest: dict[int, ModelPrice] = {}
    for row in ModelPrice.objects.filter(is_override=False).order_by("valid_from"):
        newest[row.model_id] = row
    new: list[ModelPrice] = []
    for model, prices in wanted:
        known = newest.get(model.pk)
        if known is None:
            new += _price_rows(model, prices)
        elif prices[-1].amounts != _amounts(known):
            dated = prices[-1].valid_from
            starts = dated if dated > known.valid_from else timezone.now()
            known.valid_until = starts
            known.save(update_fields=["valid_until"])
            new += _price_rows(model, (msgspec.structs.replace(prices[-1], valid_from=starts),))
    ModelPrice.objects.bulk_create(new)
    return len(new)


def _price_rows(model: LLMModel, prices: tuple[DatedPrice, ...]) -> list[ModelPrice]:
    ends = [price.valid_from for price in prices[1:]] + [None]
    return [
        ModelPrice(
            model=model,
            input_nano_usd_per_mtok=price.input,
            output_nano_usd_per_mtok=price.output,
            cache_read_nano_usd_per_mtok=price.cache_read,
            cache_write_nano_usd_per_mtok=price.cache_write,
            source=price.source,
            valid_from=price.valid_from,
            valid_until=end,
        )
        for price, end in zip(prices, ends, strict=True)
    ]


def _amounts(row: ModelPrice) -> tuple[int, int, int, int]:
    return (
        row.input_nano_usd_per_mtok,
        row.output_nano_usd_per_mtok,
        row.cache_read_nano_usd_per_mtok,
        row.cache_write_nano_usd_per_mtok,
    )


def _add_aliases() -> int:
    wanted = {row.name: (row.successor, f"retired {row.since}") for row in catalog.RETIRED}
    wanted |= {name: (target, reason) for name, target, reason in catalog.ALIASES}
    existing = set(ModelAlias.objects.values_list("name", flat=True))
    new = [
        ModelAlias(name=name, target=target, reason=reason)
        for name, (target, reason) in wanted.items()
        if name not in existing
    ]
    ModelAlias.objects.bulk_create(new)
    return len(new)
