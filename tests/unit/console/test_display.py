"""How values read in the console."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from frontdesk.console import call_ids, display
from frontdesk.gateway.clock import uuid7


@pytest.mark.parametrize(
    ("nano_usd", "shown"),
    [
        (None, "no price"),
        (0, "$0"),
        (1, "$0.000000001"),
        (123_456, "$0.000123"),
        (1_500_000, "$0.0015"),
        (12_345_678, "$0.0123"),
        (500_000_000, "$0.50"),
        (999_900_000, "$1.00"),
        (1_000_000_000, "$1.00"),
        (1_234_567_890_000, "$1,234.57"),
    ],
)
def test_costs_have_sensible_digits(nano_usd, shown):
    assert display.usd(nano_usd) == shown


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [(0, 0, "–"), (0, 5, "0 %"), (5, 5, "100 %"), (1, 3, "33.3 %"), (99_999, 100_000, "99.9 %")],
)
def test_not_quite_all_is_never_all(part, whole, shown):
    assert display.percent(part, whole) == shown


@pytest.mark.parametrize(
    ("ms", "shown"), [(None, "–"), (0, "0 ms"), (999, "999 ms"), (1000, "1.0 s"), (65_432, "65.4 s")]
)
def test_durations(ms, shown):
    assert display.milliseconds(ms) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [("short", "short"), ("two\n lines", "two lines"), ("x" * 11, "x" * 9 + "…"), ("x" * 10, "x" * 10)],
)
def test_long_texts_are_cut_to_one_line(text, shown):
    assert display.shortened(text, 10) == shown


def test_labels_links_and_codes_escape_their_text():
    evil = "<script>"
    assert all(evil not in made for made in (display.label(evil), display.code(evil), display.link('"><a', evil)))


def test_lowest_call_id_of_a_moment_is_below_every_id_made_then():
    at = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)
    at_ns = int(at.timestamp()) * 1_000_000_000

    lowest = call_ids.lowest_id(at)

    assert lowest.version == 7
    assert uuid7(at_ns - 1_000_000) < lowest <= uuid7(at_ns)
