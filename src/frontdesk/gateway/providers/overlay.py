"""What the environment lays over the catalog: other default models, prices, names, providers of its own.

Pure: takes the catalog's tables as the database gives them, gives new ones back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from frontdesk.gateway.snapshot import Model, Price, Provider

SOURCE = "LLM_PROVIDERS"
"""The source of prices that the environment sets, as calls name it."""


class ProviderOverlay(msgspec.Struct, frozen=True, kw_only=True):
    """One provider's entry; "" and None leave what the catalog says.

    `wire` and `base_url` count for providers that the catalog does not have. To one that it has, another address
    goes with the environment's key alone: keys that are stored for it are never sent elsewhere.
    """

    name: str
    wire: str = ""
    base_url: str = ""
    default_model: str = ""
    nano_usd_per_mtok: int | None = None
    """What a million tokens of the default model cost, whatever their kind."""
    is_enabled: bool = True


def lay_over(
    providers: Mapping[str, Provider], models: Mapping[str, Model], overlays: Iterable[ProviderOverlay]
) -> tuple[Mapping[str, Provider], Mapping[str, Model]]:
    """Give the tables with the entries in force; what no entry names is the same object as before."""
    new_providers, new_models = dict(providers), dict(models)
    for overlay in overlays:
        known = new_providers.get(overlay.name)
        if not overlay.is_enabled:
            new_providers.pop(overlay.name, None)
            new_models = {name: model for name, model in new_models.items() if model.provider != overlay.name}
            continue
        if known is None and not (overlay.wire and overlay.base_url):
            continue  # a provider that is switched off in the catalog, or whose wire is not spoken yet
        provider = known or Provider(name=overlay.name, wire=overlay.wire, base_url=overlay.base_url)
        default_model = overlay.default_model or provider.default_model
        new_providers[overlay.name] = msgspec.structs.replace(provider, default_model=default_model)
        if default_model and overlay.nano_usd_per_mtok is not None:
            model = new_models.get(f"{overlay.name}/{default_model}") or Model(
                provider=overlay.name, name=default_model
            )
            new_models[model.id] = msgspec.structs.replace(model, price=_price(overlay.nano_usd_per_mtok))
    return new_providers, new_models


def _price(amount: int) -> Price:
    return Price(input=amount, output=amount, cache_read=amount, cache_write=amount, source=SOURCE)
