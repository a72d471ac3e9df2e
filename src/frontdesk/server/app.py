"""The ASGI application: sends the request path to raw handlers and every other path to Django."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from django.core.handlers.asgi import ASGIHandler

from frontdesk.server.ending import Ending
from frontdesk.server.exchange import ClientLeft, Exchange, Receive, Scope, Send, error_json
from frontdesk.server.gateway_api import GatewayApi
from frontdesk.server.health import HealthApi
from frontdesk.server.lifespan import Lifespan, Service
from frontdesk.server.webchat_api import WebchatApi

Handler = Callable[[Exchange], Awaitable[None]]

WEBCHAT_PREFIX = "/api/chat-widget/public/widget/"

logger = structlog.get_logger()


class Application:
    """Frontdesk as an ASGI 3 application; it starts and stops the process's parts by the lifespan protocol."""

    def __init__(self, ending: Ending, services: Sequence[Service] = ()) -> None:
        """Prepare; nothing is opened before the lifespan starts."""
        self._lifespan = Lifespan(self._mount, ending, services)
        self._django = ASGIHandler()
        self._exact: dict[str, Handler] = {}
        self._prefixes: tuple[tuple[str, Handler], ...] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] == "http":
            handler = self._handler(scope["path"])
            await _guarded(handler or self._to_django, Exchange(scope, receive, send))
        elif scope["type"] == "lifespan":
            await self._lifespan.run(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def _to_django(self, exchange: Exchange) -> None:
        """Let Django answer, with no more of a body than the limit."""
        await exchange.hand_over(self._django)

    def _mount(self, gateway: GatewayApi, webchat: WebchatApi, health: HealthApi) -> None:
        self._exact = {
            "/v1/chat/completions": gateway.chat_completions,
            "/v1/models": gateway.models,
            "/healthz": health.live,
            "/readyz": health.ready,
        }
        self._prefixes = (
            (WEBCHAT_PREFIX, webchat.dispatch),
            ("/v1/models/", gateway.models),
            ("/v1/", gateway.unknown),
        )

    def _handler(self, path: str) -> Handler | None:
        handler = self._exact.get(path)
        if handler is None:
            handler = next((found for prefix, found in self._prefixes if path.startswith(prefix)), None)
        return handler


async def _guarded(handle: Handler, exchange: Exchange) -> None:
    """Run a handler at the edge of the request path: what it fails to answer is answered here."""
    try:
        await handle(exchange)
    except ClientLeft:
        pass
    except asyncio.CancelledError:
        if not exchange.has_left:
            raise
    except Exception:
        logger.exception("request_failed", path=exchange.scope["path"])
        if exchange.is_started:
            raise  # the server closes the connection: half an answer must not look whole
        await exchange.reply(500, error_json("internal_error", "Frontdesk failed; its log has the details."))
    finally:
        exchange.stop_watching()
