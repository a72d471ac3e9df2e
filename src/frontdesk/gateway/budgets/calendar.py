"""Windows of time: from when to when a minute, hour, day or month lasts in a time zone.

Days and months begin at the zone's midnight, also where that midnight does not exist (the day then begins where the
clocks land) or comes twice (the first one counts). Hours begin where the zone's clock shows a full hour; where the
clocks move by a part of an hour, the hour they cut is shorter.
"""

import zoneinfo
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo

import msgspec

from frontdesk.gateway.budgets.terms import Window

SECOND_NS = 1_000_000_000
_HOUR_S = 3_600
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Period(msgspec.Struct, frozen=True):
    """One window: from `start_s` up to but not including `end_s`, in whole seconds since the epoch."""

    start_s: int
    end_s: int


def current(zone: str, window: Window, now_ns: int) -> Period:
    """Give the window that holds a moment. ValueError for a zone that is not known."""
    now_s = now_ns // SECOND_NS
    match window:
        case "minute":
            start_s = now_s - now_s % 60
            return Period(start_s, start_s + 60)
        case "hour":
            return _hour(_zone(zone), now_s)
        case "day":
            place = _zone(zone)
            today = _local(place, now_s).date()
            return Period(_midnight(place, today), _midnight(place, today + timedelta(days=1)))
        case "month":
            place = _zone(zone)
            first = _local(place, now_s).date().replace(day=1)
            return Period(_midnight(place, first), _midnight(place, (first + timedelta(days=32)).replace(day=1)))


def known(zone: str) -> str:
    """Give the zone's name, or UTC where this machine does not know it: calls must be counted all the same."""
    try:
        _zone(zone)
    except ValueError:
        return "UTC"
    return zone


def _zone(name: str) -> tzinfo:
    try:
        return zoneinfo.ZoneInfo(name)  # keeps what it has read
    except (zoneinfo.ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"{name!r} is not a known time zone") from error


def _local(zone: tzinfo, at_s: int) -> datetime:
    return (_EPOCH + timedelta(seconds=at_s)).astimezone(zone)


def _midnight(zone: tzinfo, day: date) -> int:
    """Find the day's first second: of a midnight that comes twice the first; one that is skipped is reckoned in the
    time before the change, which gives the moment of the change itself.
    """
    return int(datetime(day.year, day.month, day.day, tzinfo=zone, fold=0).timestamp())


def _hour(zone: tzinfo, now_s: int) -> Period:
    def offset(at_s: int) -> int:
        shift = _local(zone, at_s).utcoffset()
        return 0 if shift is None else int(shift.total_seconds())

    here = offset(now_s)
    start_s = now_s - (now_s + here) % _HOUR_S
    end_s = start_s + _HOUR_S
    if (offset(start_s) - here) % _HOUR_S:
        start_s = _first(start_s, now_s, lambda at_s: offset(at_s) == here)
    if (offset(end_s - 1) - here) % _HOUR_S:
        end_s = _first(now_s, end_s - 1, lambda at_s: offset(at_s) != here)
    return Period(start_s, end_s)


def _first(low_s: int, high_s: int, holds: Callable[[int], bool]) -> int:
    """Find the first second after `low_s` and up to `high_s` from which on something holds."""
    while high_s - low_s > 1:
        middle_s = (low_s + high_s) // 2
        low_s, high_s = (low_s, middle_s) if holds(middle_s) else (middle_s, high_s)
    return high_s
