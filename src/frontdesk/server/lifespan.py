"""Starts and stops what a serving process runs on, by ASGI's lifespan protocol."""

import asyncio
import gc
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol

import structlog
from django.conf import settings

from frontdesk.conversations.services import fail_abandoned_turns
from frontdesk.conversations.tasks import LONGEST_TURN
from frontdesk.gateway import runtime
from frontdesk.server import wiring
from frontdesk.server.claims import DatabaseClaim
from frontdesk.server.ending import Ending
from frontdesk.server.exchange import Receive, Send
from frontdesk.server.gateway_api import GatewayApi
from frontdesk.server.health import HealthApi
from frontdesk.server.listening import CannotServe
from frontdesk.server.webchat_api import WebchatApi
from frontdesk.tenants import database

GC_YOUNG_OBJECTS = 10_000
CLAIM_S = 5.0
_FORCED_FLUSH_S = 1.0

logger = structlog.get_logger()

Mount = Callable[[GatewayApi, WebchatApi, HealthApi], None]


class Service(Protocol):
    """Something that runs beside the requests for as long as the process serves."""

    def start(self) -> None:
        """Begin; called on the event loop when everything else runs, so it must not block."""
        ...

    def stop(self) -> None:
        """End soon; called on a thread before the journal and the database threads are closed."""
        ...


class Lifespan:
    """One start and one stop."""

    def __init__(self, mount: Mount, ending: Ending, services: Sequence[Service] = ()) -> None:
        """Take the function that receives the handlers when everything runs."""
        self._mount = mount
        self._ending = ending
        self._services = services
        self._claim = DatabaseClaim()

    async def run(self, receive: Receive, send: Send) -> None:
        """Follow the lifespan protocol to its end."""
        await receive()
        try:
            process = await database.run(self._build)
        except CannotServe as error:
            await self._refuse(send, error)
            return
        except Exception as error:
            logger.exception("start_failed")
            await self._refuse(send, CannotServe(f"cannot start: {type(error).__name__}; the lines above say why"))
            return
        tasks = self._start(process)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await asyncio.to_thread(self._stop_services)
        await process.close()
        runtime.install(None)
        await asyncio.to_thread(self._stop, process)
        await send({"type": "lifespan.shutdown.complete"})

    async def _refuse(self, send: Send, reason: CannotServe) -> None:
        self._ending.reason = reason
        self._claim.release()
        await send({"type": "lifespan.startup.failed", "message": ""})

    def _build(self) -> wiring.Process:
        self._claim.take()
        process = wiring.build_process()
        # Alone, nobody else answers: every open turn was left by a server that is gone. Beside others, only old ones.
        fail_abandoned_turns(LONGEST_TURN if settings.REDIS_URL else timedelta(0))
        return process

    def _start(self, process: wiring.Process) -> list[asyncio.Task[None]]:
        runtime.install(process.gateway)
        process.drain.start()
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(work) for work in (*process.work(), self._keep_claim())]
        self._mount(
            GatewayApi(process.gateway, process.snapshots),
            WebchatApi(process.gateway, process.snapshots),
            HealthApi(process, self._ending),
        )
        for service in self._services:
            service.start()
        _settle_memory()
        return tasks

    async def _keep_claim(self) -> None:
        while True:
            await asyncio.sleep(CLAIM_S)
            await database.run(self._claim.renew)

    def _stop_services(self) -> None:
        for service in self._services:
            try:
                service.stop()
            except Exception:  # the others, and the journal, must be closed all the same
                logger.exception("service_not_stopped", service=type(service).__name__)

    def _stop(self, process: wiring.Process) -> None:
        """Drain before the journal lets go of its directory, which anyone could adopt then."""
        if self._ending.is_forced:
            process.drain.flush(_FORCED_FLUSH_S)
        process.drain.stop(flush=not self._ending.is_forced)
        process.journal.close()
        self._claim.release()
        database.shutdown()


def _settle_memory() -> None:
    """Keep the garbage collector from walking what stays: a request's garbage is young, and mostly not cyclic."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_YOUNG_OBJECTS, 20, 20)
