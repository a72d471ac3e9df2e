"""The parent of several serving processes: opens the address, starts them, starts again those that die, ends them all.

Knows no Django and serves nothing. Its children are forked before anything is opened, so each has its own event loop,
journal and connections. They share the listening socket: what waits in it is not lost when one of them dies.
"""

import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import msgspec
import structlog

from frontdesk.server.listening import address_of, announce, listening, withdraw

REFUSED = 2
"""The exit status of a process that says why it cannot start at all."""
STEADY_S = 10.0
"""A process that has served this long has not died at once."""
MOST_FAILURES = 5
FIRST_BACKOFF_S = 0.5
_LONGEST_BACKOFF_S = 10.0
_END_S = 20.0
"""How long a process may take beyond its patience to end, before it is killed."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

logger = structlog.get_logger()


class Tie(msgspec.Struct, frozen=True):
    """What a child is started with: the socket, and the two pipes to its parent."""

    listener: socket.socket
    ready: int
    leash: int


Serve = Callable[[Tie], int]
"""Serves in the child and gives its exit status."""


@dataclass(slots=True)
class _Child:
    process_id: int
    ready: int
    """The end of a pipe that becomes readable when the child serves, or has died."""
    leash: int
    """The end of a pipe that the child lives by."""
    started_at: float
    replaces: int | None = None
    is_serving: bool = False
    is_retired: bool = False


@dataclass(slots=True)
class Supervisor:
    """Keeps `wanted` children serving until a signal comes. `patience_s` is how long their end may take."""

    listener: socket.socket
    wanted: int
    serve: Serve
    patience_s: float
    when_serving: Callable[[], None]
    _children: dict[int, _Child] = field(default_factory=dict)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _arrived: list[int] = field(default_factory=list)
    _to_replace: list[int] = field(default_factory=list)
    _failures: int = 0
    _start_at: float = 0.0
    _kill_at: float = float("inf")
    _has_served: bool = False
    _is_ending: bool = False
    _status: int = 0

    def run(self) -> int:
        """Supervise to the end; gives the exit status."""
        wake, waker = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, lambda received, _: self._arrived.append(received))
        self._selector.register(wake, selectors.EVENT_READ)
        while self._children or not self._is_ending:
            self._start_missing()
            for key, _ in self._selector.select(self._pause_s()):
                if key.fd == wake:
                    _drain(wake)
                else:
                    self._heard_from(key.data)
            self._obey()
            self._bury()
            self._kill_late()
        return self._status

    def _start_missing(self) -> None:
        if self._is_ending or time.monotonic() < self._start_at:
            return
        lasting = sum(not child.is_retired and child.replaces is None for child in self._children.values())
        # The first one goes ahead: what keeps it from starting would keep the others, and is told once.
        wanted = self.wanted if self._has_served else 1
        for _ in range(wanted - lasting):
            self._start()
        while self._to_replace and not any(child.replaces for child in self._children.values()):
            old = self._children.get(self._to_replace.pop(0))
            if old is not None and not old.is_retired:
                self._start(replaces=old.process_id)

    def _start(self, replaces: int | None = None) -> None:
        ready, ready_there = os.pipe()
        leash_there, leash = os.pipe()
        # No signal may meet the child while it still has its parent's handlers.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        sys.stderr.flush()
        process_id = os.fork()
        if process_id == 0:
            os.close(ready)
            os.close(leash)
            self._become_child(Tie(self.listener, ready_there, leash_there))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        os.close(ready_there)
        os.close(leash_there)
        child = _Child(process_id, ready, leash, time.monotonic(), replaces)
        self._children[process_id] = child
        self._selector.register(ready, selectors.EVENT_READ, child)

    def _become_child(self, tie: Tie) -> NoReturn:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.setpgid(0, 0)  # a terminal's Ctrl-C is the parent's to hear
            self._selector.close()
            for child in self._children.values():
                os.close(child.ready)
                if child.leash >= 0:
                    os.close(child.leash)  # or that child would outlive the parent as long as this one lives
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            status = self.serve(tie)
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        finally:
            with suppress(OSError, ValueError):
                sys.stderr.flush()
            os._exit(status)

    def _heard_from(self, child: _Child) -> None:
        self._selector.unregister(child.ready)
        if not os.read(child.ready, 1):
            return  # died before it served; SIGCHLD tells
        child.is_serving = True
        if child.replaces is not None:
            self._retire(child.replaces)
            child.replaces = None
        if not self._has_served:
            self._has_served = True
            self.when_serving()
        logger.info("worker_serves", process=child.process_id)

    def _retire(self, process_id: int) -> None:
        if old := self._children.get(process_id):
            old.is_retired = True
            self._let_go(old)

    def _obey(self) -> None:
        while self._arrived:
            match self._arrived.pop(0):
                case signal.SIGTERM | signal.SIGINT if self._is_ending:
                    self._signal_all(signal.SIGQUIT)
                case signal.SIGTERM | signal.SIGINT:
                    self._end(0)
                case signal.SIGHUP if not self._is_ending:
                    self._to_replace = [each for each, child in self._children.items() if not child.is_retired]

    def _end(self, status: int) -> None:
        self._is_ending = True
        self._status = status
        self._kill_at = time.monotonic() + self.patience_s + _END_S
        self.listener.close()  # theirs stay open until each stops listening
        for child in self._children.values():
            self._let_go(child)

    def _let_go(self, child: _Child) -> None:
        if child.leash >= 0:
            os.close(child.leash)
            child.leash = -1
        if not child.is_serving:
            with suppress(ProcessLookupError):
                os.kill(child.process_id, signal.SIGTERM)

    def _bury(self) -> None:
        for child in list(self._children.values()):
            found, wait_status = os.waitpid(child.process_id, os.WNOHANG)
            if not found:
                continue
            del self._children[child.process_id]
            with suppress(KeyError):
                self._selector.unregister(child.ready)
            os.close(child.ready)
            if child.leash >= 0:
                os.close(child.leash)
            self._died(child, os.waitstatus_to_exitcode(wait_status))

    def _died(self, child: _Child, status: int) -> None:
        if self._is_ending:
            is_well = status == 0 or (status == -signal.SIGTERM and not child.is_serving)
            self._status = self._status or int(not is_well)
            return
        if child.is_retired:
            return
        if child.replaces is not None:
            self._to_replace.clear()
            logger.error("restart_given_up", process=child.process_id, status=status)
            return
        for stand_in in self._children.values():
            if stand_in.replaces == child.process_id:
                stand_in.replaces = None  # it has the place now; nobody else is started for it
        if not self._has_served and status == REFUSED:
            self._end(REFUSED)  # it has said why
            return
        logger.error("worker_died", process=child.process_id, status=status)
        lived_s = time.monotonic() - child.started_at
        self._failures = 1 if child.is_serving and lived_s >= STEADY_S else self._failures + 1
        if self._failures >= MOST_FAILURES and not any(each.is_serving for each in self._children.values()):
            sys.stderr.write(
                f"frontdesk: {self._failures} processes died soon after their start, and none serves: giving up; "
                "the lines above say why\n"
            )
            self._end(1)
            return
        pause_s = 0.0 if self._failures == 1 else FIRST_BACKOFF_S * 2 ** min(self._failures - 2, 10)
        self._start_at = time.monotonic() + min(pause_s, _LONGEST_BACKOFF_S)

    def _signal_all(self, number: signal.Signals) -> None:
        for process_id in self._children:
            with suppress(ProcessLookupError):
                os.kill(process_id, number)

    def _kill_late(self) -> None:
        if time.monotonic() >= self._kill_at:
            logger.error("workers_killed", processes=len(self._children))
            self._signal_all(signal.SIGKILL)
            self._kill_at = float("inf")

    def _pause_s(self) -> float | None:
        """Tell how long nothing has to be done unless somebody calls."""
        if self._is_ending:
            return max(0.0, self._kill_at - time.monotonic()) if self._kill_at < float("inf") else None
        return max(0.0, self._start_at - time.monotonic()) or None


def run(host: str, port: int, *, workers: int, data_dir: Path, patience_s: float, serve: Serve) -> int:
    """Serve with several processes until SIGTERM or SIGINT; gives the exit status. CannotServe as `serve.run`."""
    announcement = data_dir / "server.json"
    with listening(host, port) as listener:
        address = address_of(listener, host)

        def serving() -> None:
            announce(announcement, address)
            sys.stderr.write(f"Frontdesk serves on {address} with {workers} processes (console: {address}admin/)\n")

        try:
            return Supervisor(listener, workers, serve, patience_s, serving).run()
        finally:
            withdraw(announcement, address)


def _drain(pipe: int) -> Sequence[int]:
    """Empty the pipe that signals write their numbers to."""
    with suppress(BlockingIOError):
        return os.read(pipe, 4096)
    return ()
