"""How asynchronous code meets the ORM: one synchronous function at a time, on a bounded pool of database threads.

Load, call, save: the function given reads or writes everything it needs and returns plain values. Django's request
signals do not fire on these threads, so connections that failed or grew old are closed here.
"""

import asyncio
import select
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from django.db import connection, connections

_POOL_THREADS = 8
_TURN_THREADS = 4
_SERVER_CONNECTION_MAX_AGE_S = 60.0

P = ParamSpec("P")
R = TypeVar("R")


class DatabasePools:
    """Two bounded pools of threads: one for anything, one for the turns of conversations. Threads start when used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pools: dict[str, ThreadPoolExecutor] = {}

    def general(self) -> ThreadPoolExecutor:
        """Give the pool for anything but turns."""
        return self._pool("database", _POOL_THREADS)

    def turn(self) -> ThreadPoolExecutor:
        """Give the pool of turns: one thread on SQLite, which has one writer; a few elsewhere."""
        return self._pool("turn", 1 if connection.vendor == "sqlite" else _TURN_THREADS)

    def _pool(self, name: str, threads: int) -> ThreadPoolExecutor:
        with self._lock:
            pool = self._pools.get(name)
            if pool is None:
                pool = self._pools[name] = ThreadPoolExecutor(threads, thread_name_prefix=name)
            return pool

    def shutdown(self) -> None:
        """Finish what runs, close the threads' connections, end the threads. A later use starts new ones."""
        with self._lock:
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            # Connections belong to their thread. Each thread takes one of these: who is done waits for the rest.
            everyone = threading.Barrier(pool._max_workers)
            for _ in range(pool._max_workers):
                pool.submit(_close_all, everyone)
            pool.shutdown(wait=True)


# The process has one set of database threads, as it has one Gateway (gateway.runtime).
_pools = DatabasePools()


async def run(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a synchronous ORM function on a database thread. Its exceptions are raised here."""
    return await asyncio.get_running_loop().run_in_executor(
        _pools.general(), lambda: _with_connections(lambda: function(*args, **kwargs))
    )


async def run_turn(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run one half of a conversation's turn on the threads kept for turns, so that other work cannot delay it."""
    return await asyncio.get_running_loop().run_in_executor(
        _pools.turn(), lambda: _with_connections(lambda: function(*args, **kwargs))
    )


def shutdown() -> None:
    """End the database threads after what they run now; for the end of a server or of a test."""
    _pools.shutdown()


def _close_all(everyone: threading.Barrier) -> None:
    connections.close_all()
    everyone.wait()


def _with_connections(work: Callable[[], R]) -> R:
    _close_stale()
    try:
        return work()
    finally:
        _close_stale()


def _close_stale() -> None:
    """Close this thread's connections that failed, or may have been dropped by a database server meanwhile."""
    for each in connections.all(initialized_only=True):
        if each.connection is None or each.in_atomic_block:
            continue
        if each.errors_occurred or (
            each.vendor != "sqlite" and (_age_s(each) > _SERVER_CONNECTION_MAX_AGE_S or _is_cut_off(each.connection))
        ):
            each.close()


def _is_cut_off(connected: Any) -> bool:
    """Tell whether a database server has ended an idle connection: it says nothing else to one that asks nothing.

    Without a round trip; so a server that was restarted costs no request of each thread.
    """
    if connected.closed:
        return True
    waiting = select.poll()
    waiting.register(connected.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def _age_s(wrapper: object) -> float:
    """Tell how long a connection is open. Django notes only when it must close: the time of opening + CONN_MAX_AGE."""
    close_at = getattr(wrapper, "close_at", None)
    return float("inf") if close_at is None else time.monotonic() - close_at
