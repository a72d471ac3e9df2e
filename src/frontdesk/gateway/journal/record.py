"""What is written about a call: an `Intent` before the provider is asked, a `Settled` after.

A settled record is self-contained (it repeats its intent), so that a reader needs nothing that came before it.
Encoded with msgpack, as arrays: fields may only ever be added at the end, with a default.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import msgspec

from frontdesk.gateway.messages import Usage

MAX_INTEGER = 2**63 - 1
"""The largest integer that every database takes, to either side of zero."""

MAX_COST_NANO_USD = 10**15
"""A million dollars: no call costs more, and the sum of thousands of such costs is still below MAX_INTEGER."""

TEXT_LIMITS: Mapping[str, int] = MappingProxyType(
    {
        "request_id": 64,
        "client_request_id": 200,
        "subject_type": 100,
        "subject_id": 200,
        "session_key": 64,
        "ip_key": 64,
        "operation": 100,
        "provider": 40,
        "model": 200,
        "served_model": 200,
        "credential_id": 64,
        "price_source": 200,
        "finish": 40,
        "native_finish": 100,
        "error_class": 40,
        "error_code": 100,
        "error_message": 2000,
    }
)
"""The most characters that are kept of a text, by the name of its field."""

CallStatus = Literal["success", "failed", "interrupted", "cancelled", "credits_exhausted", "cached"]


class Caller(msgspec.Struct, frozen=True, array_like=True):
    """On whose behalf a call is made. Ids are None where they do not apply."""

    tenant_id: int
    request_id: str
    """UUIDv7 of the inbound request, as text; the reply's `x-request-id`."""
    operation: str = "chat"
    api_key_id: int | None = None
    widget_id: int | None = None
    conversation_id: int | None = None
    turn_id: int | None = None
    user_id: int | None = None
    subject_type: str = ""
    """The caller's own object that the call was for, for example `book`; `subject_id` is its id."""
    subject_id: str = ""
    client_request_id: str = ""
    """The `x-request-id` that the client sent, stored beside ours and never used as a key."""
    session_key: str = ""
    """The visitor's session, where budgets count by it."""
    ip_key: str = ""
    """A keyed digest of the client's address, where budgets count by it."""


class Intent(msgspec.Struct, frozen=True, array_like=True, tag="intent"):
    """A call is about to be made."""

    call_id: bytes
    """16 bytes of a UUIDv7, time-ordered."""
    at_ns: int
    caller: Caller
    provider: str
    model: str
    credential_id: str
    is_streamed: bool
    estimated_input_tokens: int
    max_tokens: int | None = None
    temperature: float | None = None
    position: int = 0
    """The attempt's place in its request: 0 is the first, others are failovers."""


class Settled(msgspec.Struct, frozen=True, array_like=True, tag="settled"):
    """A call has ended. Costs are None when the model has no price: unknown is not zero."""

    intent: Intent
    status: CallStatus
    usage: Usage
    cost_nano_usd: int | None
    latency_ms: int
    first_token_ms: int | None = None
    served_model: str = ""
    """The provider's own name for the model that answered."""
    finish: str = ""
    native_finish: str = ""
    price_source: str = ""
    error_class: str = ""
    """A `Decision`, empty when nothing failed."""
    error_code: str = ""
    error_message: str = ""
    """The public message: no key, no text of the conversation."""
    upstream_status: int | None = None


Record = Intent | Settled
_StructT = TypeVar("_StructT", bound=msgspec.Struct)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Record)
_settled_decoder = msgspec.msgpack.Decoder(Settled)
_INTENT_TAG = _encoder.encode("intent")


def encode(record: Record) -> bytes:
    """Turn a record into msgpack bytes."""
    return _encoder.encode(record)


def fitted(record: _StructT) -> _StructT:
    """Cut a record's texts and numbers to what fits the journal and the ledger; what fits stays as it is."""
    names = record.__struct_fields__
    return msgspec.structs.replace(record, **{name: _fitted(name, getattr(record, name)) for name in names})


def _fitted(name: str, value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return fitted(value)
    if isinstance(value, str):
        # What is no text (half of a surrogate pair) cannot be written either.
        return value[: TEXT_LIMITS.get(name)].encode("utf-8", "replace").decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-MAX_INTEGER, min(value, MAX_INTEGER))
    return value


def decode_settled(payload: bytes) -> Settled | None:
    """Turn the bytes of a settled record back into it; None for an intent, which is told by its first bytes."""
    if payload.startswith(_INTENT_TAG, 1):
        return None
    record: Settled = _settled_decoder.decode(payload)
    return record


def decode(payload: bytes) -> Record:
    """Turn msgpack bytes back into a record; msgspec.ValidationError or DecodeError when they are none."""
    record: Record = _decoder.decode(payload)
    return record
