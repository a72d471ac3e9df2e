"""The gateway of a worker's process, for jobs that call models: built when the first of them asks for it.

Jobs are synchronous and the gateway is not: one thread of the process runs an event loop, and with it everything a
serving process calls models with, a journal and its drain included. Jobs use `gateway.runtime.call`.
"""

from __future__ import annotations

import asyncio
import threading

import structlog

from frontdesk.gateway import runtime
from frontdesk.gateway.pipeline import Gateway
from frontdesk.server import wiring
from frontdesk.tenants import database

START_S, CLOSE_S = 30.0, 10.0

logger = structlog.get_logger()


class WorkerGateway:
    """Builds one gateway, on a thread that runs its event loop, and closes it. Belongs to one process, after a fork."""

    def __init__(self) -> None:
        """Build nothing yet."""
        self._process: wiring.Process | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def build(self) -> Gateway:
        """Build and install the process's Gateway; a factory for `gateway.runtime.configure`."""
        process = self._process = wiring.build_process()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gateway", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(process), self._loop).result(START_S)
        process.drain.start()
        runtime.install(process.gateway, self._loop)
        return process.gateway

    def close(self) -> None:
        """End the loop, move the journal into the ledger, let go of its directory. Nothing, if nothing was built."""
        process, loop, thread = self._process, self._loop, self._thread
        if process is None or loop is None or thread is None:
            return
        runtime.install(None)
        try:
            asyncio.run_coroutine_threadsafe(self._stop(process), loop).result(CLOSE_S)
        except TimeoutError:
            logger.warning("gateway_not_closed")
        loop.call_soon_threadsafe(loop.stop)
        thread.join(CLOSE_S)
        process.drain.stop()
        process.journal.close()
        database.shutdown()
        if not loop.is_running():
            loop.close()
        self._process = self._loop = self._thread = None
        logger.info("gateway_closed")

    async def _start(self, process: wiring.Process) -> None:
        self._tasks = [asyncio.get_running_loop().create_task(work) for work in process.work()]

    async def _stop(self, process: wiring.Process) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await process.close()
