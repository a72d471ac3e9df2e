"""What goes into the reply engine and what comes out, and what it needs of a gateway."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from frontdesk.gateway.journal.record import Caller
from frontdesk.gateway.messages import Delta, Reply, Request
from frontdesk.gateway.snapshot import AUTO

SourceKind = Literal["model", "knowledge", "default"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """A customer's message as a channel hands it in. The caller has checked that the visitor owns the conversation.

    The channel's own choices narrow the tenant's: a model is asked only when both allow it. None takes the tenant's
    setting.
    """

    tenant_id: int
    message_text: str
    request_id: str
    """UUIDv7 of the inbound request."""
    channel: str = "web"
    widget_id: int | None = None
    ip_key: str = ""
    """What stands for the visitor's address where budgets count by it."""
    conversation_id: int | None = None
    """None starts a conversation."""
    llm_enabled: bool = True
    llm_model: str = AUTO
    temperature: float | None = None
    max_tokens: int | None = None
    fallback_to_knowledge_base: bool = True


@dataclass(frozen=True, slots=True)
class Said:
    """A message as history: who and what."""

    author: str
    text: str


class Citation(msgspec.Struct, frozen=True):
    """An entry that the answer rests on; `title` is its question."""

    entry_id: int
    title: str


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where an answer came from; title and entry are those of a knowledge answer."""

    kind: SourceKind
    title: str | None = None
    entry_id: int | None = None
    citations: tuple[Citation, ...] = ()


class Start(msgspec.Struct, frozen=True):
    """The message is stored and will be answered."""

    conversation_id: int
    message_id: int
    timestamp: datetime


class TextDelta(msgspec.Struct, frozen=True):
    """A piece of the answer."""

    text: str


class TurnReply(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer; `message_id` is the turn's id. `notice` is a line to show beside it, if any."""

    message_id: int
    conversation_id: int
    response: str
    confidence: float
    timestamp: datetime
    source: Source
    suggestions: tuple[str, ...] = ()
    notice: str | None = None


StreamEvent = Start | TextDelta | TurnReply


class ModelStream(Protocol):
    """A streamed answer of a model; closing it closes the upstream connection."""

    def __aiter__(self) -> AsyncIterator[Sequence[Delta]]: ...

    async def aclose(self) -> None:
        """Leave before the end."""
        ...


class ModelGateway(Protocol):
    """What the engine asks of the gateway. All failures are GatewayErrors."""

    def can_serve(self, tenant_id: int, model: str) -> bool:
        """Tell whether a call of the tenant for the model would reach a provider."""
        ...

    async def complete(self, request: Request, caller: Caller) -> Reply:
        """Ask and wait for the whole answer."""
        ...

    def stream(self, request: Request, caller: Caller) -> ModelStream:
        """Ask and give the answer as it arrives."""
        ...
