"""Runs the web process: the socket, the event loop, the signals."""

import asyncio
import fcntl
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import cast

import structlog
import uvicorn
from django.conf import settings

from frontdesk.server.app import Application
from frontdesk.server.connection import FrontdeskProtocol

THREAD_SWITCH_S = 0.0005
"""How long a busy thread may keep the interpreter from the event loop."""
GRACE_S = 30
"""How long running requests may take to end after SIGTERM."""
_BACKLOG = 2048
_ACCEPTS_A_TURN = 16
"""uvloop accepts one connection per listening socket in each turn of the loop: with one socket, of 128 clients that
come at once the last would wait for 128 turns, over half a second under load."""
_SWEEP_S = 1.0

logger = structlog.get_logger()


class CannotServe(Exception):
    """The server cannot start; the message is one line that says why and what to do."""


def run(host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT. CannotServe when the address cannot be taken or a part does not start."""
    sys.setswitchinterval(THREAD_SWITCH_S)
    with _alone(settings.DATA_DIR / "serve.lock"), _listening(host, port) as listener:
        address = f"http://{_shown(host)}:{listener.getsockname()[1]}/"
        config = uvicorn.Config(
            Application(),
            http=FrontdeskProtocol,
            loop="uvloop",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        server = _Server(config)
        with _announced(settings.DATA_DIR / "server.json", address):
            sys.stderr.write(f"Frontdesk serves on {address} (console: {address}admin/)\n")
            server.run(sockets=[listener, *(listener.dup() for _ in range(_ACCEPTS_A_TURN - 1))])
        if not server.started:
            raise CannotServe("Frontdesk could not start; the lines above say why.")


class _Server(uvicorn.Server):
    """Drops clients that take too long; ends with status 0 after a signal, where uvicorn raises the signal again."""

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal comes, and watch the clients until the last one is gone."""
        sweep = asyncio.create_task(self._sweep())
        try:
            await super().serve(sockets)
        finally:
            sweep.cancel()

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP_S)
            for connection in list(self.server_state.connections):
                try:
                    cast(FrontdeskProtocol, connection).check(loop.time(), is_ending=self.should_exit)
                except Exception:  # one connection's failure must not leave the others unwatched
                    logger.exception("connection_check_failed")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop taking connections and finish what runs; a second signal does not wait."""
        self.force_exit = self.should_exit
        self.should_exit = True


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Own the data directory: budgets and order of messages hold within one process only."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotServe(
                f"another Frontdesk serves the data directory {path.parent}: stop it first, or set FRONTDESK_DATA_DIR"
            ) from error
        yield


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise CannotServe(f"cannot listen on {host}:{port}: {reason}. Choose others with --host and --port.") from error
    with listener:
        yield listener


@contextmanager
def _announced(path: Path, address: str) -> Iterator[None]:
    """Leave the server's address where the command line finds it, while it runs."""
    path.write_text(json.dumps({"address": address}), encoding="utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _shown(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
