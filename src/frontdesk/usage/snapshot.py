"""The catalog's section of the Snapshot: what can be called, at which price of today, under which names."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from frontdesk.gateway.providers.catalog import IMPLEMENTED_WIRES
from frontdesk.gateway.snapshot import Model, Price, Provider
from frontdesk.usage import selectors
from frontdesk.usage.models import LLMModel, LLMProvider, ModelAlias


class CatalogSection(msgspec.Struct, frozen=True):
    """The fields of `gateway.snapshot.Snapshot` that the catalog fills."""

    providers: Mapping[str, Provider]
    models: Mapping[str, Model]
    aliases: Mapping[str, str]
    disabled_models: frozenset[str]


def section(at: datetime | None = None, wires: frozenset[str] = IMPLEMENTED_WIRES) -> CatalogSection:
    """Read the enabled providers whose wire is spoken, their enabled models, the prices in force and the aliases."""
    providers = {
        row.name: Provider(
            name=row.name,
            wire=row.wire,
            base_url=row.base_url,
            quirks=frozenset(row.quirks),
            default_model=row.default_model or None,
        )
        for row in LLMProvider.objects.filter(is_enabled=True, wire__in=wires)
    }
    prices = _prices(at)
    models = {}
    for row in LLMModel.objects.filter(is_enabled=True, provider__name__in=providers).select_related("provider"):
        model = Model(
            provider=row.provider.name,
            name=row.name,
            context_window=row.context_window,
            max_output_tokens=row.max_output_tokens,
            quality_rank=row.quality_rank,
            capabilities=frozenset(row.capabilities),
            price=prices.get(row.pk),
        )
        models[model.id] = model
    aliases = {
        row.name: row.target
        for row in ModelAlias.objects.all()
        if row.target.partition("/")[0] in providers  # a name for what cannot be called would hide the better error
    }
    disabled = LLMModel.objects.filter(is_enabled=False, provider__name__in=providers)
    disabled_models = frozenset(
        f"{provider}/{name}" for provider, name in disabled.values_list("provider__name", "name")
    )
    return CatalogSection(providers, models, aliases, disabled_models)


def _prices(at: datetime | None) -> dict[int, Price]:
    """Find each model's price: an override before an import, the newest before the older."""
    rows = selectors.in_force(at).order_by("is_override", "valid_from")
    return {row.model_id: selectors.as_price(row) for row in rows}
