"""Beat: rings for the jobs whose rows say that they are due. `frontdesk beat`.

Celery's beat with a scheduler that asks the database, so there is one schedule, no file, and nothing to be lost by a
restart. Of several beats one rings; another takes over when it dies.
"""

from __future__ import annotations

import logging
import signal
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import FrameType
from typing import Any, NoReturn

import structlog
from celery.beat import Scheduler, Service
from django.db import DatabaseError, InterfaceError, connections
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from frontdesk.project.celery import Application
from frontdesk.project.jobs import run as runs
from frontdesk.tenants import lease as leases
from frontdesk.tenants.lease import JobLease, Lease

LEASE_NAME = "beat"
LOOK_S = 5.0
FIRST_AGAIN_S, LONGEST_AGAIN_S = 10.0, 300.0
"""When the bell is rung again for a job that nobody has begun; each time after twice as long."""
EXPIRY_S = 3600.0
LONGEST_WAIT_S = 10.0
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)

logger = structlog.get_logger()


def beat(app: Application, *, look_s: float = LOOK_S) -> None:
    """Ring until SIGTERM or SIGINT."""
    for name in ("celery", "kombu"):
        logging.getLogger(name).setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    Service(app, max_interval=look_s, scheduler_cls=partial(DueScheduler, owner=runs.process_owner())).start()


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


@dataclass(frozen=True, slots=True)
class _Rung:
    """When a bell may ring again, by the monotonic clock, and how long it waits after that."""

    again_at: float
    delay_s: float


class DueScheduler(Scheduler):  # type: ignore[misc]  # Celery has no types
    """A scheduler of Celery's beat whose schedule is the rows of `tenants.lease`."""

    def __init__(self, *args: Any, owner: str, **kwargs: Any) -> None:
        self._owner = owner
        self._lead: Lease | None = None
        self._is_registered = False
        self._is_standing_by = False
        self._is_waiting = False
        self._wait_s = 1.0
        self._rung: dict[tuple[str, int], _Rung] = {}
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        """Set up nothing: the rows are the schedule."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Ring for what is due, and tell how long to wait. Survives a database or a broker that is away."""
        try:
            pause_s = self._tick()
        except Exception as error:  # noqa: BLE001 (the loop's border: the next look must still come)
            return self._failed(error)
        finally:
            connections.close_all()
        if self._is_waiting:
            logger.info("beat_resumed")
        self._is_waiting, self._wait_s = False, 1.0
        return pause_s

    def _tick(self) -> float:
        jobs = self.app.jobs
        if not self._is_registered:
            runs.register(jobs.values())
            leases.register({LEASE_NAME: _ALWAYS})
            self._is_registered = True
        if not self._leads():
            return float(self.max_interval)
        found = leases.due(jobs)
        # What is due no more was begun: its next time starts from the first delay again.
        self._rung = {bell: rung for bell, rung in self._rung.items() if bell in found.leases}
        for bell in found.leases:
            self._ring(bell)
        return min(float(self.max_interval), self.max_interval if found.next_in_s is None else found.next_in_s)

    def _leads(self) -> bool:
        if self._lead is not None and leases.renew(self._lead, self.app.lease_s):
            return True
        had_lead, self._lead = self._lead is not None, leases.claim(LEASE_NAME, self._owner, self.app.lease_s)
        if self._lead is not None:
            logger.info("beat_leads")
        elif had_lead or not self._is_standing_by:
            logger.info("beat_stands_by")
        self._is_standing_by = self._lead is None
        return self._lead is not None

    def _ring(self, bell: tuple[str, int]) -> None:
        now = time.monotonic()
        rung = self._rung.get(bell)
        if rung is not None and now < rung.again_at:
            return
        self.app.send_task(bell[0], expires=EXPIRY_S, retry=False)
        delay_s = FIRST_AGAIN_S if rung is None else min(LONGEST_AGAIN_S, 2 * rung.delay_s)
        self._rung[bell] = _Rung(now + delay_s, delay_s)

    def _failed(self, error: Exception) -> float:
        kind = type(error).__name__
        if self._is_waiting:
            pass  # it was told
        elif isinstance(error, DatabaseError | InterfaceError):
            logger.warning("beat_waiting", missing="database", error=kind)
        elif isinstance(error, BrokerError | RedisError | OSError):
            logger.warning("beat_waiting", missing="broker", error=kind)
        else:
            logger.exception("beat_waiting")
        self._is_waiting = True
        self._rung.clear()  # a broker that comes back may have forgotten everything
        pause_s, self._wait_s = self._wait_s, min(LONGEST_WAIT_S, 2 * self._wait_s)
        return pause_s

    def close(self) -> None:
        """Let another beat lead at once."""
        try:
            if self._lead is not None:
                leases.finish(self._lead, JobLease.Outcome.INTERRUPTED, _ALWAYS)
        except (DatabaseError, InterfaceError) as error:  # the lease expires by itself
            logger.warning("beat_lease_not_released", error=type(error).__name__)
        finally:
            connections.close_all()
            super().close()
