"""Dates and times on the command line."""

import argparse
from datetime import UTC, datetime


def moment(text: str) -> datetime:
    """Read an ISO date, or a date and time; UTC unless it names an offset."""
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text[:40]!r} is not a date: give for example 2026-11-01 or 2026-11-01T15:30"
        ) from None
