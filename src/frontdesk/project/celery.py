"""The Celery application: the jobs of the table as tasks, on a broker that may lose any message.

A message is a doorbell: it names a job, which the worker runs if the job's row says that it is due. So a message that
is lost, doubled or late does no harm, and nothing is kept in the broker that cannot be rung again.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable
from typing import Any

import structlog
from celery import Celery
from django.db import DatabaseError, InterfaceError, connections

from frontdesk.project.jobs import run as runs
from frontdesk.project.jobs.job import Job

QUEUE = "frontdesk"
SOFT_LIMIT_S, HARD_LIMIT_S = 5.0, 30.0
"""How long after its own limit, which its steps look at, a job is interrupted, and its process killed."""
BROKER_WAIT_S = 10.0
PROCESS_START_S = 60.0
"""Until a new process counts as hanging and is killed; Celery's 4 s are short for a busy machine."""

logger = structlog.get_logger()


class Application(Celery):  # type: ignore[misc]  # Celery has no types
    """Celery with Frontdesk's jobs and none of what it would do by default: no results, no pickles, no remote control.

    `ending` is one byte that all processes of a worker see; it is set when the worker is told to end.
    """

    def __init__(self, jobs: Iterable[Job], broker_url: str, *, lease_s: float = runs.LEASE_S) -> None:
        """Take the table and the broker's address; nothing connects yet."""
        super().__init__("frontdesk", set_as_current=False)
        self.jobs = {job.name: job for job in jobs}
        self.lease_s = lease_s
        self.ending = mmap.mmap(-1, 1)
        self.conf.update(_settings(broker_url))
        for job in self.jobs.values():
            self._add(job)

    @property
    def is_ending(self) -> bool:
        """Tell whether the worker was told to end: jobs stop at their next step then."""
        return self.ending[0] != 0

    def end(self) -> None:
        """Tell all processes of this worker to end."""
        self.ending[0] = 1

    def _add(self, job: Job) -> None:
        def task() -> None:
            self._answer(job)

        # The limits of Celery are the second line: a job's steps look at its own limit.
        self.task(
            name=job.name,
            soft_time_limit=job.time_limit_s + SOFT_LIMIT_S,
            time_limit=job.time_limit_s + HARD_LIMIT_S,
        )(task)

    def _answer(self, job: Job) -> None:
        """Run a job for which the bell rang, if it is still due."""
        try:
            runs.run(job, runs.process_owner(), should_stop=lambda: self.is_ending, length_s=self.lease_s)
        except (DatabaseError, InterfaceError) as error:  # the bell rings again
            logger.warning("job_not_begun", job=job.name, error=type(error).__name__)
            connections.close_all()


def _settings(broker_url: str) -> dict[str, Any]:
    return {
        # Celery has a name of its own for the scheme of Unix sockets.
        "broker_url": re.sub("^unix://", "redis+socket://", broker_url),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "socket_timeout": BROKER_WAIT_S,
            "socket_connect_timeout": BROKER_WAIT_S,
            "socket_keepalive": True,
            "health_check_interval": BROKER_WAIT_S,
        },
        "task_default_queue": QUEUE,
        # Acknowledged as they come: a worker whose late acknowledgement is lost with its connection counts the message
        # as its own for ever and takes no other. A job that is cut short is due again by its row.
        "task_acks_late": False,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "result_backend": None,
        "worker_prefetch_multiplier": 1,
        "worker_cancel_long_running_tasks_on_connection_loss": False,  # their leases keep others away
        "worker_enable_remote_control": False,
        "beat_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_proc_alive_timeout": PROCESS_START_S,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "timezone": "UTC",
        "enable_utc": True,
    }
