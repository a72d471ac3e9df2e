"""What is written about a call: an `Intent` before the provider is asked, a `Settled` after.

A settled record is self-contained (it repeats its intent), so that a reader needs nothing that came before it.
Encoded with msgpack, as arrays: fields may only ever be added at the end, with a default.
"""

from typing import Literal

import msgspec

from frontdesk.gateway.messages import Usage

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

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Record)
_settled_decoder = msgspec.msgpack.Decoder(Settled)
_INTENT_TAG = _encoder.encode("intent")


def encode(record: Record) -> bytes:
    """Turn a record into msgpack bytes."""
    return _encoder.encode(record)


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
