"""Writes of the catalog, and the ledger's housekeeping. The ledger's rows themselves are written by `ledger` alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from frontdesk.gateway.providers import catalog
from frontdesk.gateway.providers.catalog import ModelRow
from frontdesk.tenants import audit
from frontdesk.usage import adopt, price_list, selectors
from frontdesk.usage.adopt import Adoption
from frontdesk.usage.models import LLMModel, LLMProvider, ModelAlias, ModelPrice
from frontdesk.usage.price_list import BEGINNING, DatedPrice
from frontdesk.usage.prices import imports, overrides
from frontdesk.usage.prices.imports import PricePlan
from frontdesk.usage.prices.rates import Rates

_MODEL_NAME = re.compile(r"[!-~]{1,200}")
_SIMULATED_PRICE = DatedPrice(BEGINNING, 0, 0, 0, 0, "simulated")


class CatalogChanges(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows an import of the catalog added; all zero when there was nothing new."""

    providers: int
    models: int
    prices: int
    aliases: int
    held_back: int = 0
    """Price changes so large that a person should look at them first: see `plan_prices`."""


def setup_catalog() -> CatalogChanges:
    """Bring providers, models, prices and aliases up to date, in one transaction. Running it again changes nothing.

    What is there already stays as the operator left it. A price that changed gets a new row from now on (from its date
    if that is to come), unless the change is marked (`PriceChange.is_marked`): that is left to `import_prices`.
    An operator's override is never touched.
    """
    return _import(None, with_marked=False)


def plan_prices(*, with_past: bool = False) -> PricePlan:
    """Compare the stored prices with the price list; `with_past` takes the list's dates of the past for changes."""
    return imports.plan(_listing()[0], timezone.now(), with_past=with_past)


def import_prices(plan: PricePlan, *, with_marked: bool, with_past: bool = False) -> CatalogChanges:
    """Store a plan that was reviewed, with new models, all or nothing.

    ValidationError when prices changed since the plan was made.
    """
    return _import(plan, with_marked=with_marked, with_past=with_past)


def override_price(
    name: str,
    new: Rates,
    *,
    begins: datetime | None = None,
    ends: datetime | None = None,
    corrects_past: bool = False,
) -> ModelPrice:
    """Set the operator's own price of a model (see `overrides.set_price`); `provider/model` may be new to the catalog.

    ValidationError when the model is unknown or the price is refused.
    """
    with transaction.atomic():
        provider, _, rest = name.partition("/")
        known = LLMProvider.objects.filter(name=provider).first()
        if known is not None and _MODEL_NAME.fullmatch(rest) and not known.models.filter(name=rest).exists():
            model = LLMModel.objects.create(provider=known, name=rest)
        else:
            model = selectors.find_model(name)
        return overrides.set_price(model, new, begins=begins, ends=ends, corrects_past=corrects_past)


def _import(reviewed: PricePlan | None, *, with_marked: bool, with_past: bool = False) -> CatalogChanges:
    listing, model_rows = _listing()
    now = timezone.now()
    with transaction.atomic():
        plan = imports.plan(listing, now, with_past=with_past)
        if reviewed is not None and not imports.is_same(reviewed, plan):
            raise ValidationError("the prices were changed meanwhile, and nothing was imported: look at them again")
        providers = _add_providers()
        models, by_name = _add_models(model_rows)
        accepted = plan.pending if with_marked else plan.unmarked
        prices = imports.write(accepted, listing, by_name, now)
        aliases = _add_aliases()
        if prices:
            audit.record(None, "prices.imported", None, imports.summary(accepted))
    held_back = len(plan.pending) - len(accepted)
    return CatalogChanges(providers=providers, models=models, prices=prices, aliases=aliases, held_back=held_back)


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


def _listing() -> tuple[imports.Listing, dict[imports.Key, ModelRow]]:
    """Read the price list: prices, and models with what is known of them; our own rows win where both know one."""
    models = {(row.provider, row.name): row for row in catalog.MODELS}
    prices: dict[imports.Key, tuple[DatedPrice, ...]] = {
        ("simulated", catalog.SIMULATED_MODEL.name): (_SIMULATED_PRICE,)
    }
    for provider in catalog.PROVIDERS:
        for listed in price_list.models_of(provider.price_list):
            key = (provider.name, listed.name)
            prices[key] = listed.prices
            row = models.setdefault(key, ModelRow(provider.name, listed.name))
            if row.context_window is None:
                models[key] = msgspec.structs.replace(row, context_window=listed.context_window)
    return prices, models


def _add_models(rows: Mapping[imports.Key, ModelRow]) -> tuple[int, dict[imports.Key, LLMModel]]:
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
        for key, row in rows.items()
        if key not in existing
    ]
    LLMModel.objects.bulk_create(new)
    return len(new), existing | {(row.provider.name, row.name): row for row in new}


def _is_retired(row: ModelRow) -> bool:
    pattern = catalog.SHUT_DOWN.get(row.provider)
    return bool(pattern and pattern.match(row.name)) or any(
        (retired.provider, retired.name) == (row.provider, row.name) for retired in catalog.RETIRED
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
