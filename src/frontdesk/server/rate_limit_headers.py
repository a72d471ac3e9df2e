"""Where a client's limits stand, as header fields.

`RateLimit-Policy` and `RateLimit` tell all of them (IETF draft-ietf-httpapi-ratelimit-headers-10, read 2026-11; the
units of ours that are no requests are named in `qu`). `x-ratelimit-remaining-requests` and `-tokens` tell the nearest
one each, as OpenAI's SDKs and their users know them.
"""

from collections.abc import Iterable, Sequence

from frontdesk.gateway.budgets.terms import LimitState
from frontdesk.server.exchange import Header

_NAMED_UNITS = {"requests": "", "tokens": ';qu="tokens"', "usd": ';qu="nano-usd"'}


def rate_limit_headers(limits: Sequence[LimitState], now_s: int) -> list[Header]:
    """Write the fields; none without limits."""
    if not limits:
        return []
    policies, states = [], []
    for limit in limits:
        shown = limit.shown
        name = f'"{shown.scope}-{shown.window}-{shown.unit}"'
        policies.append(f"{name};q={shown.limit};w={shown.window_s}{_NAMED_UNITS[shown.unit]}")
        states.append(f"{name};r={limit.left};t={max(0, shown.resets_at_s - now_s)}")
    headers = [(b"ratelimit-policy", ", ".join(policies).encode()), (b"ratelimit", ", ".join(states).encode())]
    for unit, field in (("requests", b"x-ratelimit-remaining-requests"), ("tokens", b"x-ratelimit-remaining-tokens")):
        if (nearest := _nearest(limits, unit)) is not None:
            headers.append((field, b"%d" % nearest))
    return headers


def _nearest(limits: Iterable[LimitState], unit: str) -> int | None:
    return min((limit.left for limit in limits if limit.shown.unit == unit), default=None)
