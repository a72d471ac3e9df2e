"""When a job is due: pure functions from a time to the next one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Schedule(Protocol):
    """A rule that names times."""

    def next_after(self, at: datetime) -> datetime:
        """Give the first time of the rule after `at`, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """Each so many seconds, counted from 1970, so that every process names the same times."""

    interval_s: int

    def __post_init__(self) -> None:
        if self.interval_s < 1:
            raise ValueError(f"an interval is at least 1 second, not {self.interval_s}")

    def next_after(self, at: datetime) -> datetime:
        """Give the next multiple of the interval."""
        interval = timedelta(seconds=self.interval_s)
        return _EPOCH + ((at - _EPOCH) // interval + 1) * interval

    def __str__(self) -> str:
        for unit, length_s in (("h", 3600), ("min", 60)):
            if self.interval_s % length_s == 0:
                return f"every {self.interval_s // length_s} {unit}"
        return f"every {self.interval_s} s"


@dataclass(frozen=True, slots=True)
class Daily:
    """Once a day, at a time on the clocks of a zone.

    A time that the clocks skip on a day comes when they would have shown it; one that they show twice, the first time.
    """

    hour: int
    minute: int = 0
    zone: str = "UTC"

    def __post_init__(self) -> None:
        time(self.hour, self.minute)
        ZoneInfo(self.zone)

    def next_after(self, at: datetime) -> datetime:
        """Give today's time if it is still to come, else tomorrow's."""
        today = at.astimezone(ZoneInfo(self.zone)).date()
        # Yesterday too: at a zone's change of date (a skipped day) its calendar jumps.
        days = (today + timedelta(days=offset) for offset in (-1, 0, 1, 2))
        return next(moment for moment in map(self._on, days) if moment > at)

    def _on(self, day: date) -> datetime:
        return datetime.combine(day, time(self.hour, self.minute), ZoneInfo(self.zone)).astimezone(UTC)

    def __str__(self) -> str:
        return f"daily at {self.hour:02d}:{self.minute:02d} {self.zone}"
