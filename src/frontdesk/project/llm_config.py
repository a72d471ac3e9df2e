"""The configuration as one looks at it: a summary with secrets masked, what is wrong with it, a few changes.

`frontdesk config` prints it. Reading works without a database, and then says so; changes need one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from frontdesk.gateway.vault import generate_master_key, mask
from frontdesk.project import configuration
from frontdesk.project.cli.errors import UsageError
from frontdesk.project.configuration import Configuration
from frontdesk.project.errors import ConfigurationError

_NO_KEY = "no provider key is set: customers are answered from the knowledge base alone"
_SWITCHES = ("caching", "streaming", "personality", "memory", "cost_alerts", "metrics")


def get_llm_config() -> LLMConfigManager:
    """Read the environment; ConfigurationError says what is wrong with it."""
    return LLMConfigManager(configuration.load())


class LLMConfigManager:
    """One configuration, read once; what is stored in the database is read at each call."""

    def __init__(self, chosen: Configuration) -> None:
        self._chosen = chosen

    @staticmethod
    def generate_master_key() -> str:
        """Make a fresh master key for `LLM_MASTER_KEY`; it is stored nowhere."""
        return generate_master_key()

    def get_configuration_summary(self) -> dict[str, Any]:
        """Give `environment`, `providers` (by name, keys masked) and `global_settings`, JSON-ready."""
        return self._look().summary

    def validate_configuration(self) -> dict[str, Any]:
        """Give `valid`, `errors` and `warnings`, one sentence each."""
        return self._look().verdict

    def describe(self) -> dict[str, Any]:
        """Give summary and verdict in one, with one look at the database."""
        look = self._look()
        return {**look.summary, **look.verdict}

    def get_available_providers(self) -> list[str]:
        """List the providers that the operator's calls can use now, by name; ConfigurationError without a database."""
        wiring = self._with_database("frontdesk.server.wiring")
        snapshot = wiring.read_snapshot()
        return sorted(
            name
            for name, provider in snapshot.providers.items()
            if provider.wire != wiring.SIMULATED and snapshot.is_usable(snapshot.operator_id, name)
        )

    def enable_provider(self, name: str, enabled: bool = True) -> None:
        """Let calls use a provider, or keep them from it; ValidationError for an unknown one."""
        self._with_database("frontdesk.usage.providers").enable_provider(name, enabled)

    def update_provider_quota(
        self, name: str, daily_quota: Decimal | float | None = None, hourly_quota: Decimal | float | None = None
    ) -> None:
        """Limit what a provider may cost in a day and an hour, in USD; None leaves that quota as it is.

        ValidationError for an unknown provider, an amount that is none, or an hour that may cost more than its day.
        """
        self._with_database("frontdesk.project.provider_quotas").update(self._chosen, name, daily_quota, hourly_quota)

    def _look(self) -> _Look:
        look = _Look(self._chosen)
        try:
            # Only a sound configuration lets Django and the database be loaded.
            look.add_stored(importlib.import_module("frontdesk.project.cli.stored_keys").operator_keys())
            look.add_preferences(importlib.import_module("frontdesk.project.preferences").check(self._chosen))
            look.add_quotas(importlib.import_module("frontdesk.project.provider_quotas").shown)
        except ConfigurationError as error:
            look.errors.append(str(error))
        except UsageError as error:
            look.warnings.append(str(error))
        return look

    def _with_database(self, module: str) -> Any:
        preflight = importlib.import_module("frontdesk.project.cli.preflight")
        try:
            preflight.prepare()
            preflight.require_current_schema()
        except UsageError as error:
            raise ConfigurationError(str(error)) from error
        return importlib.import_module(module)


class _Look:
    """What one look finds."""

    def __init__(self, chosen: Configuration) -> None:
        self._chosen = chosen
        self._keys: dict[str, list[dict[str, Any]]] = {}
        self._quotas: dict[str, dict[str, str | None]] = {}
        self.errors: list[str] = []
        self.warnings: list[str] = [*chosen.contradictions(), *_production_warnings(chosen)]

    def add_stored(self, stored: Any) -> None:
        """Put the operator's stored keys first: they are used before those of the environment."""
        self._keys = {name: list(keys) for name, keys in stored.keys.items()}
        self.errors += stored.errors

    def add_preferences(self, found: tuple[list[str], list[str]]) -> None:
        """Take what is wrong with the preferred provider and model."""
        self.errors += found[0]
        self.warnings += found[1]

    def add_quotas(self, shown: Callable[[Configuration, str], dict[str, str | None]]) -> None:
        """Take what each provider with a key may cost."""
        self._quotas = {name: shown(self._chosen, name) for name in self._providers()}

    @property
    def summary(self) -> dict[str, Any]:
        """Give what is in force."""
        return {
            "environment": self._chosen.environment,
            "providers": self._providers(),
            "global_settings": global_settings(self._chosen),
        }

    @property
    def verdict(self) -> dict[str, Any]:
        """Give what is wrong."""
        doubts = [] if self._providers() else [_NO_KEY]
        return {"valid": not self.errors, "errors": self.errors, "warnings": [*self.warnings, *doubts]}

    def _providers(self) -> dict[str, dict[str, Any]]:
        keys = {name: list(given) for name, given in self._keys.items()}
        for name, key in _environment_keys(self._chosen).items():
            keys.setdefault(name, []).append(key)
        return {
            name: {**_first_used(given), **self._quotas.get(name, {}), "keys": given} for name, given in keys.items()
        }


def _first_used(keys: list[dict[str, Any]]) -> dict[str, Any]:
    first = next((key for key in keys if key["is_enabled"]), keys[0])
    return {name: first[name] for name in ("api_key", "source", "base_url", "organization", "is_enabled")}


def _environment_keys(chosen: Configuration) -> dict[str, dict[str, Any]]:
    return {
        key.provider: {
            "label": "environment",
            "api_key": mask(key.key.get_secret_value()),
            "source": f"environment variable {key.variable}",
            "base_url": key.base_url,
            "organization": key.organization,
            "priority": None,
            "is_enabled": True,
        }
        for key in chosen.operator_credentials()
    }


def _production_warnings(chosen: Configuration) -> list[str]:
    found = []
    if chosen.is_production and not chosen.allowed_hosts:
        found.append("FRONTDESK_ALLOWED_HOSTS is not set: the console answers on this machine alone")
    if "*" in chosen.allowed_hosts:
        found.append("FRONTDESK_ALLOWED_HOSTS contains *: any host name is answered to")
    if chosen.is_production and chosen.debug_mode:
        found.append("LLM_DEBUG_MODE is on in production: every call writes two log lines")
    if chosen.is_production and chosen.log_level == "DEBUG":
        found.append("LOG_LEVEL is DEBUG in production: libraries log much, and more slowly")
    return found


def global_settings(chosen: Configuration) -> dict[str, Any]:
    """Give the settings of the process that are no secrets; of addresses with passwords only whether they are set."""
    sqlite = "SQLite in the data directory"
    return {
        "data_dir": str(chosen.data_dir),
        "database": "FRONTDESK_DATABASE_URL" if chosen.database_url.get_secret_value() else sqlite,
        "redis": "FRONTDESK_REDIS_URL" if chosen.redis_url.get_secret_value() else None,
        "broker": "FRONTDESK_BROKER_URL" if chosen.broker_url.get_secret_value() else None,
        "host": chosen.host,
        "port": chosen.port,
        "workers": chosen.workers,
        "allowed_hosts": list(chosen.effective_hosts()),
        "preferred_provider": chosen.preferred_provider,
        "preferred_model": chosen.preferred_model,
        "daily_quota": str(chosen.daily_quota),
        "hourly_quota": str(chosen.hourly_quota),
        "global_daily_limit": str(chosen.global_daily_limit),
        "cache_ttl_s": chosen.cache_ttl_s,
        **{f"enable_{name}": getattr(chosen, f"enable_{name}") for name in _SWITCHES},
        "debug_mode": chosen.debug_mode,
        "overlaid_providers": [entry.overlay.name for entry in chosen.provider_overlays],
        "master_key": "LLM_MASTER_KEY" if chosen.master_keys else "master.key in the data directory",
        "log_level": chosen.log_level,
    }
