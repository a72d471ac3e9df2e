"""The process's configuration, read once from the environment, checked, and typed.

Every variable is a field with a description: the settings reference is generated from here. Secrets are SecretStr,
so that they print as stars. Nothing here knows Django; `project.settings` translates.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from frontdesk.gateway.vault import Vault, VaultError, generate_master_key
from frontdesk.project import secret_file, secret_values
from frontdesk.project.errors import ConfigurationError
from frontdesk.project.llm_variables import LLMVariables
from frontdesk.project.operator_keys import OperatorKey, OperatorKeys
from frontdesk.project.provider_overlays import with_overlays


class Configuration(OperatorKeys, LLMVariables, BaseSettings):
    """Everything that the environment decides."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    environment: Literal["development", "production", "test"] = Field(
        "development",
        validation_alias="ENVIRONMENT",
        description="`development`, `production` or `test`. Production refuses to start without LLM_MASTER_KEY, "
        "sends cookies over HTTPS only and logs JSON.",
    )
    data_dir: Path = Field(
        Path("var"),
        validation_alias="FRONTDESK_DATA_DIR",
        description="The directory of the database, the journal, the knowledge indexes and generated keys.",
    )
    database_url: SecretStr = Field(
        SecretStr(""),
        validation_alias="FRONTDESK_DATABASE_URL",
        description="`sqlite:////absolute/path.sqlite3` or `postgres://user:password@host:5432/name` (needs psycopg). "
        "Empty: SQLite in the data directory.",
    )
    host: str = Field("127.0.0.1", validation_alias="FRONTDESK_HOST", description="The address to serve on.")
    port: int = Field(
        8000,
        ge=0,
        le=65535,
        validation_alias=AliasChoices("FRONTDESK_PORT", "PORT"),
        description="The port to serve on; 0 takes a free one.",
    )
    redis_url: SecretStr = Field(
        SecretStr(""),
        validation_alias="FRONTDESK_REDIS_URL",
        description="`redis://:password@host:6379/0` (also `rediss://`, `unix://`): where several serving processes "
        "share budgets and announce changes. Needed from two processes on; empty: one process, in memory.",
    )
    broker_url: SecretStr = Field(
        SecretStr(""),
        validation_alias="FRONTDESK_BROKER_URL",
        description="`redis://host:6379/1`: where `frontdesk worker` and `frontdesk beat` take jobs from. Empty: the "
        "serving process runs the jobs itself.",
    )
    workers: int = Field(
        1,
        ge=1,
        le=128,
        validation_alias="FRONTDESK_WORKERS",
        description="How many processes `frontdesk serve` starts; more than one needs FRONTDESK_REDIS_URL.",
    )
    drain_s: float = Field(
        0.0,
        ge=0,
        le=300,
        allow_inf_nan=False,
        validation_alias="FRONTDESK_DRAIN_S",
        description="Seconds that a server goes on listening after SIGTERM while `/readyz` says 503 already, for load "
        "balancers to notice; 5 suits Kubernetes.",
    )
    grace_s: float = Field(
        30.0,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        validation_alias="FRONTDESK_GRACE_S",
        description="Seconds that running requests and streams then get to end; what runs longer is cancelled.",
    )
    allowed_hosts: tuple[str, ...] = Field(
        (),
        validation_alias="FRONTDESK_ALLOWED_HOSTS",
        description="Host names that pages and widget.js answer to, separated by commas. Empty: any; in production "
        "this machine's own names only.",
    )
    trusted_proxies: tuple[str, ...] = Field(
        (),
        validation_alias="FRONTDESK_TRUSTED_PROXIES",
        description="Addresses or networks of the proxies in front, separated by commas (`10.0.0.0/8`). Only what they "
        "write into X-Forwarded-For is believed when visitors are counted by address.",
    )
    secret_key: SecretStr = Field(
        SecretStr(""),
        validation_alias="FRONTDESK_SECRET_KEY",
        description="Signs sessions and visitor tokens. Empty: made once, kept in `secret.key` in the data directory.",
    )
    master_keys: tuple[SecretStr, ...] = Field(
        (),
        validation_alias="LLM_MASTER_KEY",
        description="Master keys of stored provider keys, separated by commas: the first seals, all open. Required in "
        "production; elsewhere made once and kept in `master.key` in the data directory. Make one with "
        "`frontdesk generate_master_key`.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", validation_alias="LOG_LEVEL", description="The least severe level that is logged, to standard error."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *other_sources: PydanticBaseSettingsSource,
        **named_sources: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what `load` found, and look nowhere else: neither .env files nor the process's environment again."""
        return (init_settings,)

    @field_validator("allowed_hosts", "master_keys", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("redis_url", "broker_url")
    @classmethod
    def _is_redis(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("it must begin with redis://, rediss:// or unix://")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ip_network(part)) for part in value)

    @field_validator("environment", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.strip().upper() if isinstance(value, str) else value

    @property
    def is_production(self) -> bool:
        """Tell whether real customers are served."""
        return self.environment == "production"

    @property
    def effective_log_level(self) -> str:
        """Tell the level of Frontdesk's own log lines."""
        return "DEBUG" if self.debug_mode else self.log_level

    def effective_hosts(self) -> tuple[str, ...]:
        """List the host names that pages answer to."""
        if self.allowed_hosts:
            return self.allowed_hosts
        return ("localhost", "127.0.0.1", "[::1]") if self.is_production else ("*",)

    def operator_credentials(self) -> list[OperatorKey]:
        """List the provider keys that the environment gives, in the order of the settings reference."""
        return with_overlays(self.operator_keys(), self.provider_overlays)

    @model_validator(mode="after")
    def _overlays_agree(self) -> Configuration:
        self.operator_credentials()
        return self

    def resolved_secret_key(self) -> str:
        """Give the signing key, making and keeping one if none is set."""
        if given := self.secret_key.get_secret_value():
            return given
        return secret_file.read_or_create(self.data_dir / "secret.key", generate_master_key)

    def resolved_master_keys(self) -> tuple[str, ...]:
        """Give the master keys, making and keeping one if none is set (never in production)."""
        if self.master_keys:
            return tuple(key.get_secret_value() for key in self.master_keys)
        if self.is_production:
            raise ConfigurationError(
                "LLM_MASTER_KEY is not set, and ENVIRONMENT=production does not start without it: "
                "make one with `frontdesk generate_master_key` and keep it outside the data directory"
            )
        return secret_file.keys_in(secret_file.read_or_create(self.master_key_file, generate_master_key))

    def secrets(self) -> list[str]:
        """List every secret, for the net under the logs."""
        return secret_values.of(self)

    def reread_master_keys(self) -> tuple[str, ...]:
        """Give the master keys as they are now, for a process that follows a rotation; () when they cannot be read."""
        if self.master_keys:
            return tuple(key.get_secret_value() for key in self.master_keys)
        try:
            return secret_file.keys_in(self.master_key_file.read_text())
        except (OSError, UnicodeDecodeError):
            return ()

    @property
    def master_key_file(self) -> Path:
        """Tell where master keys are kept that are not in the environment: one a line, the first seals."""
        return self.data_dir / "master.key"


def load(environment: Mapping[str, str] | None = None) -> Configuration:
    """Read and check the configuration; ConfigurationError, in one line, names the variables at fault.

    `environment` replaces the process's (for tests). Nothing is written.
    """
    given = _given(os.environ if environment is None else environment)
    try:
        configuration = Configuration.model_validate({variables(name)[0]: value for name, (_, value) in given.items()})
    except ValidationError as error:
        used = {variables(name)[0]: variable for name, (variable, _) in given.items()}
        raise ConfigurationError("; ".join(_sentence(dict(fault), used) for fault in error.errors())) from None
    _check_production(configuration)
    return configuration.model_copy(update={"data_dir": configuration.data_dir.expanduser().absolute()})


def _given(environment: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Find the fields that are set: the variable that wins and its text, by field name."""
    found = {}
    for name in Configuration.model_fields:
        variable = next((variable for variable in variables(name) if environment.get(variable)), None)
        if variable is not None:
            found[name] = (variable, environment[variable])
    return found


def _check_production(configuration: Configuration) -> None:
    if configuration.is_production or configuration.master_keys:
        try:
            Vault(configuration.resolved_master_keys())
        except VaultError as error:
            raise ConfigurationError(str(error)) from None


def variables(field_name: str) -> tuple[str, ...]:
    """List the environment variables of a field, the one that wins first."""
    alias = Configuration.model_fields[field_name].validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(str(choice) for choice in alias.choices)
    return (str(alias),)


def _sentence(fault: Mapping[str, Any], used: Mapping[str, str]) -> str:
    message = str(fault["msg"]).removeprefix("Value error, ")
    if not fault["loc"]:
        return message
    location = str(fault["loc"][0])
    return f"{used.get(location, location)} is not valid: {message[:1].lower()}{message[1:]}"
