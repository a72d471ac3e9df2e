"""Runs one job once: under its lease, which is renewed as long as the job may run, with its end on record.

Both ways of running jobs come through here, so a job does the same in a serving process and in a worker.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, InterfaceError, connection, connections

from frontdesk.project.jobs.job import Job
from frontdesk.tenants import lease as leases
from frontdesk.tenants.lease import JobInterrupted, JobLease, Lease, LeaseLost

LEASE_S = 30.0
"""How long after its last sign of life a process counts as dead, and another takes its job."""
FIRST_RETRY_S = 10.0
LONGEST_RETRY_S = 600.0
_RENEWALS = 3
_DATABASE_AWAY = (DatabaseError, InterfaceError)

Check = Callable[[], None]
Execute = Callable[[Job, Lease, Check], None]

logger = structlog.get_logger()


class JobTimeout(Exception):
    """The job ran for longer than its limit and was ended."""


class ChildFailed(Exception):
    """The job's child process ended with an error, which its own log lines tell."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, as its row says."""

    outcome: JobLease.Outcome
    error_class: str = ""


def process_owner() -> str:
    """Name this process in a lease: host and pid for people, a random part that no other process ever has."""
    return f"{socket.gethostname()[:100]}:{os.getpid()}:{secrets.token_hex(4)}"


def register(jobs: Iterable[Job]) -> None:
    """Give the jobs their rows, the new ones due at the first time of their schedule."""
    now = leases.database_now()
    leases.register({job.name: job.schedule.next_after(now) for job in jobs})


def run(
    job: Job,
    owner: str,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    execute: Execute | None = None,
    length_s: float = LEASE_S,
) -> Ended | None:
    """Run a job if it is due and nobody else runs it; None if it was not run, or somebody else does the rest.

    DatabaseError or InterfaceError come from the claim alone, before anything was done.
    """
    held = leases.claim(job.name, owner, length_s)
    if held is None:
        return None
    until = time.monotonic() + job.time_limit_s

    def check() -> None:
        is_late = time.monotonic() >= until
        if is_late or should_stop():
            raise JobInterrupted(job.name, is_late=is_late)

    with _renewed(held, length_s, until):
        ended = _outcome(job, held, check, execute or in_thread)
    return None if ended is None else _record(job, held, ended)


def in_thread(job: Job, held: Lease, check: Check) -> None:
    """Run the function here, its steps under the lease."""
    with leases.running(held, check):
        job.function()


def _outcome(job: Job, held: Lease, check: Check, execute: Execute) -> Ended | None:
    """Run the function, and say how that ended; None when the lease was lost on the way."""
    try:
        execute(job, held, check)
    except LeaseLost:
        logger.warning("job_lease_lost", job=job.name, fence=held.fence)
        return None
    except JobInterrupted as interruption:
        if not interruption.is_late:
            return Ended(JobLease.Outcome.INTERRUPTED)
        logger.error("job_timed_out", job=job.name, time_limit_s=job.time_limit_s)
        return Ended(JobLease.Outcome.FAILED, JobTimeout.__name__)
    except _DATABASE_AWAY as error:
        logger.warning("job_failed", job=job.name, error=type(error).__name__)
        return Ended(JobLease.Outcome.FAILED, type(error).__name__)
    except ChildFailed:  # it has told why
        return Ended(JobLease.Outcome.FAILED, ChildFailed.__name__)
    except Exception as error:  # the job's border: another job must run after it
        logger.exception("job_failed", job=job.name)
        return Ended(JobLease.Outcome.FAILED, type(error).__name__)
    return Ended(JobLease.Outcome.SUCCEEDED)


def _record(job: Job, held: Lease, ended: Ended) -> Ended | None:
    if ended.outcome == JobLease.Outcome.FAILED and not connection.in_atomic_block:
        connection.close()  # a job that was cut off in the middle of a query leaves one that nobody can use
    try:
        if leases.finish(held, ended.outcome, _due_again(job, held, ended), ended.error_class):
            return ended
        logger.warning("job_lease_lost", job=job.name, fence=held.fence)
    except _DATABASE_AWAY as error:  # the lease expires, and the job is run again
        logger.warning("job_not_recorded", job=job.name, error=type(error).__name__)
        connections.close_all()
    return None


def _due_again(job: Job, held: Lease, ended: Ended) -> datetime:
    now = leases.database_now()
    following = job.schedule.next_after(max(now, held.due_at))
    if ended.outcome == JobLease.Outcome.SUCCEEDED:
        return following
    if ended.outcome == JobLease.Outcome.INTERRUPTED:
        return held.due_at
    # Doubling stops early: a number of that many digits is no delay.
    delay_s = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** min(held.failures, 10))
    return min(following, now + timedelta(seconds=delay_s))


@contextmanager
def _renewed(held: Lease, length_s: float, until: float) -> Iterator[None]:
    """Renew the lease from a thread of its own, up to the job's time limit: a job that hangs loses it."""
    is_over = threading.Event()
    thread = threading.Thread(
        target=_renew, args=(held, length_s, until, is_over), name=f"lease-{held.name}", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _renew(held: Lease, length_s: float, until: float, is_over: threading.Event) -> None:
    try:
        while not is_over.wait(length_s / _RENEWALS) and time.monotonic() < until:
            try:
                if not leases.renew(held, length_s):
                    return
            except _DATABASE_AWAY:  # told by whoever else needs the database; the lease may outlast it
                connections.close_all()
    finally:
        connections.close_all()
