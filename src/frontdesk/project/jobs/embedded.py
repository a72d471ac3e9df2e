"""The job runner of a serving process that has no broker: one thread, one job at a time.

Several serving processes may each have one: the leases let one of them run a job. Ends promptly, and never keeps the
process from ending: a job in the middle of its steps is left to whoever comes next.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connections

from frontdesk.project.jobs import run as runs
from frontdesk.project.jobs.child import in_child
from frontdesk.project.jobs.job import Job
from frontdesk.project.jobs.table import JOBS
from frontdesk.tenants import lease as leases

LOOK_S = 5.0
"""How often at least the rows are looked at: leases of dead processes expire without notice."""
FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 30.0
STOP_S = 2.0

logger = structlog.get_logger()


def services() -> tuple[EmbeddedRunner, ...]:
    """Make the runner of a serving process; none where a broker says that workers run the jobs."""
    if settings.CONFIGURATION.broker_url.get_secret_value():
        return ()
    return (EmbeddedRunner(JOBS),)


class EmbeddedRunner:
    """Runs the jobs from `start` to `stop`. Survives a database that is away."""

    def __init__(self, jobs: Iterable[Job], *, lease_s: float = runs.LEASE_S, look_s: float = LOOK_S) -> None:
        """Take the table; nothing happens before `start`."""
        self._jobs = {job.name: job for job in jobs}
        self._lease_s = lease_s
        self._look_s = look_s
        self._owner = ""
        self._is_registered = False
        self._backoff_s = FIRST_BACKOFF_S
        self.is_failing = False
        """Whether the last look at the rows failed."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._owner = runs.process_owner()
        self._thread.start()

    def stop(self, timeout_s: float = STOP_S) -> None:
        """Begin no job any more and end the running one at its next step; wait for that, but no longer than this."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self.is_alive:
            logger.warning("job_left_unfinished")

    @property
    def is_alive(self) -> bool:
        """Tell whether the thread runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._stopping.wait(self._pass())
        finally:
            connections.close_all()

    def _pass(self) -> float:
        """Run what is due, and tell how long to wait before the next look."""
        close_old_connections()
        try:
            pause_s = self._run_due()
        except Exception as error:  # noqa: BLE001 (the thread's border: the next look must still come)
            return self._failed(error)
        finally:
            close_old_connections()
        if self.is_failing:
            logger.info("jobs_resumed")
        self.is_failing, self._backoff_s = False, FIRST_BACKOFF_S
        return pause_s

    def _run_due(self) -> float:
        if not self._is_registered:
            runs.register(self._jobs.values())
            self._is_registered = True
        found = leases.due(self._jobs)
        for name in found.names:
            if self._stopping.is_set():
                break
            job = self._jobs[name]
            runs.run(
                job,
                self._owner,
                should_stop=self._stopping.is_set,
                execute=in_child if job.place == "child" else None,
                length_s=self._lease_s,
            )
        if found.names:  # their rows have moved on, and others may have become due meanwhile
            return self._look_s / 10
        return self._look_s if found.next_in_s is None else min(self._look_s, found.next_in_s)

    def _failed(self, error: Exception) -> float:
        if not self.is_failing:
            if isinstance(error, DatabaseError | InterfaceError):
                logger.warning("jobs_waiting", error=type(error).__name__)
            else:
                logger.exception("jobs_waiting")
        self.is_failing = True
        connections.close_all()
        pause_s, self._backoff_s = self._backoff_s, min(LONGEST_BACKOFF_S, 2 * self._backoff_s)
        return pause_s
