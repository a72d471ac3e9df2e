"""`frontdesk worker`, `beat`, `jobs` and `serve`: who runs the table, and who is refused."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from frontdesk.project.jobs.schedule import Every
from tests.e2e.job_world import Running, World, world
from tests.e2e.server import fetch

JOBS = [
    "conversations.fail_abandoned_turns",
    "tenants.clear_sessions",
    "usage.forecast_budgets",
    "usage.purge_counters",
]


@pytest.fixture(scope="module")
def celery(postgres_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(
        tmp_path_factory.mktemp("commands"),
        FRONTDESK_DATABASE_URL=postgres_url,
        FRONTDESK_BROKER_URL=redis_url,
        FRONTDESK_REDIS_URL=redis_url,
    ) as made:
        yield made
        made.reset()


def listed(made: World) -> dict[str, dict[str, Any]]:
    shown = json.loads(made.run("jobs", "--json").stdout)
    return {each["job"]: each for each in shown["jobs"]}


def serve(made: World) -> Running:
    server = made.start_command("serve", "--port", "0")

    def is_ready() -> bool:
        with contextlib.suppress(OSError, ValueError):
            address = json.loads((made.place / "var" / "server.json").read_text())["address"]
            return bool(fetch(f"{address}readyz"))
        return False

    made.until(is_ready)
    return server


def test_worker_and_beat_run_every_job_of_the_table(celery: World) -> None:
    beat, worker = celery.start_command("beat"), celery.start_command("worker", "--concurrency", "2")
    celery.until(lambda: set(JOBS) <= {name for (name,) in celery.execute("SELECT name FROM tenants_joblease")})
    celery.execute("UPDATE tenants_joblease SET due_at = '2020-01-01' WHERE name <> 'beat'")
    celery.until(lambda: all(celery.runs(name) for name in JOBS))

    found = listed(celery)
    assert {name: found[name]["state"] for name in JOBS} == dict.fromkeys(JOBS, "succeeded")
    assert "run by: worker" in celery.run("jobs").stdout
    assert [worker.stop(), beat.stop()] == [0, 0]
    assert "Traceback" not in worker.logged + beat.logged


def test_server_with_a_broker_runs_no_job(celery: World) -> None:
    celery.reset()
    server = serve(celery)

    assert server.stop() == 0
    assert celery.execute("SELECT name FROM tenants_joblease") == []


def test_server_without_a_broker_runs_every_job_of_the_table(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        server = serve(made)
        made.until(lambda: len(made.execute("SELECT name FROM tenants_joblease")) == len(JOBS))
        made.execute("UPDATE tenants_joblease SET due_at = '2020-01-01 00:00:00'")
        made.until(lambda: all(made.runs(name) for name in JOBS))

        found = listed(made)
        assert {name: found[name]["state"] for name in JOBS} == dict.fromkeys(JOBS, "succeeded")
        assert found["usage.forecast_budgets"]["schedule"] == str(Every(60))
        assert "run by: serve" in made.run("jobs").stdout
        assert server.stop() == 0


@pytest.mark.parametrize("command", ["worker", "beat"])
def test_without_a_broker_is_refused(celery: World, command: str) -> None:
    done = celery.attempt(command, FRONTDESK_BROKER_URL="")

    assert done.returncode == 2
    assert f"{command} needs FRONTDESK_BROKER_URL" in done.stderr
    assert done.stderr.count("\n") == 1


def test_worker_without_redis_for_budgets_is_refused(celery: World) -> None:
    done = celery.attempt("worker", FRONTDESK_REDIS_URL="")

    assert (done.returncode, done.stdout) == (2, "")
    assert "worker needs FRONTDESK_REDIS_URL" in done.stderr


@pytest.mark.parametrize("command", ["worker", "beat"])
def test_broker_of_another_kind_is_refused(celery: World, command: str) -> None:
    done = celery.attempt(command, FRONTDESK_BROKER_URL="amqp://guest:secret@127.0.0.1/")

    assert done.returncode == 2
    assert "FRONTDESK_BROKER_URL" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize("concurrency", ["0", "-1", "x", "129"])
def test_concurrency_that_makes_no_sense_is_refused(celery: World, concurrency: str) -> None:
    assert celery.attempt("worker", "--concurrency", concurrency).returncode == 2


@pytest.mark.parametrize("command", ["worker", "beat"])
def test_schema_of_another_version_is_refused(celery: World, command: str) -> None:
    last = celery.execute("SELECT name FROM django_migrations WHERE app = 'tenants' ORDER BY name DESC LIMIT 1")[0][0]
    celery.execute(f"UPDATE django_migrations SET name = '9999_future' WHERE app = 'tenants' AND name = '{last}'")
    newer = celery.attempt(command)
    celery.execute("DELETE FROM django_migrations WHERE app = 'tenants' AND name = '9999_future'")
    older = celery.attempt(command)
    celery.execute(f"INSERT INTO django_migrations (app, name, applied) VALUES ('tenants', '{last}', now())")

    assert (newer.returncode, older.returncode) == (2, 2)
    assert "migrated by a newer version (it has tenants.9999_future)" in newer.stderr
    assert "is not up to date: run `frontdesk migrate`" in older.stderr
