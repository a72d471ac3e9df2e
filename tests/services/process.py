"""A server program that lives at most as long as the process that started it, with a directory that goes with it.

A guard (a shell that waits for the end of a pipe) outlives a test run that is killed, ends the server and removes the
directory: nothing is left behind, whatever happens to pytest.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest

Service = TypeVar("Service")

# Unix sockets allow 107 characters, and another user (PostgreSQL's) must be able to reach it.
_PLACE = "/tmp" if pathlib.Path("/tmp").is_dir() else None
_GUARD = """
trap "" INT TERM HUP
cat >/dev/null
kill -CONT "$1" 2>/dev/null; kill -QUIT "$1" 2>/dev/null; sleep 1; kill -KILL "$1" 2>/dev/null
"""
_CLEANER = 'trap "" INT TERM HUP; cat >/dev/null; sleep 2; rm -rf "$1"'
END_S = 20.0
WHEELS = pathlib.Path(sys.prefix) / "services"
"""Where `.ci/test` unpacks wheels with the programs, on machines whose packages it may not install."""


class ServiceMissing(Exception):
    """A program is not installed; the text says what is missing and how to get it."""


class ServiceFailed(Exception):
    """A server did not start; the text has the end of its log."""


def directory(name: str) -> pathlib.Path:
    """Make an empty directory for a server's data."""
    return pathlib.Path(tempfile.mkdtemp(prefix=f"frontdesk-{name}-", dir=_PLACE))


def free_port() -> int:
    """Find a port of 127.0.0.1 that nothing listens on; somebody else may take it before it is used."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def find(program: str, *places: str, how: str) -> pathlib.Path:
    """Find a program: the newest in the given directories (patterns), else in PATH, else in a wheel."""
    root = pathlib.Path("/")
    installed = [path for place in places for path in root.glob(f"{place}/{program}".lstrip("/"))]
    if installed:
        return max(installed, key=_version)
    if in_path := shutil.which(program):
        return pathlib.Path(in_path)
    for path in sorted(WHEELS.glob(f"*/**/bin/{program}"), reverse=True):
        return path
    raise ServiceMissing(f"{program} is not installed: {how}")


def _version(path: pathlib.Path) -> list[int]:
    return [int(part) for part in path.parts if part.isdigit()]


class Guarded:
    """A running server program: its process, and the guard that ends it when this process dies.

    `as_user` are subprocess's `user`, `group` and `extra_groups`.
    """

    def __init__(self, command: Sequence[str], place: pathlib.Path, log: pathlib.Path, **as_user: Any) -> None:
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=place,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC", "HOME": str(place)},
                start_new_session=True,  # Ctrl-C is for the tests, which then end their servers in order
                **as_user,
            )
        self._guard = _watch(_GUARD, str(self.process.pid))

    def is_running(self) -> bool:
        """Tell whether the program has not ended."""
        return self.process.poll() is None

    def end(self, how: signal.Signals) -> None:
        """Send the signal, wait for the end; what hangs is killed."""
        if self.is_running():
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._guard.kill()
        _forget(self._guard)


class Cleaner:
    """Removes a directory at `remove`, or some time after this process dies without it."""

    def __init__(self, place: pathlib.Path) -> None:
        self._place = place
        self._guard = _watch(_CLEANER, str(place))

    def remove(self) -> None:
        """Remove the directory now."""
        self._guard.kill()
        _forget(self._guard)
        shutil.rmtree(self._place, ignore_errors=True)


def _watch(script: str, argument: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        ["/bin/sh", "-c", script, "sh", argument],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def _forget(guard: "subprocess.Popen[bytes]") -> None:
    guard.wait()
    if guard.stdin is not None:
        with contextlib.suppress(OSError):
            guard.stdin.close()


def or_skip(start: Callable[[], Service]) -> Service:
    """Start a service; a test that asks for one that is not installed is skipped, with the reason."""
    try:
        return start()
    except ServiceMissing as missing:
        pytest.skip(str(missing))
