"""In-memory ports of the gateway, and the builders of the values they take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from frontdesk.gateway.budgets.engine import Budgets
from frontdesk.gateway.errors import JournalUnavailable
from frontdesk.gateway.journal.record import Caller, Intent, Record, Settled
from frontdesk.gateway.messages import Delta, Message, Reply, Request
from frontdesk.gateway.pipeline import Gateway
from frontdesk.gateway.snapshot import Credential, Model, Price, Provider, Snapshot, Target, Tenant, index_bare_names
from frontdesk.gateway.stores.memory import MemoryBudgets
from frontdesk.gateway.vault import Sealed

OPERATOR_ID, ALICE_ID, MALLORY_ID = 1, 2, 3

PRICE = Price(
    input=2_500_000_000, output=10_000_000_000, cache_read=1_250_000_000, cache_write=2_500_000_000, source="test"
)


class HeldClock:
    """A clock that moves only when told to."""

    def __init__(self, now_ns: int = 1_790_000_000_000_000_000) -> None:
        self._now_ns = now_ns
        self.seconds = 100.0

    def now_ns(self) -> int:
        self._now_ns += 1
        return self._now_ns

    def monotonic(self) -> float:
        return self.seconds


class ListJournal:
    """Keeps records in a list; refuses them while `is_full`."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.is_full = False

    def append(self, record: Record) -> None:
        if self.is_full:
            raise JournalUnavailable("disk full")
        self.records.append(record)

    @property
    def intents(self) -> list[Intent]:
        return [record for record in self.records if isinstance(record, Intent)]

    @property
    def settled(self) -> list[Settled]:
        return [record for record in self.records if isinstance(record, Settled)]


class ScriptedProvider:
    """Answers from a script: a Reply, batches of deltas, or an error in either's place."""

    def __init__(self, *script: Reply | Sequence[Delta] | BaseException, hangs: bool = False) -> None:
        self.script = script
        self.hangs = hangs
        self.asked: list[tuple[Request, Target]] = []
        self.is_closed = False

    async def complete(self, request: Request, target: Target) -> Reply:
        self.asked.append((request, target))
        if self.hangs:
            await asyncio.Event().wait()
        (answer,) = self.script
        if isinstance(answer, BaseException):
            raise answer
        assert isinstance(answer, Reply)
        return answer

    async def stream(self, request: Request, target: Target) -> AsyncGenerator[Sequence[Delta], None]:
        self.asked.append((request, target))
        try:
            for step in self.script:
                if isinstance(step, BaseException):
                    raise step
                assert not isinstance(step, Reply)
                yield step
            if self.hangs:
                await asyncio.Event().wait()
        finally:
            self.is_closed = True


class FixedSnapshot:
    """A Snapshot that does not change."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.current = snapshot


def credential(tenant_id: int, provider: str = "openai") -> Credential:
    return Credential(id=f"c{tenant_id}", tenant_id=tenant_id, provider=provider, sealed=Sealed("k", b""))


def snapshot(**changes: object) -> Snapshot:
    """A catalog of two usable providers and one without a key; Alice has a key of her own."""
    values: dict[str, object] = {
        "version": 1,
        "operator_id": OPERATOR_ID,
        "tenants": {
            OPERATOR_ID: Tenant(id=OPERATOR_ID, name="operator", credentials={"openai": (credential(OPERATOR_ID),)}),
            ALICE_ID: Tenant(id=ALICE_ID, name="alice", credentials={"openai": (credential(ALICE_ID),)}),
            MALLORY_ID: Tenant(id=MALLORY_ID, name="mallory"),
        },
        "api_keys": {},
        "providers": {
            "openai": Provider(name="openai", wire="openai", base_url="http://up/v1", default_model="gpt-4o-mini"),
            "groq": Provider(name="groq", wire="openai", base_url="http://groq/v1", default_model="llama"),
            "simulated": Provider(name="simulated", wire="simulated", base_url="", default_model="echo"),
        },
        "models": {
            model.id: model
            for model in (
                Model(provider="openai", name="gpt-4o", quality_rank=10, price=PRICE),
                Model(provider="openai", name="gpt-4o-mini", quality_rank=20, price=PRICE),
                Model(provider="groq", name="llama", quality_rank=30),
                Model(provider="simulated", name="echo"),
            )
        },
        "aliases": {"gpt-4": "openai/gpt-4o"},
    }
    values["bare_names"] = index_bare_names(values["models"], values["providers"])  # type: ignore[arg-type]
    return Snapshot(**{**values, **changes})  # type: ignore[arg-type]


def gateway(
    provider: ScriptedProvider,
    journal: ListJournal,
    clock: HeldClock | None = None,
    *,
    configuration: Snapshot | None = None,
    budgets: Budgets | None = None,
) -> Gateway:
    clock = clock or HeldClock()
    return Gateway(
        snapshots=FixedSnapshot(configuration or snapshot()),
        providers={"openai": provider},
        journal=journal,
        budgets=budgets or Budgets(MemoryBudgets(clock)),
        clock=clock,
    )


def ask(model: str = "gpt-4o", *, text: str = "Hello there", stream: bool = False) -> Request:
    return Request(model=model, messages=(Message(role="user", content=text),), stream=stream)


CALLER = Caller(tenant_id=ALICE_ID, request_id="r-1")
