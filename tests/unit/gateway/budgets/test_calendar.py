"""Windows in every time zone, every change of the clocks from 2024 to 2030."""

import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontdesk.gateway.budgets import calendar
from frontdesk.gateway.budgets.calendar import SECOND_NS, Period
from frontdesk.gateway.budgets.terms import Window

FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
ZONES = sorted(zoneinfo.available_timezones())


def at(text: str, zone: str = "UTC") -> int:
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=zoneinfo.ZoneInfo(zone))).timestamp()) * SECOND_NS


def shown(period: Period, zone: str) -> tuple[str, str]:
    place = zoneinfo.ZoneInfo(zone)
    return tuple(datetime.fromtimestamp(edge, place).isoformat() for edge in (period.start_s, period.end_s))  # type: ignore[return-value]  # two


def walked(zone: str, window: Window) -> Iterator[Period]:
    """Give all windows from 2024 to 2030, each found from the end of the one before."""
    period = calendar.current(zone, window, int(FIRST.timestamp()) * SECOND_NS)
    while period.start_s < LAST.timestamp():
        yield period
        period = calendar.current(zone, window, period.end_s * SECOND_NS)


@pytest.mark.parametrize(
    ("zone", "moment", "window", "expected"),
    [
        ("UTC", "2026-02-28T23:59:59+00:00", "month", ("2026-02-01T00:00:00+00:00", "2026-03-01T00:00:00+00:00")),
        ("UTC", "2028-02-29T12:00:00+00:00", "day", ("2028-02-29T00:00:00+00:00", "2028-03-01T00:00:00+00:00")),
        # The clocks go forward: a day of 23 hours; back: one of 25.
        ("Europe/Berlin", "2026-03-29T12:00", "day", ("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00")),
        ("Europe/Berlin", "2026-10-25T12:00", "day", ("2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00")),
        ("Europe/Berlin", "2026-10-25T12:00", "month", ("2026-10-01T00:00:00+02:00", "2026-11-01T00:00:00+01:00")),
        # No midnight: Cairo's clocks go from 00:00 to 01:00.
        ("Africa/Cairo", "2026-04-24T12:00", "day", ("2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00")),
        # Two midnights: Havana's clocks go from 01:00 back to 00:00.
        ("America/Havana", "2026-11-01T12:00", "day", ("2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00")),
        # The evening before comes twice: Beirut's clocks go from 00:00 back to 23:00.
        ("Asia/Beirut", "2026-10-24T12:00", "day", ("2026-10-24T00:00:00+03:00", "2026-10-25T00:00:00+02:00")),
        (
            "Asia/Kolkata",
            "2026-05-01T10:29:59+05:30",
            "hour",
            ("2026-05-01T10:00:00+05:30", "2026-05-01T11:00:00+05:30"),
        ),
        # Half an hour back: 01:30 comes twice, and the second time is half an hour of its own.
        (
            "Australia/Lord_Howe",
            "2026-04-04T15:10:00+00:00",
            "hour",
            ("2026-04-05T01:30:00+10:30", "2026-04-05T02:00:00+10:30"),
        ),
        (
            "Asia/Tokyo",
            "2026-05-01T10:29:59+09:00",
            "minute",
            ("2026-05-01T10:29:00+09:00", "2026-05-01T10:30:00+09:00"),
        ),
    ],
)
def test_window_of_a_moment(zone: str, moment: str, window: Window, expected: tuple[str, str]) -> None:
    assert shown(calendar.current(zone, window, at(moment, zone)), zone) == expected


@pytest.mark.parametrize("zone", ZONES)
def test_days_and_months_follow_each_other_and_begin_with_the_date(zone: str) -> None:
    place = zoneinfo.ZoneInfo(zone)
    days = list(walked(zone, "day"))
    months = list(walked(zone, "month"))

    assert all(before.end_s == after.start_s for before, after in (*pairwise(days), *pairwise(months)))
    dates = [datetime.fromtimestamp(day.start_s, place).date() for day in days]
    assert all(after - before == timedelta(days=1) for before, after in pairwise(dates))
    assert all(
        datetime.fromtimestamp(day.start_s - 1, place).date() < datetime.fromtimestamp(day.start_s, place).date()
        for day in days
    )
    firsts = [datetime.fromtimestamp(month.start_s, place).date() for month in months]
    assert {first.day for first in firsts} == {1}
    assert all((after - before).days in range(28, 32) for before, after in pairwise(firsts))


@given(
    st.sampled_from(ZONES),
    st.sampled_from(["minute", "hour", "day", "month"]),
    st.integers(int(FIRST.timestamp()), int(LAST.timestamp())),
    st.integers(0, SECOND_NS - 1),
)
@settings(max_examples=500, deadline=None)
def test_every_moment_of_a_window_has_the_same_window(zone: str, window: Window, now_s: int, rest_ns: int) -> None:
    period = calendar.current(zone, window, now_s * SECOND_NS + rest_ns)

    assert period.start_s <= now_s < period.end_s
    edges = (period.start_s, (period.start_s + period.end_s) // 2, period.end_s - 1)
    assert {calendar.current(zone, window, edge * SECOND_NS) for edge in edges} == {period}
    assert calendar.current(zone, window, period.end_s * SECOND_NS).start_s == period.end_s


@pytest.mark.parametrize("zone", ["Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Chatham", "Europe/Berlin"])
def test_hours_follow_each_other_through_changes_of_the_clocks(zone: str) -> None:
    hours = list(walked(zone, "hour"))

    assert all(before.end_s == after.start_s for before, after in pairwise(hours))
    assert {hour.end_s - hour.start_s for hour in hours} <= {1800, 3600}


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "Europe", "\0"])
def test_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValueError):
        calendar.current(zone, "day", 0)
