"""The `LLM_…` variables that are not keys: quotas, preferences, switches, the catalog's overlay."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from pydantic import AliasChoices, BaseModel, Field, InstanceOf, field_validator, model_validator

from frontdesk.gateway import money
from frontdesk.gateway.budgets.terms import MOST
from frontdesk.project import provider_overlays
from frontdesk.project.provider_overlays import OverlayEntry

NO_EFFECT = "No effect yet."
LONGEST_CACHE_TTL_S = 30 * 24 * 3600
MOST_USD = Decimal(MOST) / money.NANO_PER_USD

_PROVIDER = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_MODEL = re.compile(r"[!-~]{1,200}")
_TENANTS_TOO = "A tenant may turn it off for itself."


def _usd(variable: str, default: int, description: str) -> Decimal:
    amount: Decimal = Field(
        Decimal(default), ge=0, le=MOST_USD, decimal_places=9, validation_alias=variable, description=description
    )
    return amount


def _switch(variable: str, description: str, *, default: bool = True) -> bool:
    chosen: bool = Field(default, validation_alias=variable, description=description)
    return chosen


class LLMVariables(BaseModel):
    """The fields of Configuration that decide about models: what may be spent, what is preferred, what is on."""

    daily_quota: Decimal = _usd(
        "LLM_DAILY_QUOTA", 100, "USD that each provider may cost in a day of the operator's time zone."
    )
    hourly_quota: Decimal = _usd(
        "LLM_HOURLY_QUOTA", 20, "USD that each provider may cost in an hour; at most LLM_DAILY_QUOTA."
    )
    global_daily_limit: Decimal = _usd(
        "LLM_GLOBAL_DAILY_LIMIT", 1000, "USD that all providers together may cost in a day of the operator's time zone."
    )
    preferred_provider: str = Field(
        "",
        validation_alias=AliasChoices("LLM_PREFERRED_PROVIDER", "LLM_PROVIDER"),
        description="The provider that `auto` takes for a tenant without a default model.",
    )
    preferred_model: str = Field(
        "",
        validation_alias=AliasChoices("LLM_PREFERRED_MODEL", "LLM_MODEL_NAME"),
        description="The model that `auto` takes for a tenant without a default model.",
    )
    provider_overlays: tuple[InstanceOf[OverlayEntry], ...] = Field(
        (),
        validation_alias="LLM_PROVIDERS",
        description="JSON that is laid over the catalog: an object of provider names, each with any of `api_key`, "
        "`organization`, `default_model`, `cost_per_1k_tokens` (USD, of the default model), `base_url` (of the "
        "environment's key; stored keys keep the provider's own), `enabled`, and for a provider that the catalog does "
        "not have `wire` and `base_url`.",
    )
    cache_ttl_s: int = Field(
        60,
        ge=0,
        le=LONGEST_CACHE_TTL_S,
        validation_alias="LLM_CACHE_TTL",
        description=f"Seconds for which an equal question is answered by the same reply; 0 never. {NO_EFFECT}",
    )
    enable_caching: bool = _switch(
        "LLM_ENABLE_CACHING", f"Whether replies may come from the cache. {_TENANTS_TOO} {NO_EFFECT}"
    )
    enable_streaming: bool = _switch(
        "LLM_ENABLE_STREAMING",
        f"Whether the agent's replies are shown while they are written. {_TENANTS_TOO} {NO_EFFECT}",
    )
    enable_personality: bool = _switch(
        "LLM_ENABLE_PERSONALITY", f"Whether replies adapt to the customer's way of writing. {_TENANTS_TOO} {NO_EFFECT}"
    )
    enable_memory: bool = _switch(
        "LLM_ENABLE_MEMORY",
        f"Whether summaries and facts of earlier conversations are kept. {_TENANTS_TOO} {NO_EFFECT}",
    )
    enable_cost_alerts: bool = _switch(
        "LLM_ENABLE_COST_ALERTS", f"Whether alerts are sent before budgets are used up. {_TENANTS_TOO} {NO_EFFECT}"
    )
    enable_metrics: bool = _switch(
        "LLM_ENABLE_METRICS", f"Whether summaries of calls are computed. {_TENANTS_TOO} {NO_EFFECT}"
    )
    debug_mode: bool = _switch(
        "LLM_DEBUG_MODE",
        "Whether every call is logged when it begins and ends (ids, models, tokens, cost, times, errors' codes; never "
        "texts, never keys), and Frontdesk's own log lines are shown at DEBUG with their place in the code.",
        default=False,
    )

    @field_validator("provider_overlays", mode="before")
    @classmethod
    def _parse_overlays(cls, value: Any) -> Any:
        return provider_overlays.parse(value) if isinstance(value, str) else value

    @field_validator("preferred_provider", mode="after")
    @classmethod
    def _provider_name(cls, value: str) -> str:
        if value and not _PROVIDER.fullmatch(value):
            raise ValueError("a provider's name is 1 to 40 of a-z, 0-9, _ and -")
        return value

    @field_validator("preferred_model", mode="after")
    @classmethod
    def _model_name(cls, value: str) -> str:
        if value and not _MODEL.fullmatch(value):
            raise ValueError("a model's name is 1 to 200 printable ASCII characters without spaces")
        return value

    @model_validator(mode="after")
    def _agree(self) -> LLMVariables:
        if self.hourly_quota > self.daily_quota:
            raise ValueError(
                f"LLM_HOURLY_QUOTA ({self.hourly_quota} USD) is more than LLM_DAILY_QUOTA ({self.daily_quota} USD): "
                "lower the one or raise the other"
            )
        return self

    def contradictions(self) -> list[str]:
        """Tell what is allowed but hardly meant, one sentence each."""
        found = []
        if self.daily_quota > self.global_daily_limit:
            found.append(
                f"LLM_DAILY_QUOTA ({self.daily_quota} USD) is more than LLM_GLOBAL_DAILY_LIMIT "
                f"({self.global_daily_limit} USD), which stops every provider first"
            )
        if not self.global_daily_limit:
            found.append("LLM_GLOBAL_DAILY_LIMIT is 0: no model that costs anything is ever called")
        if self.cache_ttl_s == 0 and self.enable_caching:
            found.append("LLM_CACHE_TTL is 0: nothing is cached although LLM_ENABLE_CACHING is true")
        return found
