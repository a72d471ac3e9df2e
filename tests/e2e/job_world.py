"""A data directory with a database, and the processes that run jobs on it, started, killed and frozen."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import redis

from tests.e2e.server import FRONTDESK, ROOT

PAST = "2020-01-01 00:00:00+00:00"
WAIT_S = 40.0


class Running:
    """One process, with what it logged."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as file:
            # A group of its own, so that a worker can be killed with all its processes.
            self.process = subprocess.Popen(
                command, env=environment, cwd=ROOT, stdout=file, stderr=file, start_new_session=True
            )

    @property
    def logged(self) -> str:
        """What it wrote so far."""
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """`kill -9`, of the process and its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        self.process.terminate()
        return self.process.wait(timeout=60)


class World:
    """Where jobs run."""

    def __init__(self, place: Path, **environment: str) -> None:
        self.place = place
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "FRONTDESK_DATA_DIR": str(place / "var"),
            "STEP_PAUSE_S": "0.2",
            **environment,
        }
        self.all: list[Running] = []
        self._numbers = itertools.count()
        self.run("migrate")
        self.execute("CREATE TABLE done_steps (number integer, process integer)")

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the command line, and see it succeed."""
        done = self.attempt(*arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done

    def attempt(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the command line."""
        return subprocess.run(
            [FRONTDESK, *arguments],
            env={**self.environment, **environment},
            cwd=self.place,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self, kind: str, **environment: str) -> Running:
        """Start a process that runs the tests' jobs: embedded, worker or beat."""
        return self._start([sys.executable, "-m", "tests.standins.job_process", kind], kind, environment)

    def start_command(self, *arguments: str, **environment: str) -> Running:
        """Start a command of the command line."""
        return self._start([str(FRONTDESK), *arguments], arguments[0], environment)

    def _start(self, command: list[str], name: str, environment: dict[str, str]) -> Running:
        log = self.place / f"{next(self._numbers)}-{name}.log"
        self.all.append(Running(command, {**self.environment, **environment}, log))
        return self.all[-1]

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement in the database; gives its rows."""
        if url := self.environment.get("FRONTDESK_DATABASE_URL"):
            with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
                cursor = connection.execute(statement)
                return cursor.fetchall() if cursor.description else []
        with contextlib.closing(sqlite3.connect(self.place / "var" / "db.sqlite3", timeout=20)) as connection:
            found = connection.execute(statement).fetchall()
            connection.commit()
            return found

    def steps(self) -> list[tuple[int, int]]:
        """The steps that were done, with the process that did each."""
        return [(row[0], row[1]) for row in self.execute("SELECT number, process FROM done_steps ORDER BY number")]

    def runs(self, name: str) -> int:
        """How often a job ran to its end."""
        rows = self.execute(f"SELECT runs FROM tenants_joblease WHERE name = '{name}'")
        return int(rows[0][0]) if rows else 0

    def ring(self, name: str) -> None:
        """Make a job due now."""
        self.execute(f"UPDATE tenants_joblease SET due_at = '{PAST}' WHERE name = '{name}'")

    def until(self, is_so: Callable[[], object], limit_s: float = WAIT_S) -> None:
        """Wait for something; AssertionError with all logs when it does not come."""
        limit = time.monotonic() + limit_s
        while not is_so():
            if time.monotonic() > limit:
                raise AssertionError("\n".join(f"--- {each.log.name}\n{each.logged}" for each in self.all))
            time.sleep(0.02)

    def reset(self) -> None:
        """Kill what still runs, and forget what was done."""
        for each in self.all:
            each.kill()
        self.all.clear()
        for table in ("done_steps", "tenants_joblease"):
            self.execute(f"DELETE FROM {table}")
        if url := self.environment.get("FRONTDESK_BROKER_URL"):
            with redis.Redis.from_url(url, socket_timeout=5) as connection:
                connection.flushdb()

    def close(self) -> None:
        """Kill what still runs."""
        for each in self.all:
            each.kill()


@contextlib.contextmanager
def world(place: Path, **environment: str) -> Iterator[World]:
    """A world for the length of the block."""
    made = World(place, **environment)
    try:
        yield made
    finally:
        made.close()
