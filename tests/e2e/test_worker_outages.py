"""A broker or a database that goes away for a while: one line, no spinning, and on without anybody's help."""

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.job_world import Running, World, world
from tests.services import postgres, redis
from tests.services.process import or_skip

WRITE = "tests.write_steps"


@pytest.fixture(scope="module")
def own_redis() -> Iterator[redis.Redis]:
    server = or_skip(redis.Redis)
    yield server
    server.close()


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[postgres.Postgres]:
    server = or_skip(postgres.Postgres)
    yield server
    server.close()


@pytest.fixture
def celery(own_redis: redis.Redis, own_postgres: postgres.Postgres, tmp_path: Path) -> Iterator[World]:
    with world(
        tmp_path,
        FRONTDESK_DATABASE_URL=own_postgres.create_database(),
        FRONTDESK_BROKER_URL=own_redis.url(1),
        FRONTDESK_REDIS_URL=own_redis.url(2),
        STEP_PAUSE_S="0",
    ) as made:
        made.start("beat")
        made.start("worker")
        made.until(lambda: made.runs(WRITE) >= 1)
        yield made


def test_worker_and_beat_go_on_after_their_broker_lost_everything(celery: World, own_redis: redis.Redis) -> None:
    beat, worker = celery.all
    own_redis.stop()
    celery.until(lambda: "beat_waiting" in beat.logged)
    seen, spent_s = celery.runs(WRITE), _cpu_s(celery.all)
    time.sleep(4)
    idle_s = _cpu_s(celery.all) - spent_s
    own_redis.start()
    celery.until(lambda: celery.runs(WRITE) >= seen + 2)

    assert idle_s < 1.0
    assert beat.logged.count("beat_waiting") == beat.logged.count("beat_resumed") == 1
    assert worker.logged.count("broker_away") <= 1 + worker.logged.count("worker_begins_again")
    assert "Traceback" not in beat.logged
    assert [each.stop() for each in (worker, beat)] == [0, 0]


def test_worker_and_beat_go_on_after_their_database_was_away(celery: World, own_postgres: postgres.Postgres) -> None:
    beat, worker = celery.all
    seen = celery.runs(WRITE)
    own_postgres.stop()
    celery.until(lambda: "beat_waiting" in beat.logged)
    spent_s = _cpu_s(celery.all)
    time.sleep(4)
    idle_s = _cpu_s(celery.all) - spent_s
    own_postgres.start()
    celery.until(lambda: celery.runs(WRITE) >= seen + 2)

    assert idle_s < 1.0
    assert beat.logged.count("beat_waiting") == beat.logged.count("beat_resumed") == 1
    assert "Traceback" not in beat.logged + worker.logged


def test_embedded_runner_goes_on_after_its_database_was_away(own_postgres: postgres.Postgres, tmp_path: Path) -> None:
    with world(tmp_path, FRONTDESK_DATABASE_URL=own_postgres.create_database(), STEP_PAUSE_S="0") as made:
        runner = made.start("embedded")
        made.until(lambda: made.runs(WRITE) >= 1)
        seen = made.runs(WRITE)
        own_postgres.stop()
        made.until(lambda: "jobs_waiting" in runner.logged)
        spent_s = _cpu_s([runner])
        time.sleep(3)
        idle_s = _cpu_s([runner]) - spent_s
        own_postgres.start()
        made.until(lambda: made.runs(WRITE) >= seen + 2)

        assert idle_s < 0.5
        assert runner.logged.count("jobs_waiting") == runner.logged.count("jobs_resumed") == 1
        assert "Traceback" not in runner.logged
        assert runner.stop() == 0


def _cpu_s(all_running: list[Running]) -> float:
    """The processor time that the processes and their children have used."""
    total_s = 0.0
    for each in all_running:
        top = psutil.Process(each.process.pid)
        for process in (top, *top.children(recursive=True)):
            times = process.cpu_times()
            total_s += times.user + times.system
    return total_s
