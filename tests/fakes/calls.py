"""Journal records of made-up calls, and a clock that stands still until it is told to move."""

from uuid import UUID

from frontdesk.gateway.clock import uuid7
from frontdesk.gateway.journal.record import Caller, CallStatus, Intent, Settled
from frontdesk.gateway.messages import Usage

NOON_NS = 1_790_000_000_000_000_000
"""2026-09-21 14:13:20 UTC."""


class StillClock:
    """A Clock whose monotonic time is set by hand; the wall clock counts up by 1 ns."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._ns = NOON_NS

    def now_ns(self) -> int:
        self._ns += 1
        return self._ns

    def monotonic(self) -> float:
        return self.seconds


def call_id(number: int) -> UUID:
    """Make the id of the call with this number; ids are in the order of the numbers."""
    return UUID(int=uuid7(NOON_NS + number * 1_000_000).int >> 62 << 62 | number)


def intent(number: int, *, tenant_id: int = 1, model: str = "gpt-4o-mini", client_request_id: str = "") -> Intent:
    """Make the intent of a call; its request id is `request-<number>`, its time NOON + number ms."""
    return Intent(
        call_id=call_id(number).bytes,
        at_ns=NOON_NS + number * 1_000_000,
        caller=Caller(tenant_id, f"request-{number}", api_key_id=7, client_request_id=client_request_id),
        provider="openai",
        model=model,
        credential_id="c1",
        is_streamed=False,
        estimated_input_tokens=1_000,
        max_tokens=500,
        temperature=0.7,
    )


def settled(of: Intent, status: CallStatus = "success", *, output: int = 50, cost: int | None = 45_000) -> Settled:
    """Make the settled record of an intent: 100 tokens in (40 from the cache), `output` out."""
    return Settled(
        intent=of,
        status=status,
        usage=Usage(60, 40, 0, output, 0),
        cost_nano_usd=cost,
        latency_ms=812,
        first_token_ms=240,
        served_model="gpt-4o-mini-2024-07-18",
        finish="stop",
        native_finish="stop",
        price_source="genai-prices 0.2.3",
    )
