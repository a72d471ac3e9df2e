"""What a budget is: whose spending it limits, of what, and over which time."""

from typing import Literal, Protocol

import msgspec

Scope = Literal["global", "provider", "tenant", "widget", "api_key", "session", "ip"]
"""Whose spending is counted. Those after `tenant` belong to one."""
Unit = Literal["requests", "tokens", "usd"]
"""What is counted: one a message however many attempts it takes; all tokens of all attempts; nano-USD."""
Window = Literal["minute", "hour", "day", "month"]
"""Over which time: minutes of UTC; hours, days and months of the budget's time zone."""
Policy = Literal["reject", "degrade", "knowledge"]
"""What becomes of a message that the budget has nothing left for: refused with 429, answered by a cheaper model (and
without one as `knowledge`), or answered from the knowledge base with a notice (the gateway's own clients get 429)."""

Amounts = tuple[int, int, int]
"""Requests, tokens, nano-USD."""
UNITS: tuple[Unit, ...] = ("requests", "tokens", "usd")
"""The units in the order of Amounts."""

EACH = "*"
"""The owner of a budget that holds for each of its scope by itself."""
MOST = 2**53
"""The largest limit: Redis' scripts count in doubles."""

CREDITS_NOTICE = "You've reached your free AI limit. Upgrade for unlimited!"
"""What a customer is told where a budget of policy `knowledge` has no notice of its own."""

_COUNTED = frozenset({"success", "cancelled", "interrupted"})


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """One limit. `owner` is a provider's name, an id as text, EACH, or empty for `global`.

    `tenant_id` is None for `global` and `provider`, and for what holds for every tenant. A `limit` of None lifts a
    limit that would hold otherwise. Of several budgets of one scope, unit and window the narrowest holds: the owner's
    own before each of its tenant's, before each of all.
    """

    scope: Scope
    owner: str
    tenant_id: int | None = None
    unit: Unit
    window: Window
    limit: int | None
    """Requests, tokens, or nano-USD; at most MOST."""
    zone: str = "UTC"
    """IANA name of the zone whose midnights and months count; empty for the zone of the tenant that is served."""
    policy: Policy = "reject"
    notice: str = ""


class ShownLimit(msgspec.Struct, frozen=True):
    """A limit in its running window, as its own client may know it."""

    scope: Scope
    unit: Unit
    window: Window
    limit: int
    window_s: int
    resets_at_s: int
    """Seconds since the epoch."""


class LimitState(msgspec.Struct, frozen=True):
    """Where a limit stands."""

    shown: ShownLimit
    left: int


def place(scope: Scope, owner: str, tenant_id: int | None) -> str:
    """Name where budgets are looked up in `Snapshot.budgets`."""
    return f"{scope}:{tenant_id}:{EACH}" if owner == EACH and tenant_id is not None else f"{scope}:{owner}"


def counter_key(scope: Scope, owner: str, window: Window, zone: str, start_s: int) -> str:
    """Name the counters of one owner in one window; `counter_unit_key` names one of them.

    `start_s` is the window's first second since the epoch.
    """
    return f"{scope}:{owner}:{window}:{zone}:{start_s}"


def counter_unit_key(counter: str, unit: Unit) -> str:
    """Name the counter of one unit."""
    return f"{counter}:{unit}"


class TokenCounts(Protocol):
    """What is asked of a call's usage."""

    @property
    def input_tokens(self) -> int:
        """All tokens that went in."""
        ...

    @property
    def output_tokens(self) -> int:
        """All tokens that came out."""
        ...


def spent(status: str, usage: TokenCounts, cost_nano_usd: int | None) -> Amounts:
    """Tell what a call settled with this status takes from budgets.

    A failed one is no request, though its tokens may have been billed.
    """
    return (int(status in _COUNTED), usage.input_tokens + usage.output_tokens, cost_nano_usd or 0)
