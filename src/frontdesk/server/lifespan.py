"""Starts and stops what a serving process runs on, by ASGI's lifespan protocol."""

import asyncio
import gc
from collections.abc import Callable

import structlog

from frontdesk.conversations.services import fail_abandoned_turns
from frontdesk.gateway import runtime
from frontdesk.server import wiring
from frontdesk.server.exchange import Receive, Send
from frontdesk.server.gateway_api import GatewayApi
from frontdesk.server.health import HealthApi
from frontdesk.server.webchat_api import WebchatApi
from frontdesk.tenants import database

GC_YOUNG_OBJECTS = 10_000

logger = structlog.get_logger()

Mount = Callable[[GatewayApi, WebchatApi, HealthApi], None]


class Lifespan:
    """One start and one stop."""

    def __init__(self, mount: Mount) -> None:
        """Take the function that receives the handlers when everything runs."""
        self._mount = mount

    async def run(self, receive: Receive, send: Send) -> None:
        """Follow the lifespan protocol to its end."""
        await receive()
        try:
            process = await database.run(wiring.build_process)
            await database.run(fail_abandoned_turns)  # nobody else answers: one server owns the data directory
        except Exception as error:
            logger.exception("start_failed")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        runtime.install(process.gateway)
        process.drain.start()
        polling = asyncio.get_running_loop().create_task(process.snapshots.keep_current())
        self._mount(
            GatewayApi(process.gateway, process.snapshots),
            WebchatApi(process.gateway, process.snapshots),
            HealthApi(process),
        )
        _settle_memory()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        polling.cancel()
        await asyncio.wait([polling])
        await process.transport.aclose()
        runtime.install(None)
        await asyncio.to_thread(_stop, process)
        await send({"type": "lifespan.shutdown.complete"})


def _settle_memory() -> None:
    """Keep the garbage collector from walking what stays: a request's garbage is young, and mostly not cyclic."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_YOUNG_OBJECTS, 20, 20)


def _stop(process: wiring.Process) -> None:
    """Drain before the journal lets go of its directory, which anyone could adopt then."""
    process.drain.stop()
    process.journal.close()
    database.shutdown()
