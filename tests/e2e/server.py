"""Frontdesk and its stand-in provider as real processes, started, killed and started again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FRONTDESK = Path(sys.executable).with_name("frontdesk")
START_S = 30.0
PROVIDER_KEY = "sk-standin-0123456789"


class StandIn:
    """The stand-in provider as a process of its own; it outlives Frontdesk's deaths."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.standins.openai_provider", "--port", "0"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.base_url: str = json.loads(self._process.stdout.readline())["base_url"]

    def calls(self) -> list[dict[str, Any]]:
        """What arrived, in order."""
        found: list[dict[str, Any]] = json.loads(fetch(f"{self.base_url.removesuffix('/v1')}/_standin/calls"))
        return found

    def forget(self) -> None:
        """Start counting anew."""
        request = urllib.request.Request(f"{self.base_url.removesuffix('/v1')}/_standin/calls", method="DELETE")
        urllib.request.urlopen(request, timeout=10).close()

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Frontdesk:
    """A Frontdesk server on a data directory and a port of its own."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "FRONTDESK_DATA_DIR": str(data_dir),
            "LOG_LEVEL": "WARNING",
            **environment,
        }
        self.log = data_dir.parent / f"{data_dir.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.address = ""
        self.run("migrate")
        self.demo: dict[str, Any] = json.loads(self.run("demo", "--json").stdout)

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of the command line."""
        return subprocess.run(
            [FRONTDESK, *arguments],
            env=self.environment,
            cwd=self.data_dir.parent,
            capture_output=True,
            text=True,
            timeout=120,
            check=check,
        )

    def start(self, port: int = 0) -> None:
        """Serve, and wait until it answers."""
        announcement = self.data_dir / "server.json"
        announcement.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [FRONTDESK, "serve", "--port", str(port)],
                env=self.environment,
                cwd=self.data_dir.parent,
                stdout=log,
                stderr=log,
            )
        limit = time.monotonic() + START_S
        while time.monotonic() < limit:
            assert self.process.poll() is None, self.log.read_text()
            with contextlib.suppress(OSError, ValueError):
                self.address = json.loads(announcement.read_text())["address"].rstrip("/")
                fetch(f"{self.address}/healthz")
                return
            time.sleep(0.02)
        raise AssertionError(f"the server did not start: {self.log.read_text()}")

    def kill(self) -> None:
        """`kill -9`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout=60)

    def last_calls(self, count: int = 10) -> list[dict[str, Any]]:
        """The newest calls of the demo tenant, as the command line tells them."""
        printed = self.run("usage", "calls", "--tenant", "demo", "--last", str(count), "--json").stdout
        found: list[dict[str, Any]] = json.loads(printed)
        return found


@contextlib.contextmanager
def serving(data_dir: Path, **environment: str) -> Iterator[Frontdesk]:
    """A Frontdesk that serves for the length of the block."""
    frontdesk = Frontdesk(data_dir, **environment)
    frontdesk.start()
    try:
        yield frontdesk
    finally:
        frontdesk.stop()


def fetch(url: str) -> bytes:
    """The body of a GET."""
    with urllib.request.urlopen(url, timeout=10) as response:
        body: bytes = response.read()
    return body
