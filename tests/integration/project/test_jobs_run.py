"""Runs of jobs: on record whatever happens, given back when the process stops, in a child where they compute."""

import os
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError

from frontdesk.project.jobs import run as runs
from frontdesk.project.jobs.embedded import EmbeddedRunner
from frontdesk.project.jobs.job import Job
from frontdesk.project.jobs.schedule import Every
from frontdesk.project.jobs.table import JOBS
from frontdesk.tenants import lease as leases
from frontdesk.tenants.lease import JobLease
from tests.standins import steps

PAST = datetime(2020, 1, 1, tzinfo=UTC)
HOURLY = Every(3600)


def job_of(function, **changes) -> Job:
    return Job(**{"name": "tests.job", "function": function, "schedule": HOURLY, "time_limit_s": 60.0, **changes})


def row(name: str = "tests.job") -> JobLease:
    return JobLease.objects.get(name=name)


@pytest.fixture
def due(db):
    leases.register({"tests.job": PAST})


@pytest.fixture
def step_table(transactional_db):
    steps.make_table()
    yield
    steps.drop_table()


def test_run_is_on_record_and_the_next_is_at_the_schedules_next_time(due):
    calls = []
    ended = runs.run(job_of(lambda: calls.append(1)), "alice")

    assert calls == [1]
    assert ended.outcome == "succeeded"
    assert row().due_at == HOURLY.next_after(row().started_at)


def test_job_that_ran_is_not_due_again_for_a_second_bell(due):
    calls = []
    job = job_of(lambda: calls.append(1))

    assert runs.run(job, "alice") is not None
    assert runs.run(job, "bob") is None
    assert calls == [1]


def test_failure_is_on_record_by_its_class_alone_and_tried_again_soon(due):
    def fail() -> None:
        raise ValueError("a customer's text")

    before = leases.database_now()
    ended = runs.run(job_of(fail), "alice")

    assert (ended.outcome, ended.error_class) == ("failed", "ValueError")
    assert timedelta(seconds=9) < row().due_at - before < timedelta(seconds=60)


def test_failures_wait_longer_each_time_but_never_past_the_next_time(due):
    def fail() -> None:
        raise ValueError

    delays = []
    for _ in range(9):
        runs.run(job_of(fail, schedule=Every(86_400 * 365)), "alice")
        delays.append((row().due_at - row().ended_at).total_seconds())
        JobLease.objects.update(due_at=PAST)

    assert [round(delay, -1) for delay in delays] == [10, 20, 40, 80, 160, 320, 600, 600, 600]


def test_database_that_is_away_for_a_job_is_a_failure_of_one_line(due):
    def fail() -> None:
        raise OperationalError("server closed the connection")

    assert runs.run(job_of(fail), "alice").error_class == "OperationalError"


def test_process_that_stops_gives_the_job_back_as_it_was(due):
    def write() -> None:
        with leases.step():
            JobLease.objects.update(error_class="written all the same")

    ended = runs.run(job_of(write), "alice", should_stop=lambda: True)

    assert ended.outcome == "interrupted"
    assert (row().due_at, row().owner, row().error_class, row().failures) == (PAST, "", "", 0)


def test_job_past_its_time_limit_ends_at_its_next_step_as_failed(due):
    def write() -> None:
        time.sleep(0.02)
        with leases.step():
            JobLease.objects.update(error_class="written all the same")

    ended = runs.run(job_of(write, time_limit_s=0.01), "alice")

    assert (ended.outcome, ended.error_class) == ("failed", "JobTimeout")


def test_run_that_lost_its_lease_records_nothing(due):
    def lose() -> None:
        JobLease.objects.update(owner="mallory", fence=9, expires_at=datetime(2100, 1, 1, tzinfo=UTC))

    assert runs.run(job_of(lose), "alice") is None
    assert (row().owner, row().outcome, row().runs) == ("mallory", "", 0)


@pytest.mark.django_db(transaction=True)
def test_lease_is_renewed_while_a_job_runs_for_longer_than_it():
    leases.register({"tests.job": PAST})
    others = []

    def outlast() -> None:
        time.sleep(0.9)
        others.append(leases.claim("tests.job", "other", 30))

    ended = runs.run(job_of(outlast), "alice", length_s=0.6)

    assert others == [None]
    assert ended.outcome == "succeeded"


def test_every_job_of_the_table_runs(db):
    for job in JOBS:
        leases.register({job.name: PAST})
        assert runs.run(job, "alice").outcome == "succeeded", job.name
        assert runs.run(job, "alice") is None


def test_names_of_jobs_are_unique_and_name_their_app():
    names = [job.name for job in JOBS]

    assert len(set(names)) == len(names)
    for job in JOBS:
        assert job.function.__module__ == f"frontdesk.{job.name.partition('.')[0]}.tasks"


@pytest.mark.usefixtures("step_table")
def test_half_done_job_is_finished_once_by_the_next_runner(monkeypatch):
    for number in range(4):
        _insert(number, process=1)
    leases.register({steps.JOB.name: PAST})

    runs.run(steps.JOB, "alice")

    assert [number for number, _ in steps.rows()] == list(range(10))
    assert [process for _, process in steps.rows()] == [1] * 4 + [os.getpid()] * 6


@pytest.mark.usefixtures("step_table")
def test_two_embedded_runners_run_a_job_once_each_time():
    leases.register({steps.JOB.name: PAST})
    hourly = Job(name=steps.JOB.name, function=steps.write_steps, schedule=HOURLY, time_limit_s=60)
    runners = [EmbeddedRunner([hourly], look_s=0.1) for _ in range(2)]
    for runner in runners:
        runner.start()
    _until(lambda: row(steps.JOB.name).runs >= 1)
    for runner in runners:
        runner.stop()

    assert not any(runner.is_alive for runner in runners)
    assert (row(steps.JOB.name).runs, row(steps.JOB.name).fence) == (1, 1)
    assert [number for number, _ in steps.rows()] == list(range(10))


@pytest.mark.usefixtures("step_table")
def test_stopped_runner_leaves_a_job_that_another_finishes(monkeypatch):
    monkeypatch.setenv(steps.PAUSE_VARIABLE, "0.05")
    leases.register({steps.JOB.name: PAST})
    first = EmbeddedRunner([steps.JOB], look_s=0.05)
    first.start()
    _until(lambda: len(steps.rows()) >= 3)
    first.stop()
    left = len(steps.rows())
    interrupted = row(steps.JOB.name)
    monkeypatch.setenv(steps.PAUSE_VARIABLE, "0")
    second = EmbeddedRunner([steps.JOB], look_s=0.05)
    second.start()
    _until(lambda: row(steps.JOB.name).runs >= 1)
    second.stop()

    assert 3 <= left < 10
    assert (interrupted.outcome, interrupted.owner, interrupted.due_at) == ("interrupted", "", PAST)
    assert [number for number, _ in steps.rows()] == list(range(10))


def test_runner_that_never_started_stops(db):
    EmbeddedRunner(JOBS).stop()


@pytest.mark.django_db(transaction=True)
def test_runner_outlives_a_database_that_is_away_with_one_line(monkeypatch, caplog):
    looks = []
    due_now = leases.due

    def away(names):
        looks.append(len(looks))
        if len(looks) <= 3:
            raise OperationalError("server closed the connection")
        return due_now(names)

    monkeypatch.setattr(leases, "due", away)
    monkeypatch.setattr("frontdesk.project.jobs.embedded.FIRST_BACKOFF_S", 0.01)
    calls = threading.Event()
    leases.register({"tests.job": PAST})
    runner = EmbeddedRunner([job_of(calls.set)], look_s=0.05)
    runner.start()
    ran = calls.wait(10)
    runner.stop()

    assert ran
    assert not runner.is_failing
    assert caplog.text.count("'event': 'jobs_waiting'") == 1
    assert caplog.text.count("'event': 'jobs_resumed'") == 1


def _insert(number: int, process: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO done_steps VALUES (%s, %s)", [number, process])


def _until(is_so, limit_s: float = 20.0) -> None:
    limit = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.02)
