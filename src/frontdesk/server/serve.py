"""Runs one serving process: the event loop, the signals, and an end that loses nothing.

The end: not ready at once; listening goes on for `drain_s`; then running requests and streams get `grace_s`; what
is left is cancelled and booked; the journal is flushed; exit status 0. uvicorn's own way refuses the readiness probe at
once, waits for nothing that it cancels, and dies of the signal.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Protocol, cast

import msgspec
import structlog
import uvicorn
from django.conf import settings

from frontdesk.server import claims
from frontdesk.server.app import Application
from frontdesk.server.connection import FrontdeskProtocol
from frontdesk.server.ending import Ending
from frontdesk.server.lifespan import Service
from frontdesk.server.listening import CannotServe, address_of, announce, listening, often, withdraw

THREAD_SWITCH_S = 0.0005
"""How long a busy thread may keep the interpreter from the event loop."""
_CANCEL_S = 2.0
"""How long a cancelled request may take to book what it has cost."""
_SWEEP_S = 1.0

logger = structlog.get_logger()


class Patience(msgspec.Struct, frozen=True):
    """How long an end may take: listening on after the signal, then letting requests finish."""

    drain_s: float = 0.0
    grace_s: float = 30.0


class Supervision(msgspec.Struct, frozen=True):
    """What ties a process to the parent that started it: two pipes."""

    ready: int
    """Where to write one byte when requests are served."""
    leash: int
    """Ends when the parent ends, or wants this process to."""
    processes: int
    """How many such processes there are."""


def run(host: str, port: int, patience: Patience, services: Sequence[Service] = ()) -> None:
    """Serve alone until SIGTERM or SIGINT. CannotServe when the address cannot be taken or a part does not start."""
    announcement = settings.DATA_DIR / "server.json"
    with claims.data_directory(settings.DATA_DIR, is_shared=bool(settings.REDIS_URL)), listening(host, port) as given:
        address = address_of(given, host)
        announce(announcement, address)
        try:
            sys.stderr.write(f"Frontdesk serves on {address} (console: {address}admin/)\n")
            _serve(_Server(patience, services), often(given, 1))
        finally:
            withdraw(announcement, address)


def run_supervised(
    listener: socket.socket, patience: Patience, supervision: Supervision, services: Sequence[Service] = ()
) -> None:
    """Serve on a socket that the parent has opened, until a signal or the parent's end. CannotServe as `run`."""
    with claims.data_directory(settings.DATA_DIR, is_shared=bool(settings.REDIS_URL)):
        _serve(_Server(patience, services, supervision), often(listener, supervision.processes))


def _serve(server: "_Server", sockets: Sequence[socket.socket]) -> None:
    sys.setswitchinterval(THREAD_SWITCH_S)
    server.run(sockets=list(sockets))


class _Connections(Protocol):
    """What is used of uvicorn's record of a server."""

    connections: set[FrontdeskProtocol]
    tasks: set[asyncio.Task[None]]
    ending: Ending


class _Server(uvicorn.Server):
    """uvicorn's server with an end of our own; drops clients that take too long."""

    def __init__(self, patience: Patience, services: Sequence[Service], supervision: Supervision | None = None) -> None:
        self._ending = Ending()
        super().__init__(
            uvicorn.Config(
                Application(self._ending, services),
                http=FrontdeskProtocol,
                loop="uvloop",
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
            )
        )
        self._patience = patience
        self._supervision = supervision
        self._loop: asyncio.AbstractEventLoop | None = None
        self._signals = 0
        self._state.ending = self._ending

    @property
    def _state(self) -> _Connections:
        return cast(_Connections, self.server_state)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal comes or the parent is gone, and watch the clients until the last one has left."""
        self._loop = asyncio.get_running_loop()
        signal.signal(signal.SIGQUIT, self.handle_exit)
        if self._supervision is not None:
            self._loop.add_reader(self._supervision.leash, self._let_go)
        sweep = self._loop.create_task(self._sweep())
        try:
            await super().serve(sockets)
        finally:
            sweep.cancel()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell the parent so. CannotServe when a part does not."""
        try:
            await super().startup(sockets)
        except SystemExit:
            raise self._ending.reason or CannotServe("cannot start; the lines above say why") from None
        if self._supervision is not None:
            os.write(self._supervision.ready, b".")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, let requests finish, cancel what does not, close the process's parts."""
        self._begin_to_end()  # in case something else than a signal ended the loop
        for server in self.servers:
            server.close()
        for each in sockets or []:
            each.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        await self._finish()
        await self._cancel()
        await self.lifespan.shutdown()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; a second signal, or SIGQUIT, does not wait.

        Under a parent only SIGQUIT forces: service managers signal the whole group, and so does the parent.
        """
        self._signals += 1
        if sig == signal.SIGQUIT or (self._signals > 1 and self._supervision is None):
            self._ending.is_forced = self.should_exit = True
        elif self._loop is not None and self.started:
            self._loop.call_soon_threadsafe(self._begin_to_end)
        else:
            self.should_exit = True

    def _begin_to_end(self) -> None:
        """Have every reply close its connection; stop listening when `drain_s` is over. Again: changes nothing."""
        if self._ending.has_begun:
            return
        self._ending.has_begun = True
        for connection in self._state.connections:
            connection.close_after_reply()
        asyncio.get_running_loop().call_later(self._patience.drain_s, self._stop_listening)

    def _stop_listening(self) -> None:
        self.should_exit = True

    def _let_go(self) -> None:
        if self._loop is not None and self._supervision is not None:
            self._loop.remove_reader(self._supervision.leash)
            self._begin_to_end()

    async def _finish(self) -> None:
        """Wait for connections and requests, as long as the grace period goes and nobody forces the end."""
        loop = asyncio.get_running_loop()
        limit = loop.time() + self._patience.grace_s
        while loop.time() < limit and not self._ending.is_forced:
            if not self._state.connections and not self._state.tasks:
                return
            await asyncio.sleep(0.05)

    async def _cancel(self) -> None:
        tasks = set(self._state.tasks)
        if not tasks:
            return
        logger.warning("requests_cancelled", requests=len(tasks), is_forced=self._ending.is_forced)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=_CANCEL_S)

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP_S)
            for connection in list(self._state.connections):
                try:
                    connection.check(loop.time(), is_ending=self.should_exit)
                except Exception:  # one connection's failure must not leave the others unwatched
                    logger.exception("connection_check_failed")
