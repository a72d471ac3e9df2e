"""The web chat widget's public endpoints on raw ASGI: who may speak, what was said, and the answer as it comes."""

from contextlib import aclosing

import msgspec
import structlog
from django.conf import settings
from django.db import DatabaseError
from django.http.request import split_domain_port, validate_host

from frontdesk.channels import selectors, webchat
from frontdesk.channels.models import Widget
from frontdesk.channels.webchat import WebchatRejected
from frontdesk.conversations.errors import ConversationError, ConversationNotFound
from frontdesk.conversations.reply.contract import Inbound, Start, StreamEvent, TextDelta, TurnReply
from frontdesk.conversations.reply.engine import AIAgentService
from frontdesk.gateway.clock import uuid7_text
from frontdesk.gateway.pipeline import Gateway
from frontdesk.server.client_address import ClientAddresses
from frontdesk.server.exchange import (
    EVENT_STREAM_HEADERS,
    JSON_TYPE,
    BodyTooLarge,
    Exchange,
    Header,
    error_json,
)
from frontdesk.server.snapshots import SnapshotHolder
from frontdesk.tenants import database

PREFIX = "/api/chat-widget/public/widget/"

_STATUS_BY_CODE = {"message_required": 400, "message_too_long": 400}
_NOT_STORED = "We could not save this answer. Please ask again in a moment."
_RETRY_AFTER: Header = (b"retry-after", b"5")

logger = structlog.get_logger()


class WebchatApi:
    """Handlers of `/api/chat-widget/public/widget/{widgetKey}/…`; the key names the tenant."""

    def __init__(self, gateway: Gateway, snapshots: SnapshotHolder) -> None:
        """Take the process's gateway, through which turns are answered, and where its Snapshot is refreshed."""
        self._gateway = gateway
        self._snapshots = snapshots
        self._agent = AIAgentService(gateway)
        self._addresses = ClientAddresses.from_settings()

    async def dispatch(self, exchange: Exchange) -> None:
        """Find the widget and the endpoint, and answer every error in the widget's shape."""
        widget_key, _, endpoint = exchange.scope["path"].removeprefix(PREFIX).partition("/")
        request_id = uuid7_text(self._gateway.clock.now_ns())
        headers = _reply_headers(exchange, request_id)
        try:
            widget = await database.run(selectors.widget_by_key, widget_key)
            if widget is None:
                raise webchat.widget_not_found()
            webchat.check_origin(
                widget, exchange.header(b"origin"), _own_origin(exchange), is_required=endpoint == "message"
            )
            if widget.tenant_id not in self._gateway.snapshot.tenants:
                await self._snapshots.refresh_for_unknown()
            await self._route(exchange, widget, endpoint, request_id, headers)
        except WebchatRejected as error:
            await exchange.reply(error.http_status, error_json(error.code, error.message), (JSON_TYPE, *headers))
        except BodyTooLarge:
            refusal = webchat.body_too_large()
            await exchange.reply(413, error_json(refusal.code, refusal.message), (JSON_TYPE, *headers))
        except DatabaseError:
            logger.warning("webchat_unavailable", exc_info=True)
            if exchange.is_started:
                raise  # too late for a reply; the server closes the connection
            body = error_json("unavailable", "We cannot take messages right now. Please try again in a moment.")
            await exchange.reply(503, body, (JSON_TYPE, _RETRY_AFTER, *headers))

    async def _route(
        self, exchange: Exchange, widget: Widget, endpoint: str, request_id: str, headers: list[Header]
    ) -> None:
        method = exchange.scope["method"]
        match endpoint, method:
            case ("message" | "config", "OPTIONS"):
                await exchange.reply(204, b"", (*headers, *_PREFLIGHT))
            case "config", "GET":
                notice = await database.run(selectors.ai_notice, widget)
                body = msgspec.json.encode(webchat.config_json(widget, notice))
                await exchange.reply(200, body, (JSON_TYPE, *headers))
            case "message", "POST":
                await self._message(exchange, widget, request_id, headers)
            case "message" | "config", _:
                raise WebchatRejected("method_not_allowed", f"{method} is not allowed here.", 405)
            case _:
                raise WebchatRejected("not_found", "There is no such endpoint.", 404)

    async def _message(self, exchange: Exchange, widget: Widget, request_id: str, headers: list[Header]) -> None:
        message = webchat.parse_message(await exchange.body(webchat.MAX_BODY_BYTES))
        if message.conversation_id is not None and not webchat.verify_visitor(
            message.visitor_token or "", widget.tenant_id, message.conversation_id
        ):
            webchat.raise_visitor_session_required()
        inbound = _inbound(message, widget, request_id, self._addresses.digest(exchange.scope))
        exchange.cancel_when_client_leaves()
        try:
            if "text/event-stream" in (exchange.header(b"accept") or ""):
                await self._stream(exchange, widget, inbound, headers)
                return
            reply = await self._agent.answer(inbound)
        except ConversationNotFound:
            webchat.raise_visitor_session_required()
        except ConversationError as error:
            raise WebchatRejected(error.code, error.message, _STATUS_BY_CODE.get(error.code, 409)) from error
        exchange.stop_watching()
        await exchange.reply(200, msgspec.json.encode(_reply(reply, widget)), (JSON_TYPE, *headers))

    async def _stream(self, exchange: Exchange, widget: Widget, inbound: Inbound, headers: list[Header]) -> None:
        """Send the answer as it comes; once something was sent, a failure is an event of its own."""
        number = 0
        try:
            async with aclosing(self._agent.stream(inbound)) as events:
                async for event in events:
                    number += 1
                    if not exchange.is_started:
                        await exchange.start(200, (*EVENT_STREAM_HEADERS, *headers))
                    await exchange.piece(webchat.sse_event(number, *_written(event, widget)))
        except ConversationError as error:
            if not exchange.is_started:
                raise
            await exchange.piece(_error_event(number + 1, error.code, error.message))
        except DatabaseError:
            if not exchange.is_started:
                raise
            logger.warning("webchat_answer_not_stored", exc_info=True)
            await exchange.piece(_error_event(number + 1, "unavailable", _NOT_STORED))
        exchange.stop_watching()
        await exchange.end()


def _error_event(number: int, code: str, message: str) -> bytes:
    return webchat.sse_event(number, "error", {"error": {"code": code, "message": message}})


def _written(event: StreamEvent, widget: Widget) -> tuple[str, dict[str, object]]:
    match event:
        case Start():
            token = webchat.sign_visitor(widget.tenant_id, event.conversation_id)
            started = {
                "conversation_id": event.conversation_id,
                "message_id": event.message_id,
                "visitor_token": token,
                "timestamp": event.timestamp.isoformat(),
            }
            return "start", started
        case TextDelta():
            return "delta", {"text": event.text}
        case TurnReply():
            return "message", _reply(event, widget)


def _reply(reply: TurnReply, widget: Widget) -> dict[str, object]:
    token = webchat.sign_visitor(widget.tenant_id, reply.conversation_id)
    return webchat.reply_json(reply, token, widget.tenant_id)


def _inbound(message: webchat.WebMessage, widget: Widget, request_id: str, ip_key: str) -> Inbound:
    return Inbound(
        tenant_id=widget.tenant_id,
        widget_id=widget.pk,
        ip_key=ip_key,
        channel="web",
        message_text=message.message_text,
        conversation_id=message.conversation_id,
        request_id=request_id,
        llm_enabled=widget.llm_enabled,
        llm_model=widget.requested_model,
        temperature=widget.llm_temperature,
        max_tokens=widget.llm_max_tokens,
        fallback_to_knowledge_base=widget.fallback_to_knowledge_base,
    )


def _reply_headers(exchange: Exchange, request_id: str) -> list[Header]:
    """Any page may read the reply, also a refusal: what it may do is decided by `check_origin`, not by CORS."""
    headers: list[Header] = [(b"x-request-id", request_id.encode()), (b"vary", b"Origin")]
    origin = exchange.header(b"origin")
    if origin is not None and origin.isascii() and origin.isprintable():
        headers.append((b"access-control-allow-origin", origin.encode()))
        headers.append((b"access-control-expose-headers", b"retry-after, x-request-id"))
    return headers


def _own_origin(exchange: Exchange) -> str:
    """Tell under which origin this server was asked; "" for a host that it does not answer to."""
    host = exchange.header(b"host") or ""
    domain, _ = split_domain_port(host)
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        return ""
    return f"{exchange.scope['scheme']}://{host}"


_PREFLIGHT: tuple[Header, ...] = (
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (b"access-control-allow-headers", b"content-type, accept"),
    (b"access-control-max-age", b"600"),
)
