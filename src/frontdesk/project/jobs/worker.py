"""A Celery worker's life: `frontdesk worker`.

Its processes are forked before any of them builds anything: each gets its own database connections, and its own
gateway when the first job asks for one (`worker_gateway`).
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import warnings
from typing import Any

import structlog
from celery import signals
from celery.exceptions import SecurityWarning
from django.db import connections

from frontdesk.gateway import runtime
from frontdesk.project.celery import Application
from frontdesk.project.jobs.worker_gateway import WorkerGateway
from frontdesk.usage import services as usage

_TALKATIVE = ("celery", "kombu")
_ATTEMPTS = "celery.worker.consumer.consumer"
_CONNECTED = "celery.worker.consumer.connection"
AGAIN_S = 2.0

logger = structlog.get_logger()


def work(app: Application, concurrency: int) -> int:
    """Run jobs until SIGTERM or SIGINT, and give the exit status."""
    # Its text is about pickles that a stranger could put into the broker; only JSON is taken from it.
    warnings.simplefilter("ignore", SecurityWarning)
    outage = _quieten()
    _follow(app)
    connections.close_all()  # before the fork: a connection belongs to one process
    worker = app.Worker(
        concurrency=concurrency,
        pool="prefork",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    status = int(worker.exitcode or 0)
    if status and outage.was_connected and not app.is_ending:
        # Celery gives up on some errors of a connection that breaks; what has worked before is begun anew.
        logger.warning("worker_begins_again")
        time.sleep(AGAIN_S)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 (ourselves)
    return status


def _follow(app: Application) -> None:
    """Hear of the processes' beginnings and ends: Celery tells them by its signals alone."""

    gateway = WorkerGateway()  # each process gets its own of this by the fork, with nothing in it
    runtime.configure(gateway.build)

    def begin(**_: Any) -> None:
        # Beside the jobs: a process that is not ready soon is killed, however much there is to take in.
        threading.Thread(target=_adopt_journals, name="journal-adoption", daemon=True).start()

    def end(**_: Any) -> None:
        gateway.close()
        connections.close_all()

    def tell(**_: Any) -> None:
        app.end()

    def keep_logging(**_: Any) -> None:
        """Leave logging as it is set up: Celery asks whether anybody listens here."""

    signals.worker_process_init.connect(begin, weak=False)
    signals.worker_process_shutdown.connect(end, weak=False)
    signals.worker_shutting_down.connect(tell, weak=False)
    signals.setup_logging.connect(keep_logging, weak=False)


def _adopt_journals() -> None:
    """Take in what a process that was killed left in its journal."""
    try:
        usage.drain_orphans()
    except Exception as error:  # noqa: BLE001 (the next process to begin tries again)
        logger.warning("journals_not_adopted", error=type(error).__name__)
    finally:
        connections.close_all()


def _quieten() -> BrokerOutage:
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    outage = BrokerOutage()
    logging.getLogger(_ATTEMPTS).addFilter(outage.attempted)
    connected = logging.getLogger(_CONNECTED)
    connected.setLevel(logging.INFO)
    connected.addFilter(outage.connected)
    return outage


class BrokerOutage:
    """Makes one line of what Celery logs at each attempt to reach its broker, and one of its success."""

    _REPEATED = ("consumer: Cannot connect to", "consumer: Connection to broker lost")

    def __init__(self) -> None:
        self._is_away = False
        self.was_connected = False
        """Whether the broker was ever reached."""

    def attempted(self, record: logging.LogRecord) -> bool:
        """Filter the lines of the consumer."""
        text = record.getMessage()
        if not text.startswith(self._REPEATED):
            return True
        if not self._is_away:
            logger.warning("broker_away", error=_error_class(record))
        self._is_away = True
        return False

    def connected(self, record: logging.LogRecord) -> bool:
        """Filter the lines of the connection's step."""
        if record.getMessage().startswith("Connected to"):
            logger.info("broker_back" if self._is_away else "broker_connected")
            self._is_away, self.was_connected = False, True
        return record.levelno >= logging.WARNING


def _error_class(record: logging.LogRecord) -> str:
    """Tell what kind of error a line is about; its text may hold the broker's address with a password."""
    given = record.args if isinstance(record.args, tuple) else ()
    return next((type(each).__name__ for each in given if isinstance(each, BaseException)), "")
