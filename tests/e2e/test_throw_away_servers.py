"""The tests' own PostgreSQL and Redis: they stop, hang and start again as told, and are gone with who made them."""

import json
import pathlib
import signal
import subprocess
import sys
import time

import psutil
import psycopg
import pytest
import redis as client

from tests.services import postgres, redis
from tests.services.process import or_skip

ROOT = pathlib.Path(__file__).resolve().parents[2]
GONE_S = 20.0
HOLDER = """
import json, time
from tests.services import postgres, redis
servers = [postgres.Postgres(), redis.Redis()]
print(json.dumps([[server.pid, str(server.place)] for server in servers]), flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _installed() -> None:
    if not (postgres.is_installed() and redis.is_installed()):
        pytest.skip("PostgreSQL and Redis are not both installed")


def test_postgres_keeps_its_data_when_it_is_stopped_or_crashes() -> None:
    with postgres.running(durable=True) as server:
        url = server.create_database()
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept (number int)")
        for how in (signal.SIGINT, signal.SIGQUIT):
            with psycopg.connect(url) as connection:
                connection.execute("INSERT INTO kept VALUES (1)")
            server.stop(how)
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(url)
            server.start()

        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (2,)

    assert not server.place.exists()


def test_redis_that_hangs_goes_on_and_one_that_was_stopped_is_empty() -> None:
    with redis.running() as server, client.Redis.from_url(server.url(3), socket_timeout=0.2) as connection:
        connection.set("name", "value")
        server.pause()
        with pytest.raises(client.TimeoutError):
            connection.get("name")
        server.resume()
        assert connection.get("name") == b"value"
        server.stop()
        server.start()

        assert connection.get("name") is None

    assert not server.place.exists()


def test_a_database_is_a_modules_own(postgres_url: str, redis_url: str, redis_db: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    with client.Redis.from_url(redis_url) as ours, client.Redis.from_url(redis_db) as own:
        ours.set("name", "value")
        assert (ours.dbsize(), own.dbsize()) == (1, 0)

    assert tables == (0,)


def test_a_killed_run_leaves_no_server_and_no_directory() -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    with holder.stdout:
        held = json.loads(holder.stdout.readline())
    assert all(psutil.pid_exists(pid) and pathlib.Path(place).is_dir() for pid, place in held)

    holder.kill()
    holder.wait()

    limit = time.monotonic() + GONE_S
    while left := [pid for pid, _ in held if _runs(pid)] + [place for _, place in held if pathlib.Path(place).exists()]:
        assert time.monotonic() < limit, left
        time.sleep(0.05)


def test_what_is_not_installed_skips_the_test_and_says_so() -> None:
    def start() -> None:
        raise postgres.ServiceMissing("postgres is not installed: install it")

    with pytest.raises(pytest.skip.Exception, match="postgres is not installed: install it"):
        or_skip(start)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
