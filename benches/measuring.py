"""Processes and what they cost: CPU time, memory, wrk, and a client that reads many streams at once."""

import asyncio
import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import platform
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any, cast

import psutil

ROOT = pathlib.Path(__file__).parents[1]
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """The measurement cannot be made; the message says why."""


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """Something that answers chat requests: where, with which key, model and further headers."""

    url: str
    """Up to and including `/v1`."""
    key: str = "sk-bench"
    model: str = "gpt-4o-mini"
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def port(self) -> int:
        """Tell the port."""
        return int(self.url.split(":")[2].split("/")[0])

    def request(self, *, stream: bool) -> bytes:
        """Build the bytes of one HTTP request."""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": "What are your opening hours on Sunday?"}],
        }
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        data = json.dumps(body, separators=(",", ":")).encode()
        path = "/" + self.url.split("/", 3)[3] + "/chat/completions"
        lines = [
            f"POST {path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            "Content-Type: application/json",
            f"Authorization: Bearer {self.key}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
            f"Content-Length: {len(data)}",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + data


def free_port() -> int:
    """Find a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(command: list[str], log: pathlib.Path, env: Mapping[str, str] | None = None) -> Iterator[psutil.Process]:
    """Start a process, end it (and its children) on leaving. Its output goes to `log`."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **(env or {})}, stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
        watched = psutil.Process(process.pid)
        try:
            yield watched
        finally:
            _end(process, watched)


def _end(process: subprocess.Popen[bytes], watched: psutil.Process) -> None:
    family = [watched]
    with contextlib.suppress(psutil.NoSuchProcess):
        family += watched.children(recursive=True)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
    for child in family[1:]:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def run_json(command: list[str], env: Mapping[str, str]) -> Any:
    """Run a command and read the JSON on its stdout."""
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"`{' '.join(command[1:])}` ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout) if done.stdout.strip().startswith(("{", "[")) else None


def cpu_s(process: psutil.Process) -> float:
    """Sum user and system time of a process, its threads, and its living children, from /proc."""
    total = 0.0
    for member in [process, *process.children(recursive=True)]:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            total += _stat_cpu_s(f"/proc/{member.pid}/stat")
    return total


def main_thread_cpu_s(process: psutil.Process) -> float:
    """Tell the time of a process's main thread alone, where an event loop runs."""
    return _stat_cpu_s(f"/proc/{process.pid}/task/{process.pid}/stat")


def _stat_cpu_s(path: str) -> float:
    fields = pathlib.Path(path).read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def pss_mib(process: psutil.Process) -> float:
    """Sum the proportional memory of a process and its children."""
    total_kib = 0
    for member in [process, *process.children(recursive=True)]:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for line in pathlib.Path(f"/proc/{member.pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total_kib += int(line.split()[1])
    return round(total_kib / 1024, 1)


def first_answer_s(endpoint: Endpoint, started: float, timeout_s: float = 60) -> float:
    """Ask until the first 200, and tell how long after `started` (epoch seconds) it came. BenchError if none comes."""
    body = json.dumps({"model": endpoint.model, "messages": [{"role": "user", "content": "hi"}]}).encode()
    headers = {"content-type": "application/json", "authorization": f"Bearer {endpoint.key}", **endpoint.headers}
    last = "no connection"
    while time.time() - started < timeout_s:
        request = urllib.request.Request(f"{endpoint.url}/chat/completions", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                response.read()
                return round(time.time() - started, 3)
        except urllib.error.HTTPError as error:
            last = f"HTTP {error.code}: {error.read()[:300]!r}"
        except (urllib.error.URLError, OSError) as error:
            last = str(error)
        time.sleep(0.02)
    raise BenchError(f"no answer from {endpoint.url} in {timeout_s:.0f} s; last: {last}")


def wrk(endpoint: Endpoint, connections: int, seconds: int) -> dict[str, float]:
    """Drive the endpoint with wrk."""
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--timeout",
        "30s",
        "-s",
        str(ROOT / "benches/chat.lua"),
    ]
    command += [f"{endpoint.url}/chat/completions", "--", endpoint.key, endpoint.model]
    command += [f"{name}={value}" for name, value in endpoint.headers.items()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"wrk failed: {done.stderr.strip()[-300:]}")
    result: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    if result["not_2xx"] or result["socket_errors"] or not result["requests"]:
        raise BenchError(f"the measurement does not count, there were errors: {result}")
    return result


class StreamClient(asyncio.Protocol):
    """Sends one streaming request and counts the events of the answer until `[DONE]`."""

    def __init__(self, request: bytes, done: asyncio.Future[int]) -> None:
        self._request = request
        self._done = done
        self._tail = b""
        self._events = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Count the events."""
        data = self._tail + data
        self._events += data.count(b"data: {")
        self._tail = data[-6:] if not data.endswith(b"\n\n") else b""
        if b"data: [DONE]" in data and not self._done.done():
            self._done.set_result(self._events)
            if self._transport is not None:
                self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail if this came before the end."""
        if not self._done.done():
            self._done.set_exception(BenchError(f"a stream was cut after {self._events} events"))


async def read_streams(endpoint: Endpoint, streams: int) -> int:
    """Read that many streams at once; tell how many events came."""
    loop = asyncio.get_running_loop()
    request = endpoint.request(stream=True)
    results: list[asyncio.Future[int]] = []
    for _ in range(streams):
        done: asyncio.Future[int] = loop.create_future()
        await loop.create_connection(functools.partial(StreamClient, request, done), "127.0.0.1", endpoint.port)
        results.append(done)
        await asyncio.sleep(0.002)
    async with asyncio.timeout(60):
        return sum(await asyncio.gather(*results))


def machine() -> dict[str, Any]:
    """Tell what the figures were measured on."""
    model = "unknown"
    with contextlib.suppress(OSError):
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "load_1m": round(os.getloadavg()[0], 2),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        "python": sys.version.split()[0],
    }
