"""How long a provider asks to wait, in the forms seen: seconds, a date, or milliseconds in a header of its own."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_S = 24 * 3600.0
"""A wait longer than this is not believed."""


def parse(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read the seconds to wait; None when absent or unreadable. The names of `headers` are in lower case."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds:  # Azure sends 0 beside a `Retry-After` that means it
        return _bounded(milliseconds / 1000)
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is None and value:
        seconds = _seconds_until(value, now)
    return None if seconds is None else _bounded(seconds)


def _seconds_until(value: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - now).total_seconds()


def _number(value: str | None) -> float | None:
    try:
        return float(value) if value else None
    except ValueError:
        return None


def _bounded(seconds: float) -> float | None:
    if seconds != seconds:  # NaN
        return None
    return min(max(seconds, 0.0), LONGEST_S)
