import logging

import pytest

from frontdesk.project.celery import Application
from frontdesk.project.jobs.job import Job
from frontdesk.project.jobs.schedule import Every
from frontdesk.project.jobs.worker import BrokerOutage

JOBS = (
    Job(name="usage.quick", function=print, schedule=Every(60), time_limit_s=5),
    Job(name="usage.slow", function=print, schedule=Every(60), time_limit_s=900),
)


def record(text: str, level: int = logging.ERROR, *given: object) -> logging.LogRecord:
    return logging.LogRecord("celery", level, "", 0, text, given, None)


def test_every_job_is_a_task_with_limits_behind_its_own():
    tasks = Application(JOBS, "redis://127.0.0.1:1/0").tasks

    assert (tasks["usage.quick"].soft_time_limit, tasks["usage.quick"].time_limit) == (10, 35)
    assert (tasks["usage.slow"].soft_time_limit, tasks["usage.slow"].time_limit) == (905, 930)


def test_nothing_but_json_is_taken_and_no_result_is_kept():
    settings = Application(JOBS, "redis://127.0.0.1:1/0").conf

    assert settings.accept_content == ["json"]
    assert settings.result_backend is None
    assert settings.task_ignore_result is True
    assert settings.task_acks_late is False  # a late acknowledgement lost with its connection blocks the worker
    assert settings.worker_prefetch_multiplier == 1
    assert not settings.worker_enable_remote_control


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("redis://h:1/0", "redis://h:1/0"),
        ("rediss://h:1/0", "rediss://h:1/0"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock"),
    ],
)
def test_address_of_the_broker_is_written_as_celery_wants_it(given, taken):
    assert Application(JOBS, given).conf.broker_url == taken


def test_outage_of_the_broker_is_one_line_and_its_end_another():
    outage = BrokerOutage()

    assert not outage.attempted(record("consumer: Connection to broker lost. Trying to re-establish"))
    assert not outage.attempted(record("consumer: Cannot connect to redis://127.0.0.1:1/0: refused."))
    assert outage.attempted(record("Unrecoverable error"))
    assert not outage.connected(record("Connected to redis://127.0.0.1:1/0", logging.INFO))
    assert outage.connected(record("something else", logging.WARNING))


def test_outage_names_the_kind_of_error_and_no_address(caplog):
    BrokerOutage().attempted(
        record("consumer: Cannot connect to %s: %s.", logging.ERROR, "redis://:secret@h", PermissionError("secret"))
    )

    assert "PermissionError" in caplog.text
    assert "secret" not in caplog.text
