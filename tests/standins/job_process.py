"""A process that runs jobs of the tests' own: `python -m tests.standins.job_process embedded|children|worker|beat`.

It is what `frontdesk serve`, `worker` and `beat` are, with another table and a shorter lease.
"""

from __future__ import annotations

import signal
import sys
import threading
from dataclasses import replace

from frontdesk.project.cli import preflight

LEASE_S = 1.5
LOOK_S = 0.2


def main(kind: str) -> int:
    """Run until SIGTERM."""
    preflight.prepare()
    # Their modules need Django to be set up.
    from django.conf import settings

    from tests.standins import calling, steps

    jobs = (steps.JOB, calling.JOB)
    if kind == "embedded":
        return _embedded(jobs)
    if kind == "children":
        return _embedded([replace(job, place="child") for job in (steps.JOB, steps.FAILING, steps.HANGING)])
    from frontdesk.project.celery import Application

    app = Application(jobs, settings.CONFIGURATION.broker_url.get_secret_value(), lease_s=LEASE_S)
    if kind == "worker":
        from frontdesk.project.jobs import worker

        return worker.work(app, concurrency=1)
    from frontdesk.project.jobs import beat

    beat.FIRST_AGAIN_S = 1.0
    beat.LONGEST_AGAIN_S = 2.0
    beat.beat(app, look_s=LOOK_S)
    return 0


def _embedded(jobs) -> int:
    from frontdesk.project.jobs.embedded import EmbeddedRunner

    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    runner = EmbeddedRunner(jobs, lease_s=LEASE_S, look_s=LOOK_S)
    runner.start()
    told.wait()
    runner.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
