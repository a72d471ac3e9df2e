from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.project.jobs.job import Job
from frontdesk.project.jobs.schedule import Daily, Every

moments = st.integers(1_704_067_200, 1_924_991_999).map(lambda second: datetime.fromtimestamp(second, UTC))
"""From 2024 to 2030."""


def test_interval_names_the_same_times_in_every_process():
    at = datetime(2026, 11, 20, 13, 36, 16, 5, UTC)

    assert Every(60).next_after(at) == datetime(2026, 11, 20, 13, 37, tzinfo=UTC)
    assert Every(300).next_after(at) == datetime(2026, 11, 20, 13, 40, tzinfo=UTC)


def test_interval_moves_on_from_one_of_its_own_times():
    assert Every(60).next_after(datetime(2026, 1, 1, 0, 5, tzinfo=UTC)) == datetime(2026, 1, 1, 0, 6, tzinfo=UTC)


def test_daily_is_today_while_the_time_is_to_come_and_tomorrow_after():
    daily = Daily(3, 17, "Europe/Berlin")

    assert daily.next_after(datetime(2026, 7, 1, 1, 16, 59, tzinfo=UTC)) == datetime(2026, 7, 1, 1, 17, tzinfo=UTC)
    assert daily.next_after(datetime(2026, 7, 1, 1, 17, tzinfo=UTC)) == datetime(2026, 7, 2, 1, 17, tzinfo=UTC)


def test_time_that_the_clocks_skip_comes_when_they_would_have_shown_it():
    at = datetime(2026, 3, 28, 12, tzinfo=UTC)

    assert Daily(2, 30, "Europe/Berlin").next_after(at) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_time_that_the_clocks_show_twice_comes_once():
    daily = Daily(2, 30, "Europe/Berlin")
    first = daily.next_after(datetime(2026, 10, 24, 12, tzinfo=UTC))

    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert daily.next_after(first) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@given(moments, st.sampled_from(sorted(available_timezones())), st.integers(0, 23), st.integers(0, 59))
def test_daily_is_always_later_and_within_two_days_and_on_the_clock(at, zone, hour, minute):
    found = Daily(hour, minute, zone).next_after(at)

    assert timedelta(0) < found - at <= timedelta(days=2)
    shown = found.astimezone(ZoneInfo(zone))
    wanted = shown.replace(hour=hour, minute=minute, second=0, microsecond=0)
    is_skipped = wanted.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) != wanted.replace(tzinfo=None)
    assert is_skipped or (shown.hour, shown.minute, shown.second) == (hour, minute, 0)


@given(moments, st.integers(1, 10**6))
def test_interval_is_always_later_by_at_most_itself(at, interval_s):
    found = Every(interval_s).next_after(at)

    assert timedelta(0) < found - at <= timedelta(seconds=interval_s)
    assert found.timestamp() % interval_s == 0


@pytest.mark.parametrize("make", [lambda: Every(0), lambda: Every(-5), lambda: Daily(24), lambda: Daily(3, 60)])
def test_schedule_that_names_no_time_is_refused(make):
    with pytest.raises(ValueError):
        make()


def test_zone_that_does_not_exist_is_refused():
    with pytest.raises(KeyError):
        Daily(3, 0, "Mars/Olympus")


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (Every(20), "every 20 s"),
        (Every(300), "every 5 min"),
        (Every(7200), "every 2 h"),
        (Daily(3, 7, "Asia/Tokyo"), "daily at 03:07 Asia/Tokyo"),
    ],
)
def test_schedule_is_told_in_words(schedule, text):
    assert str(schedule) == text


@pytest.mark.parametrize("changes", [{"name": "purge"}, {"name": "Usage.purge"}, {"time_limit_s": 0}])
def test_job_that_makes_no_sense_is_refused(changes):
    with pytest.raises(ValueError):
        Job(**{"name": "usage.purge", "function": print, "schedule": Every(1), "time_limit_s": 1.0, **changes})
