"""A job of the tests' own: it writes rows in steps, and whoever is killed in the middle leaves them half done."""

from __future__ import annotations

import os
import time

from django.db import connection

from frontdesk.project.jobs.job import Job
from frontdesk.project.jobs.schedule import Every
from frontdesk.tenants import lease

STEPS = 10
PAUSE_VARIABLE = "STEP_PAUSE_S"


def make_table() -> None:
    """Make the table of what was done. Nothing in it is unique: what is done twice is there twice."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS done_steps (number integer, process integer)")


def drop_table() -> None:
    """Remove the table."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS done_steps")


def rows() -> list[tuple[int, int]]:
    """List the steps that were done, in order, with the process that did each."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT number, process FROM done_steps ORDER BY number")
        return [(number, process) for number, process in cursor.fetchall()]


def write_steps() -> None:
    """Do the steps that are not done yet."""
    for number in range(STEPS):
        with lease.step():
            if number not in dict(rows()):
                with connection.cursor() as cursor:
                    cursor.execute("INSERT INTO done_steps VALUES (%s, %s)", [number, os.getpid()])
        time.sleep(float(os.environ.get(PAUSE_VARIABLE, "0")))


JOB = Job(name="tests.write_steps", function=write_steps, schedule=Every(1), time_limit_s=60)


def fail() -> None:
    """Fail, every time."""
    raise ValueError("a customer's text")


def hang() -> None:
    """Do not end."""
    time.sleep(3600)


FAILING = Job(name="tests.fail", function=fail, schedule=Every(3600), time_limit_s=60)
HANGING = Job(name="tests.hang", function=hang, schedule=Every(3600), time_limit_s=1)
