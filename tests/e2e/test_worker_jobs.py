"""The same job functions, run by a serving process's runner and by Celery, and finished once whoever is killed."""

import os
import signal
from collections.abc import Iterator

import psutil
import pytest

from tests.e2e.job_world import Running, World, world

ALL = list(range(10))
WRITE = "tests.write_steps"


@pytest.fixture(scope="module")
def postgres_world(postgres_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(
        tmp_path_factory.mktemp("postgres"),
        FRONTDESK_DATABASE_URL=postgres_url,
        FRONTDESK_BROKER_URL=redis_url,
        FRONTDESK_REDIS_URL=redis_url,
    ) as made:
        yield made


@pytest.fixture(scope="module")
def sqlite_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("sqlite")) as made:
        yield made


@pytest.fixture(params=["embedded on sqlite", "embedded on postgres", "celery on postgres"])
def somewhere(request: pytest.FixtureRequest) -> Iterator[tuple[World, str]]:
    how, _, where = request.param.partition(" on ")
    made = request.getfixturevalue(f"{where}_world")
    if how == "celery":
        made.start("beat")
    yield made, "worker" if how == "celery" else "embedded"
    made.reset()


@pytest.fixture
def celery(postgres_world: World) -> Iterator[World]:
    yield postgres_world
    postgres_world.reset()


def test_job_killed_in_the_middle_is_finished_once_by_another_process(somewhere: tuple[World, str]) -> None:
    made, kind = somewhere
    first = made.start(kind)
    made.until(lambda: len(made.steps()) >= 3)
    first.kill()
    left = len(made.steps())
    made.start(kind)
    made.until(lambda: made.runs(WRITE) >= 1)

    done = made.steps()
    assert 3 <= left < 10
    assert [number for number, _ in done] == ALL
    assert len({process for _, process in done}) == 2


def test_frozen_process_that_wakes_after_another_took_over_writes_nothing(somewhere: tuple[World, str]) -> None:
    made, kind = somewhere
    first = made.start(kind)
    made.until(lambda: len(made.steps()) >= 3)
    frozen = _freeze_between_steps(made, first)
    left = len(made.steps())
    made.start(kind)
    made.until(lambda: made.runs(WRITE) >= 1)
    for process in frozen:
        process.resume()
    made.until(lambda: "job_lease_lost" in first.logged)

    assert left < 10
    assert [number for number, _ in made.steps()] == ALL


def test_process_told_to_end_leaves_its_job_at_once_to_the_next(somewhere: tuple[World, str]) -> None:
    made, kind = somewhere
    first = made.start(kind)
    made.until(lambda: len(made.steps()) >= 3)
    status = first.stop()
    left = len(made.steps())
    rows = made.execute(f"SELECT owner, outcome FROM tenants_joblease WHERE name = '{WRITE}'")
    made.start(kind)
    made.until(lambda: made.runs(WRITE) >= 1)

    assert status == 0
    assert left < 10
    assert rows == [("", "interrupted")]
    assert [number for number, _ in made.steps()] == ALL


def test_celery_process_that_is_killed_is_replaced_and_the_job_finished(celery: World) -> None:
    celery.start("beat")
    worker = celery.start("worker")
    celery.until(lambda: len(celery.steps()) >= 3)
    killed = celery.steps()[0][1]
    os.kill(killed, signal.SIGKILL)
    celery.until(lambda: celery.runs(WRITE) >= 1)

    done = celery.steps()
    assert killed != worker.process.pid
    assert [number for number, _ in done] == ALL
    assert {process for _, process in done} > {killed}
    assert worker.stop() == 0


def test_job_asks_a_model_on_the_gateway_of_its_worker(celery: World) -> None:
    celery.start("beat")
    worker = celery.start("worker")
    celery.until(lambda: celery.execute("SELECT 1 FROM tenants_joblease WHERE name = 'tests.call_model'"))
    celery.ring("tests.call_model")
    celery.until(lambda: celery.runs("tests.call_model") >= 1)
    status = worker.stop()

    assert status == 0, worker.logged
    rows = celery.execute("SELECT status, provider, model FROM usage_providerusage WHERE operation = 'job_test'")
    assert rows == [("success", "simulated", "echo")]
    assert "gateway_closed" in worker.logged


def test_of_two_beats_one_rings_and_the_other_takes_over(celery: World) -> None:
    first = celery.start("beat")
    celery.until(lambda: "beat_leads" in first.logged)
    second = celery.start("beat")
    celery.until(lambda: "beat_stands_by" in second.logged)
    celery.start("worker", STEP_PAUSE_S="0")
    celery.until(lambda: celery.runs(WRITE) >= 1)
    first.kill()
    celery.until(lambda: "beat_leads" in second.logged)
    seen = celery.runs(WRITE)
    celery.until(lambda: celery.runs(WRITE) >= seen + 2)

    assert second.stop() == 0
    assert celery.execute("SELECT owner FROM tenants_joblease WHERE name = 'beat'") == [("",)]


@pytest.fixture
def embedded(sqlite_world: World) -> Iterator[World]:
    yield sqlite_world
    sqlite_world.reset()


def test_job_in_a_child_process_dies_with_its_parent_and_is_finished_once(embedded: World) -> None:
    first = embedded.start("children")
    embedded.until(lambda: len(embedded.steps()) >= 3)
    child = psutil.Process(embedded.steps()[0][1])
    first.process.kill()
    first.process.wait()
    embedded.until(lambda: not child.is_running())
    left = len(embedded.steps())
    embedded.start("children")
    embedded.until(lambda: embedded.runs(WRITE) >= 1)

    assert child.pid != first.process.pid
    assert left < 10
    assert [number for number, _ in embedded.steps()] == ALL


def test_job_in_a_child_process_ends_when_the_server_ends(embedded: World) -> None:
    first = embedded.start("children")
    embedded.until(lambda: len(embedded.steps()) >= 3)
    child = psutil.Process(embedded.steps()[0][1])

    assert first.stop() == 0
    assert not child.is_running()
    assert embedded.execute(f"SELECT outcome FROM tenants_joblease WHERE name = '{WRITE}'") == [("interrupted",)]


def test_child_that_fails_or_hangs_is_on_record_and_its_texts_are_not(embedded: World) -> None:
    names = "'tests.fail', 'tests.hang'"
    runner = embedded.start("children", STEP_PAUSE_S="0")
    embedded.until(lambda: len(embedded.execute(f"SELECT 1 FROM tenants_joblease WHERE name IN ({names})")) == 2)
    embedded.execute(f"UPDATE tenants_joblease SET due_at = '2020-01-01 00:00:00' WHERE name IN ({names})")
    ended = f"SELECT name, outcome, error_class FROM tenants_joblease WHERE name IN ({names}) ORDER BY name"
    embedded.until(lambda: all(outcome for _, outcome, _ in embedded.execute(ended)))

    assert embedded.execute(ended) == [
        ("tests.fail", "failed", "ChildFailed"),
        ("tests.hang", "failed", "JobTimeout"),
    ]
    assert runner.stop() == 0


def _freeze_between_steps(made: World, running: Running) -> list[psutil.Process]:
    """Stop the processes right after a step was committed: then none holds a transaction."""
    count = len(made.steps())
    made.until(lambda: len(made.steps()) > count)
    processes = [psutil.Process(running.process.pid), *psutil.Process(running.process.pid).children(recursive=True)]
    for process in processes:
        process.suspend()
    return processes
