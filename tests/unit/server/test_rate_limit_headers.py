"""A client's limits as header fields."""

from frontdesk.gateway.budgets.terms import LimitState, ShownLimit
from frontdesk.server.rate_limit_headers import rate_limit_headers

NOW_S = 1_790_000_000


def test_all_limits_are_told_and_the_nearest_of_requests_and_tokens_again() -> None:
    limits = [
        LimitState(ShownLimit("api_key", "requests", "minute", 60, 60, NOW_S + 20), 59),
        LimitState(ShownLimit("tenant", "requests", "day", 100, 86_400, NOW_S + 3_000), 7),
        LimitState(ShownLimit("tenant", "tokens", "month", 10**6, 2_592_000, NOW_S + 9), 5_000),
        LimitState(ShownLimit("tenant", "usd", "hour", 5 * 10**9, 3_600, NOW_S - 1), 0),
    ]

    assert rate_limit_headers(limits, NOW_S) == [
        (
            b"ratelimit-policy",
            b'"api_key-minute-requests";q=60;w=60, "tenant-day-requests";q=100;w=86400, '
            b'"tenant-month-tokens";q=1000000;w=2592000;qu="tokens", '
            b'"tenant-hour-usd";q=5000000000;w=3600;qu="nano-usd"',
        ),
        (
            b"ratelimit",
            b'"api_key-minute-requests";r=59;t=20, "tenant-day-requests";r=7;t=3000, '
            b'"tenant-month-tokens";r=5000;t=9, "tenant-hour-usd";r=0;t=0',
        ),
        (b"x-ratelimit-remaining-requests", b"7"),
        (b"x-ratelimit-remaining-tokens", b"5000"),
    ]


def test_without_limits_there_is_nothing_to_tell() -> None:
    assert rate_limit_headers([], NOW_S) == []
