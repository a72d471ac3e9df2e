"""What a job is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from frontdesk.project.jobs.schedule import Schedule

_NAME = re.compile(r"[a-z_]+\.[a-z_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A function that runs by the clock. It takes nothing, and running it again does no harm.

    Work of several steps puts each into `frontdesk.tenants.lease.step`, and begins by looking what is left to do.
    """

    name: str
    function: Callable[[], object]
    schedule: Schedule
    time_limit_s: float
    place: Literal["thread", "child"] = "thread"
    """Where it runs in a serving process: sweeps over the database in a thread; whatever computes for longer, and
    would keep the event loop from the interpreter, in a child process."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"a job is called app.action, not {self.name!r}")
        if self.time_limit_s <= 0:
            raise ValueError(f"the time limit of {self.name} is not positive")

    @property
    def path(self) -> str:
        """Name the function so that another process finds it."""
        return f"{self.function.__module__}:{self.function.__qualname__}"
