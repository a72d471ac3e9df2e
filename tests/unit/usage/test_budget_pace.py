"""When a limit is used up at the present pace."""

from hypothesis import given
from hypothesis import strategies as st

from frontdesk.usage.budgets import pace

DAY = {"since_s": 0, "end_s": 86_400}


def test_half_the_limit_in_a_quarter_of_the_day_lasts_until_noon() -> None:
    assert pace.exhausted_at(limit=100, used=50, now_s=21_600, **DAY) == 43_200


def test_a_pace_that_the_day_outlasts_is_no_forecast() -> None:
    assert pace.exhausted_at(limit=100, used=24, now_s=21_600, **DAY) is None
    assert pace.exhausted_at(limit=100, used=25, now_s=21_600, **DAY) is None


def test_what_is_used_up_is_so_now() -> None:
    assert pace.exhausted_at(limit=100, used=100, now_s=21_600, **DAY) == 21_600
    assert pace.exhausted_at(limit=0, used=0, now_s=21_600, **DAY) == 21_600


def test_a_first_call_is_no_pace() -> None:
    assert pace.exhausted_at(limit=100, used=1, now_s=5, **DAY) is None
    assert pace.exhausted_at(limit=100, used=0, now_s=5, **DAY) is None


def test_a_rush_at_the_beginning_is() -> None:
    assert pace.exhausted_at(limit=100, used=50, now_s=60, **DAY) == 60 + 8_640


@given(
    limit=st.integers(0, 2**53), used=st.integers(0, 2**53), since_s=st.integers(0, 10**9),
    length_s=st.integers(1, 2_678_400), part=st.floats(0, 1, exclude_max=True),
)  # fmt: skip
def test_a_forecast_lies_between_now_and_the_end(
    limit: int, used: int, since_s: int, length_s: int, part: float
) -> None:
    now_s = since_s + int(length_s * part)
    at_s = pace.exhausted_at(limit=limit, used=used, since_s=since_s, now_s=now_s, end_s=since_s + length_s)
    assert at_s is None or now_s <= at_s < since_s + length_s
