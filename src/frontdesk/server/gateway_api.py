"""The gateway over HTTP: OpenAI's endpoints, for the SDKs that speak them."""

import math
from collections.abc import Sequence

from frontdesk.gateway.budgets.terms import LimitState
from frontdesk.gateway.clock import uuid7_text
from frontdesk.gateway.errors import BudgetExhausted, CallerError, GatewayError
from frontdesk.gateway.ingress import openai_chat, openai_models
from frontdesk.gateway.journal.record import Caller
from frontdesk.gateway.messages import Request
from frontdesk.gateway.pipeline import Gateway, Stream
from frontdesk.server.client_address import ClientAddresses
from frontdesk.server.exchange import EVENT_STREAM_HEADERS, JSON_TYPE, Exchange, Header
from frontdesk.server.key_uses import KeyUses
from frontdesk.server.rate_limit_headers import rate_limit_headers
from frontdesk.server.snapshots import SnapshotHolder
from frontdesk.tenants import authorisation
from frontdesk.tenants.authorisation import Principal, UnknownKey
from frontdesk.tenants.scopes import GATEWAY_CALL

_LONGEST_CLIENT_ID = 128


class GatewayApi:
    """Handlers of `/v1/`; each answers every error in OpenAI's shape."""

    def __init__(self, gateway: Gateway, snapshots: SnapshotHolder) -> None:
        """Take the process's gateway and where its Snapshot is refreshed."""
        self._gateway = gateway
        self._snapshots = snapshots
        self._key_uses = KeyUses()
        self._addresses = ClientAddresses.from_settings()

    async def chat_completions(self, exchange: Exchange) -> None:
        """`POST /v1/chat/completions`, whole or streamed."""
        request_id = uuid7_text(self._gateway.clock.now_ns())
        try:
            _require_method(exchange, "POST")
            key = await self._authenticate(exchange)
            request = openai_chat.parse(await exchange.body())
            caller = Caller(
                tenant_id=key.tenant_id,
                request_id=request_id,
                api_key_id=key.id,
                client_request_id=(exchange.header(b"x-request-id") or "")[:_LONGEST_CLIENT_ID],
                ip_key=self._ip_key(exchange, key.tenant_id),
            )
            exchange.cancel_when_client_leaves()
            if request.stream:
                await self._stream(exchange, request, caller)
            else:
                reply = await self._gateway.complete(request, caller)
                body = openai_chat.render_reply(reply, self._now_s())
                exchange.stop_watching()
                headers = (JSON_TYPE, *_identity(request_id, reply.served_by), *self._limits(reply.limits))
                await exchange.reply(200, body, headers)
        except GatewayError as error:
            exchange.stop_watching()
            await self._refuse(exchange, error, request_id)

    async def models(self, exchange: Exchange) -> None:
        """`GET /v1/models` and `GET /v1/models/{provider}/{model}`."""
        request_id = uuid7_text(self._gateway.clock.now_ns())
        try:
            _require_method(exchange, "GET")
            key = await self._authenticate(exchange)
            snapshot = self._gateway.snapshot
            name = exchange.scope["path"].removeprefix("/v1/models").strip("/")
            if name:
                body = openai_models.render_model(snapshot.resolve(key.tenant_id, name).model, 0)
            else:
                body = openai_models.render_models(snapshot.usable_models(key.tenant_id), 0)
            await exchange.reply(200, body, (JSON_TYPE, *_identity(request_id)))
        except GatewayError as error:
            await self._refuse(exchange, error, request_id)

    async def unknown(self, exchange: Exchange) -> None:
        """Any other path under `/v1/`."""
        request_id = uuid7_text(self._gateway.clock.now_ns())
        path = exchange.scope["path"][:200]
        error = CallerError(
            f"Unknown request URL: {exchange.scope['method']} {path}. Frontdesk serves POST /v1/chat/completions and "
            "GET /v1/models here.",
            code="unknown_url",
            http_status=404,
        )
        await self._refuse(exchange, error, request_id)

    async def _stream(self, exchange: Exchange, request: Request, caller: Caller) -> None:
        """Send the answer as it arrives; a failure before the first content still gets its status."""
        stream = self._gateway.stream(request, caller)
        renderer = openai_chat.StreamRenderer(request, self._now_s())
        is_started = False
        try:
            async for batch in stream:
                if not is_started:
                    await exchange.start(200, self._stream_headers(stream, caller.request_id))
                    is_started = True
                if events := renderer.render(batch):
                    await exchange.piece(events)
        except GatewayError as error:
            if not is_started:
                raise
            exchange.stop_watching()
            await exchange.end(openai_chat.render_error_event(error))
            return
        finally:
            await stream.aclose()
        exchange.stop_watching()
        if not exchange.is_started:  # a whole answer in which there was nothing to say
            await exchange.start(200, self._stream_headers(stream, caller.request_id))
        await exchange.end(renderer.end())

    async def _authenticate(self, exchange: Exchange) -> Principal:
        """Find out whose key the request carries. CallerError when there is none that may call models."""
        headers = exchange.scope["headers"]
        now_ns = self._gateway.clock.now_ns()
        try:
            principal = authorisation.principal_of_key(self._gateway.snapshot, headers, now_ns)
        except UnknownKey:
            await self._snapshots.refresh_for_unknown()
            principal = authorisation.principal_of_key(self._gateway.snapshot, headers, now_ns)
        authorisation.require(principal, GATEWAY_CALL)
        self._key_uses.note(principal.id, now_ns)
        return principal

    async def _refuse(self, exchange: Exchange, error: GatewayError, request_id: str) -> None:
        headers = [JSON_TYPE, *_identity(request_id)]
        if error.retry_after_s is not None:
            headers.append((b"retry-after", b"%d" % math.ceil(error.retry_after_s)))
        if isinstance(error, BudgetExhausted):
            headers.extend(self._limits(error.limits))
        await exchange.reply(error.http_status, openai_chat.render_error(error), headers)

    def _stream_headers(self, stream: Stream, request_id: str) -> Sequence[Header]:
        return (*EVENT_STREAM_HEADERS, *_identity(request_id, stream.served_by), *self._limits(stream.limits()))

    def _ip_key(self, exchange: Exchange, tenant_id: int) -> str:
        is_counted = self._gateway.snapshot.counts_by("ip", tenant_id)
        return self._addresses.digest(exchange.scope) if is_counted else ""

    def _limits(self, limits: Sequence[LimitState]) -> list[Header]:
        return rate_limit_headers(limits, self._now_s()) if limits else []

    def _now_s(self) -> int:
        return self._gateway.clock.now_ns() // 1_000_000_000


def _identity(request_id: str, served_by: str = "") -> Sequence[Header]:
    own = (b"x-request-id", request_id.encode())
    return (own, (b"x-frontdesk-model", served_by.encode("latin-1", "replace"))) if served_by else (own,)


def _require_method(exchange: Exchange, method: str) -> None:
    if exchange.scope["method"] != method:
        raise CallerError(
            f"Not allowed to {exchange.scope['method']} on {exchange.scope['path'][:200]}: use {method}.",
            code="method_not_allowed",
            http_status=405,
        )
