"""Chooses the implementations: assembles the Snapshot from the apps' sections, and the Gateway from its ports."""

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from django.conf import settings
from pydantic import SecretStr

from frontdesk.gateway.clock import SystemClock
from frontdesk.gateway.journal.writer import JournalWriter
from frontdesk.gateway.pipeline import Gateway
from frontdesk.gateway.ports import Journal, ProviderPort
from frontdesk.gateway.providers import openai
from frontdesk.gateway.providers.http import HttpProvider
from frontdesk.gateway.providers.overlay import lay_over
from frontdesk.gateway.providers.simulated import SimulatedProvider
from frontdesk.gateway.providers.transport import Transport
from frontdesk.gateway.snapshot import SIMULATED, Credential, Snapshot, Tenant, index_bare_names
from frontdesk.gateway.vault import Vault
from frontdesk.server.announcements import Announcements
from frontdesk.server.call_log import LoggedJournal
from frontdesk.server.snapshots import SnapshotHolder
from frontdesk.server.spending import Spending
from frontdesk.tenants import selectors as tenants_selectors
from frontdesk.tenants import snapshot as tenants_snapshot
from frontdesk.tenants import vault as tenants_vault
from frontdesk.tenants.tenancy import current_version
from frontdesk.usage import snapshot as usage_snapshot
from frontdesk.usage.budgets import limits
from frontdesk.usage.budgets.running import running_counters
from frontdesk.usage.drain import Drain
from frontdesk.usage.services import drain_orphans

PROVIDER_ENVIRONMENT = "environment"
"""The credential id of keys that come from the operator's environment."""


class OperatorKey(Protocol):
    """A provider key from the operator's environment, as the configuration gives it."""

    @property
    def provider(self) -> str:
        """The provider's name."""
        ...

    @property
    def key(self) -> SecretStr:
        """The key itself."""
        ...

    @property
    def base_url(self) -> str:
        """Where to reach the provider; "" is its own address."""
        ...

    @property
    def organization(self) -> str:
        """What calls are billed to; "" when not given."""
        ...


class Process(msgspec.Struct, frozen=True):
    """What a serving process runs on."""

    gateway: Gateway
    snapshots: SnapshotHolder
    journal: JournalWriter
    drain: Drain
    transport: Transport
    announcements: Announcements
    spending: Spending

    def work(self) -> Sequence[Coroutine[Any, Any, None]]:
        """Make what has to run on the event loop, each until it is cancelled, for as long as the process serves."""
        return (self.snapshots.keep_current(), self.announcements.listen(), self.spending.keep_true())

    def is_redis_failing(self) -> bool | None:
        """Tell whether Redis cannot be reached; None where there is none."""
        return self.announcements.is_failing or self.spending.is_failing if settings.REDIS_URL else None

    async def close(self) -> None:
        """Close what the event loop holds, when no request runs any more."""
        await self.transport.aclose()
        await self.spending.close()


def build_process() -> Process:
    """Open the journal, read the configuration and put everything together. OSError if the journal cannot be opened.

    What a killed process left in its journal is in the ledger before anything new is taken on.
    """
    clock = SystemClock()
    vault = tenants_vault.current()
    drain_orphans()
    snapshots = SnapshotHolder(read_snapshot, current_version)
    journal = JournalWriter.open(settings.DATA_DIR / "journal", clock)
    transport = Transport()
    spending = Spending.of_process(clock, _instance(), running_counters)
    snapshots.prepare = spending.prepare
    gateway = Gateway(
        snapshots=snapshots,
        providers=_providers(transport, vault),
        journal=_logged(journal),
        budgets=spending.budgets,
        clock=clock,
    )
    announcements = Announcements(settings.REDIS_URL, snapshots.refresh)
    return Process(gateway, snapshots, journal, Drain(journal), transport, announcements, spending)


def build_gateway() -> Gateway:
    """Build the Gateway of a process that does not serve; the journal's rows come with the next adoption."""
    return build_process().gateway


def read_snapshot() -> Snapshot:
    """Assemble the configuration from the database and the environment."""
    version = current_version()
    tenants = tenants_snapshot.section()
    catalog = usage_snapshot.section()
    spending = limits.section()
    providers, models = lay_over(catalog.providers, catalog.models, settings.LLM_PROVIDER_OVERLAYS)
    return Snapshot(
        version=version,
        operator_id=tenants.operator_id,
        tenants=_with_environment_keys(tenants.tenants, tenants.operator_id, tenants_vault.current()),
        api_keys=tenants.api_keys,
        providers=providers,
        models=models,
        aliases=catalog.aliases,
        disabled_models=catalog.disabled_models,
        bare_names=index_bare_names(models, providers),
        budgets=spending.budgets,
        budget_credits=spending.budget_credits,
        preferred_model="/".join(
            part for part in (settings.LLM_PREFERRED_PROVIDER, settings.LLM_PREFERRED_MODEL) if part
        ),
    )


def _instance() -> str:
    """Name this installation on a Redis that others may use, too: the same wherever its database is reached from."""
    return f"{tenants_selectors.operator().created_at:%Y%m%dT%H%M%S%f}"


def _providers(transport: Transport, vault: Vault) -> Mapping[str, ProviderPort]:
    return {openai.WIRE: HttpProvider(openai, transport, vault), SIMULATED: SimulatedProvider()}


def _logged(journal: Journal) -> Journal:
    return LoggedJournal(journal) if settings.LLM_DEBUG_MODE else journal


def _with_environment_keys(tenants: Mapping[int, Tenant], operator_id: int, vault: Vault) -> Mapping[int, Tenant]:
    """Give the operator's tenant the environment's keys, behind those that were entered by hand."""
    keys: Sequence[OperatorKey] = settings.CONFIGURATION.operator_credentials()
    operator = tenants.get(operator_id)
    if not keys or operator is None:
        return tenants
    credentials = dict(operator.credentials)
    for key in keys:
        credential = Credential(
            id=PROVIDER_ENVIRONMENT,
            tenant_id=operator_id,
            provider=key.provider,
            sealed=vault.seal(operator_id, key.key.get_secret_value()),
            base_url=key.base_url,
            organization=key.organization,
        )
        credentials[key.provider] = (*credentials.get(key.provider, ()), credential)
    return {**tenants, operator_id: msgspec.structs.replace(operator, credentials=credentials)}
