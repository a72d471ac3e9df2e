"""Who runs a job now, when it is due next, and how its last run ended: one row a job.

A job is claimed by one conditional update, by the database's clock alone, so that clocks of machines may differ. Each
claim raises the row's fence: a process that was thought dead and comes back finds that the fence moved, and what it
still wants to write in a `step` is not written. Knows no job, no schedule and no Celery.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, models, transaction
from django.db.models import F
from django.utils import timezone as clock


class LeaseLost(Exception):
    """Another process has taken the job over: what this one still wanted to write is not written."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the lease of {name} was lost: another process does the rest")
        self.name = name


class JobInterrupted(Exception):
    """The job was told to end here: its process stops, or its time is up. What its steps wrote stays."""

    def __init__(self, name: str, *, is_late: bool) -> None:
        super().__init__(f"{name} was interrupted because its {'time is up' if is_late else 'process stops'}")
        self.name = name
        self.is_late = is_late


class JobLease(models.Model):
    """A job's row: due when, held by whom until when, and what became of the last run."""

    class Outcome(models.TextChoices):
        """How a run ended; empty while none has."""

        SUCCEEDED = "succeeded"
        FAILED = "failed"
        INTERRUPTED = "interrupted"

    name = models.CharField(max_length=100, primary_key=True)
    due_at = models.DateTimeField()
    owner = models.CharField(max_length=200, blank=True, default="")
    fence = models.PositiveBigIntegerField(default=0)
    expires_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=16, choices=Outcome, blank=True, default="")
    error_class = models.CharField(max_length=200, blank=True, default="")
    runs = models.PositiveBigIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    """Runs that failed since the last one that succeeded."""

    class Meta:
        app_label = "tenants"
        ordering = ["name"]

    def __str__(self) -> str:
        return f"lease of {self.name}"


@dataclass(frozen=True, slots=True)
class Lease:
    """A claim that was granted; `fence` is higher than that of every claim before."""

    name: str
    owner: str
    fence: int
    due_at: datetime
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Due:
    """What may be claimed now, and how long until something else may be (None: nothing that is known of)."""

    leases: tuple[tuple[str, int], ...]
    """Name and present fence of each, the longest due first."""
    next_in_s: float | None

    @property
    def names(self) -> tuple[str, ...]:
        """List the names alone."""
        return tuple(name for name, _ in self.leases)


@dataclass(frozen=True, slots=True)
class _Running:
    lease: Lease
    check: Callable[[], None]


_running: ContextVar[_Running | None] = ContextVar("running_job", default=None)


def database_now() -> datetime:
    """Tell the time by the clock that all processes of one database share."""
    if connection.vendor == "sqlite":  # its clock is this machine's, and so is everybody who opens the file
        return clock.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def register(first_due: Mapping[str, datetime]) -> None:
    """Give every job its row; one that a changed schedule makes due earlier is due then."""
    now = database_now()
    JobLease.objects.bulk_create(
        [JobLease(name=name, due_at=at, expires_at=now) for name, at in first_due.items()], ignore_conflicts=True
    )
    for name, at in first_due.items():
        JobLease.objects.filter(name=name, due_at__gt=at, owner="").update(due_at=at)


def due(names: Iterable[str]) -> Due:
    """Look which of these jobs may be claimed now. One read."""
    now = database_now()
    rows = JobLease.objects.filter(name__in=list(names)).values_list("name", "fence", "due_at", "expires_at")
    claimable = sorted((max(due_at, expires_at), name, fence) for name, fence, due_at, expires_at in rows)
    ready = tuple((name, fence) for at, name, fence in claimable if at <= now)
    later = next((at for at, _, _ in claimable if at > now), None)
    return Due(ready, None if later is None else (later - now).total_seconds())


def claim(name: str, owner: str, length_s: float) -> Lease | None:
    """Take a job that is due and that nobody holds, for so long; None when it is not due, or held."""
    now = database_now()
    with transaction.atomic():
        rows = JobLease.objects.filter(name=name, due_at__lte=now, expires_at__lte=now)
        # Who is in the middle of a step holds the row, even when he froze: nobody waits for him here.
        row = rows.select_for_update(skip_locked=True).first()
        if row is None:
            return None
        row.owner, row.fence, row.started_at = owner, row.fence + 1, now
        row.expires_at = now + timedelta(seconds=length_s)
        row.save(update_fields=["owner", "fence", "started_at", "expires_at"])
    return Lease(name, owner, row.fence, row.due_at, row.failures)


def renew(lease: Lease, length_s: float) -> bool:
    """Hold on to a lease for so long from now; False when somebody else has it."""
    expires_at = database_now() + timedelta(seconds=length_s)
    return bool(_row(lease).update(expires_at=expires_at))


def finish(lease: Lease, outcome: JobLease.Outcome, due_at: datetime, error_class: str = "") -> bool:
    """Note how the run ended and when the job is due again, and let the lease go; False when somebody else has it."""
    now = database_now()
    has_succeeded = outcome == JobLease.Outcome.SUCCEEDED
    changes: dict[str, object] = {"failures": F("failures") + 1} if outcome == JobLease.Outcome.FAILED else {}
    if has_succeeded:
        changes = {"failures": 0, "runs": F("runs") + 1}
    return bool(
        _row(lease).update(
            owner="",
            expires_at=now,
            ended_at=now,
            outcome=outcome,
            error_class=error_class[:200],
            due_at=due_at,
            **changes,
        )
    )


@contextmanager
def running(lease: Lease, check: Callable[[], None]) -> Iterator[None]:
    """Make `step` look after this lease, in this thread; `check` raises when the job must end."""
    token = _running.set(_Running(lease, check))
    try:
        yield
    finally:
        _running.reset(token)


@contextmanager
def step() -> Iterator[None]:
    """One transaction of a job, in which the job is still the caller's: LeaseLost or JobInterrupted write nothing.

    Between steps a job may be killed and begun again, so a step is short and finds out itself what is left to do.
    Outside of a run it is an ordinary transaction.
    """
    running_now = _running.get()
    if running_now is None:
        with transaction.atomic():
            yield
        return
    running_now.check()
    with transaction.atomic():
        # Locked until the commit: whoever wants the lease waits for it. (SQLite has one writer anyway.)
        if not list(_row(running_now.lease).select_for_update().values_list("fence")):
            raise LeaseLost(running_now.lease.name)
        yield


def _row(lease: Lease) -> models.QuerySet[JobLease]:
    return JobLease.objects.filter(name=lease.name, fence=lease.fence, owner=lease.owner)
