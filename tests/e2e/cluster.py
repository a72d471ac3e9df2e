"""Several serving processes on a PostgreSQL and a Redis of their own, behind nginx: what may be stopped under load."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from tests.e2e.server import PROVIDER_KEY, ROOT, Frontdesk, StandIn, fetch
from tests.services import postgres, redis
from tests.services.process import free_port

WORKERS = 4
WAIT_S = 60.0
MESSAGES = [{"role": "user", "content": "Hello"}]


class Nginx:
    """nginx with the example configuration, before one address."""

    def __init__(self, directory: Path, address: str) -> None:
        program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            pytest.skip("nginx is not installed (Debian: apt-get install nginx-light)")
        self.port = free_port()
        given = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
        changed = given.replace("127.0.0.1:8000", address.removeprefix("http://")).replace(
            "127.0.0.1:8080", f"127.0.0.1:{self.port}"
        )
        (directory / "nginx.conf").write_text(changed.replace("worker_processes auto", "worker_processes 1"))
        user = "user root;" if os.geteuid() == 0 else ""
        globals_ = f"daemon off; {user} pid {directory}/nginx.pid; error_log {directory}/nginx.log;"
        self._process = subprocess.Popen(
            [program, "-p", directory, "-c", directory / "nginx.conf", "-g", globals_], stderr=subprocess.DEVNULL
        )
        self.address = f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(timeout=20)


class Cluster:
    """Frontdesk with its surroundings. `start` it; what a test has stopped, `heal` starts again."""

    def __init__(self, directory: Path) -> None:
        self.provider = StandIn()
        self.postgres = postgres.Postgres()
        self.redis = redis.Redis()
        self.nginx: Nginx | None = None
        self._directory = directory
        self.port = free_port()
        self.frontdesk = Frontdesk(
            directory / "var",
            OPENAI_API_KEY=PROVIDER_KEY,
            OPENAI_BASE_URL=self.provider.base_url,
            FRONTDESK_DATABASE_URL=self.postgres.create_database(),
            FRONTDESK_REDIS_URL=self.redis.url(),
            FRONTDESK_WORKERS=str(WORKERS),
            FRONTDESK_DRAIN_S="2",
            LOG_LEVEL="INFO",
        )

    @property
    def address(self) -> str:
        """Where nginx listens."""
        assert self.nginx is not None
        return self.nginx.address

    def start(self) -> None:
        """Serve, and wait until every process does."""
        served = self.log().count("worker_serves")
        self.frontdesk.start(self.port)
        until(lambda: self.log().count("worker_serves") >= served + WORKERS)
        if self.nginx is None:
            self.nginx = Nginx(self._directory, self.frontdesk.address)
        until(lambda: self.readiness()[0] == 200)

    def ensure_started(self) -> None:
        """Serve unless it does already."""
        process = self.frontdesk.process
        if process is None or process.poll() is not None:
            self.start()

    def close(self) -> None:
        """End everything."""
        if self.frontdesk.process is not None:
            self.frontdesk.stop()
        if self.nginx is not None:
            self.nginx.stop()
        self.provider.stop()
        self.redis.close()
        self.postgres.close()

    def log(self) -> str:
        """What the processes have said so far."""
        return self.frontdesk.log.read_text() if self.frontdesk.log.exists() else ""

    def children(self) -> list[psutil.Process]:
        """The processes that serve."""
        assert self.frontdesk.process is not None
        return [
            child
            for child in psutil.Process(self.frontdesk.process.pid).children()
            if child.status() != psutil.STATUS_ZOMBIE
        ]

    def busiest(self) -> psutil.Process:
        """The process that holds the most connections."""

        def connections(child: psutil.Process) -> int:
            return sum(each.status == psutil.CONN_ESTABLISHED for each in child.net_connections())

        return max(self.children(), key=connections)

    def readiness(self) -> tuple[int, dict[str, Any]]:
        """One process's answer, asked on a new connection and not through nginx."""
        return readiness(self.frontdesk.address)

    def journals(self) -> list[Path]:
        """The journal directories, owned or not."""
        return [path for path in (self.frontdesk.data_dir / "journal").iterdir() if not path.name.startswith(".")]

    @property
    def key(self) -> str:
        """The key of the demo tenant's application."""
        return str(self.frontdesk.demo["gateway_key"])

    def statuses(self) -> Counter[str]:
        """How many calls of each status are in the ledger."""
        return Counter(call["status"] for call in self.frontdesk.last_calls(10_000))


def readiness(address: str) -> tuple[int, dict[str, Any]]:
    """The status and the body of `/readyz`."""
    import urllib.error

    try:
        return 200, json.loads(fetch(f"{address}/readyz"))
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def bearer(key: str) -> dict[str, str]:
    """What an application sends to show its key."""
    return {"authorization": f"Bearer {key}"}


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens by itself."""
    limit = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.05)


@contextlib.contextmanager
def running(directory: Path) -> Iterator[Cluster]:
    """A cluster for the length of the block."""
    cluster = Cluster(directory)
    try:
        yield cluster
    finally:
        cluster.close()


@dataclass
class Load:
    """What became of the requests of some clients."""

    answers: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    """The error codes of refused requests."""
    acknowledged: list[str] = field(default_factory=list)
    cut: int = 0


@contextlib.asynccontextmanager
async def load(address: str, gateway_key: str, clients: int = 8) -> AsyncIterator[Load]:
    """Clients that ask without a pause until the block ends."""
    seen = Load()
    stopping = asyncio.Event()

    async def ask(session: aiohttp.ClientSession) -> None:
        body = {"model": "gpt-4o-mini", "messages": MESSAGES}
        while not stopping.is_set():
            try:
                async with session.post(f"{address}/v1/chat/completions", json=body) as answer:
                    seen.answers[answer.status] += 1
                    content = await answer.read()
                    if answer.status == 200:
                        seen.acknowledged.append(answer.headers["x-request-id"])
                    elif answer.content_type == "application/json":
                        seen.codes[str(json.loads(content)["error"].get("code"))] += 1
            except aiohttp.ClientError:
                seen.cut += 1
            await asyncio.sleep(0.02)

    async with aiohttp.ClientSession(headers=bearer(gateway_key)) as session:
        tasks = [asyncio.create_task(ask(session)) for _ in range(clients)]
        try:
            yield seen
        finally:
            stopping.set()
            await asyncio.gather(*tasks)


def kill(process: psutil.Process) -> None:
    """`kill -9`."""
    process.send_signal(signal.SIGKILL)
