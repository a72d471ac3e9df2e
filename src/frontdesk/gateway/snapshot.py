"""The configuration that the request path reads: one frozen value, swapped whole when something changes.

Built from the apps' sections by `server.wiring`; secrets travel sealed and are opened per call. Tables are plain
dicts for speed: nobody may change one after the Snapshot is made.
"""

import re
from collections.abc import Mapping

import msgspec

from frontdesk.gateway.budgets.terms import EACH, Budget, Scope, place
from frontdesk.gateway.errors import CallerError
from frontdesk.gateway.vault import Sealed

SIMULATED = "simulated"
"""The wire format of the provider that needs no key and is never a fallback."""

_MODEL_NAME = re.compile(r"[!-~]{1,200}")
"""What a model that the catalog does not list may be called: it goes into headers and logs."""

_UNRANKED = 1000
_MOST_CHEAPER = 3

AUTO = "auto"
"""The model name that leaves the choice to Frontdesk."""


class PriceTier(msgspec.Struct, frozen=True, kw_only=True):
    """Prices of calls with long prompts: they hold for all tokens of a call whose input is more than `above`."""

    above: int
    """Input tokens, cached ones included."""
    input: int
    output: int
    cache_read: int
    cache_write: int


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """Prices in nano-USD per million tokens, one per bucket of `Usage`; reasoning is billed as output."""

    input: int
    output: int
    cache_read: int
    cache_write: int
    source: str
    """Where the price is from and since when it holds (for example `genai-prices 0.2.3, from 2026-03-13`)."""
    valid_from_ns: int = 0
    tiers: tuple[PriceTier, ...] = ()
    """In the order of `above`."""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model of the catalog. `quality_rank` 1 is the best; None for windows and price means unknown."""

    provider: str
    name: str
    context_window: int | None = None
    max_output_tokens: int | None = None
    quality_rank: int = _UNRANKED
    capabilities: frozenset[str] = frozenset()
    price: Price | None = None

    @property
    def id(self) -> str:
        """Tell the full name, `provider/model`."""
        return f"{self.provider}/{self.name}"


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider of the catalog: a wire format, an address and its quirks, never code of its own."""

    name: str
    wire: str
    base_url: str
    quirks: frozenset[str] = frozenset()
    default_model: str | None = None


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A sealed provider key of a tenant; `base_url` overrides the provider's when not empty."""

    id: str
    tenant_id: int
    provider: str
    sealed: Sealed
    base_url: str = ""
    organization: str = ""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A client's key, known only by its sha256 digest."""

    id: int
    tenant_id: int
    scopes: frozenset[str]
    expires_at_ns: int | None = None


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant as the request path sees it; `default_model` is what `auto` resolves to ("" = best usable)."""

    id: int
    name: str
    slug: str = ""
    default_model: str = ""
    zone: str = "UTC"
    """IANA name of the time zone of its days."""
    credentials: Mapping[str, tuple[Credential, ...]] = {}
    """By provider name, in the order of use."""


class Target(msgspec.Struct, frozen=True):
    """Where an attempt goes."""

    provider: Provider
    model: Model
    credential: Credential | None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One consistent view of the configuration."""

    version: int
    operator_id: int
    """The tenant whose credentials serve tenants without their own."""
    tenants: Mapping[int, Tenant]
    api_keys: Mapping[bytes, ApiKey]
    """By the 32-byte sha256 digest of the key."""
    providers: Mapping[str, Provider]
    models: Mapping[str, Model]
    """By full name, `provider/model`."""
    aliases: Mapping[str, str]
    """Other names of a model, such as retired ones, to a full or bare name."""
    bare_names: Mapping[str, tuple[str, ...]]
    """A model's name without its provider to the full names that end in it; see `index_bare_names`."""
    disabled_models: frozenset[str] = frozenset()
    """Full names that the operator has taken out of use; their aliases lead on to successors."""
    budgets: Mapping[str, tuple[Budget, ...]] = {}
    """By `budgets.terms.place`."""
    budget_credits: Mapping[str, int] = {}
    """What was given back in a running window, by `budgets.terms.counter_unit_key`: it adds to the limit."""
    preferred_model: str = ""
    """What `auto` resolves to for a tenant without a default model: a model's name, or a provider's for its default
    model; "" leaves it to the first usable provider of the catalog."""

    def credential(self, tenant_id: int, provider: str) -> Credential | None:
        """Choose the key for a provider: the tenant's own, else the operator's, else None."""
        for owner in (tenant_id, self.operator_id):
            tenant = self.tenants.get(owner)
            if tenant is not None and (own := tenant.credentials.get(provider)):
                return own[0]
        return None

    def is_usable(self, tenant_id: int, provider: str) -> bool:
        """Tell whether the tenant can call the provider."""
        row = self.providers.get(provider)
        return row is not None and (row.wire == SIMULATED or self.credential(tenant_id, provider) is not None)

    def usable_models(self, tenant_id: int) -> list[Model]:
        """List the models that the tenant can call, best first."""
        usable = {name for name in self.providers if self.is_usable(tenant_id, name)}
        return sorted(
            (model for model in self.models.values() if model.provider in usable),
            key=lambda model: (model.quality_rank, model.id),
        )

    def resolve(self, tenant_id: int, name: str) -> Target:
        """Find the target for a model name: `provider/model`, an alias, a bare name, or `auto`.

        The name is split at the first slash only when the prefix is a known provider. A model that the catalog
        does not list is passed on under an explicit provider, without a price. CallerError 404 when nothing fits.
        """
        full_name = self._auto(tenant_id) if name == AUTO else self._full_name(tenant_id, name)
        provider_name, _, model_name = full_name.partition("/")
        provider = self.providers[provider_name]
        model = self.models.get(full_name) or Model(provider=provider_name, name=model_name)
        credential = self.credential(tenant_id, provider_name)
        if credential is None and provider.wire != SIMULATED:
            raise CallerError(
                f"The model `{name}` is served by {provider_name}, for which no key is set. "
                f"Add one in the console under Provider keys, or choose another model from GET /v1/models.",
                code="provider_not_configured",
                http_status=404,
                param="model",
            )
        return Target(provider, model, credential)

    def counts_by(self, scope: Scope, tenant_id: int) -> bool:
        """Tell whether any budget counts each of a scope (`session`, `ip`) of the tenant by itself."""
        return place(scope, EACH, None) in self.budgets or place(scope, EACH, tenant_id) in self.budgets

    def cheaper(self, tenant_id: int, than: Target, needed: frozenset[str]) -> list[Target]:
        """List what may stand in for a target whose budget is used up, the best first.

        Ranked models at half its price or less, of any usable provider, that can do what is `needed`; at most three.
        """
        bound = _comparable(than.model.price)
        if bound is None:
            return []
        found = [
            model
            for model in self.usable_models(tenant_id)
            if model.quality_rank < _UNRANKED
            and needed <= model.capabilities
            and model.id not in self.disabled_models
            and (price := _comparable(model.price)) is not None
            and 2 * price <= bound
        ]
        return [
            Target(self.providers[model.provider], model, self.credential(tenant_id, model.provider))
            for model in found[:_MOST_CHEAPER]
        ]

    def _full_name(self, tenant_id: int, name: str) -> str:
        full_name = self.aliases.get(name, name)
        if full_name in self.disabled_models:
            full_name = self._successor(full_name)
        provider_name, slash, model_name = full_name.partition("/")
        if slash and provider_name in self.providers and _MODEL_NAME.fullmatch(model_name):
            return full_name
        candidates = self.bare_names.get(full_name, ())
        for candidate in candidates:
            if candidate in self.disabled_models:
                return self._successor(candidate)
            if self.is_usable(tenant_id, candidate.partition("/")[0]):
                return candidate
        if candidates:
            return candidates[0]
        raise CallerError(
            f"The model `{name[:100]}` does not exist or you do not have access to it. "
            "GET /v1/models lists those you can use.",
            code="model_not_found",
            http_status=404,
            param="model",
        )

    def _successor(self, full_name: str) -> str:
        """Find what stands in for a disabled model: what its bare name is an alias of."""
        successor = self.aliases.get(full_name.partition("/")[2], full_name)
        if successor in self.disabled_models:
            raise CallerError(
                f"The model `{full_name}` is disabled. GET /v1/models lists those you can use.",
                code="model_disabled",
                http_status=404,
                param="model",
            )
        return successor

    def _auto(self, tenant_id: int) -> str:
        tenant = self.tenants.get(tenant_id)
        chosen = (tenant.default_model if tenant else "") or self.preferred_model
        if chosen and chosen not in self.providers:
            return self._full_name(tenant_id, chosen)
        usable = [
            provider
            for provider in self.providers.values()
            if chosen in ("", provider.name) and provider.wire != SIMULATED and self.is_usable(tenant_id, provider.name)
        ]
        for provider in usable:
            if provider.default_model:
                return f"{provider.name}/{provider.default_model}"
        if usable:
            raise CallerError(
                f"`auto` has no model to choose: {usable[0].name} has no default model. Give it one in the console or "
                "with --default-model, or name a model.",
                code="no_default_model",
                http_status=503,
                param="model",
            )
        raise CallerError(
            "No provider is usable: set a provider key (for example OPENAI_API_KEY) or add one in the console.",
            code="no_provider",
            http_status=503,
            param="model",
        )


def _comparable(price: Price | None) -> int | None:
    """Give one figure for a price: an answer is commonly a quarter as long as its question and history."""
    return None if price is None else 4 * price.input + price.output


def index_bare_names(models: Mapping[str, Model], providers: Mapping[str, Provider]) -> Mapping[str, tuple[str, ...]]:
    """Find the full names for each model's name without its provider, in the order of the catalog.

    The simulated provider is left out: it answers only who names it.
    """
    index: dict[str, tuple[str, ...]] = {}
    for full_name, model in models.items():
        if providers[model.provider].wire == SIMULATED:
            continue
        index[model.name] = (*index.get(model.name, ()), full_name)
    return index
