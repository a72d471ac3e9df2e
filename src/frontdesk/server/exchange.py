"""One HTTP exchange on raw ASGI: what the handlers of the request path need, and no more than that costs."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from frontdesk.gateway.errors import CallerError

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

Application = Callable[[Scope, Receive, Send], Awaitable[None]]

Header = tuple[bytes, bytes]

BODY_LIMIT_BYTES = 10 * 1024 * 1024
_REFUSED_BODY_WAIT_S = 2.0

JSON_TYPE: Header = (b"content-type", b"application/json")
EVENT_STREAM_HEADERS: tuple[Header, ...] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)


CONNECTION = "frontdesk.connection"
"""Where the scope holds the connection; `server.connection` puts it there."""


class Connection(Protocol):
    """What a handler may ask of the client's connection."""

    when_lost: Callable[[], None] | None
    """Called once when the connection closes while a request is being answered."""


class BodyTooLarge(CallerError):
    """The body is over the limit; it was not kept."""

    default_code = "body_too_large"
    default_status = 413


class ClientLeft(Exception):
    """The client closed the connection before its request was complete."""


class Exchange:
    """A request and the way to answer it."""

    __slots__ = (
        "_connection",
        "_headers",
        "_is_refused",
        "_receive",
        "_send",
        "_task",
        "has_left",
        "is_started",
        "scope",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take what the server hands to an ASGI application."""
        self.scope = scope
        self.has_left = False
        self.is_started = False
        self._connection: Connection = scope[CONNECTION]
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self._receive = receive
        self._send = send
        self._is_refused = False
        self._task: asyncio.Task[Any] | None = None

    def header(self, name: bytes) -> str | None:
        """Give a header field; the name in lower case. None when it is absent."""
        value = self._headers.get(name)
        return None if value is None else str(value, "latin-1")

    async def body(self, limit_bytes: int = BODY_LIMIT_BYTES) -> bytes:
        """Read the body. BodyTooLarge before more than the limit is kept; ClientLeft if it never comes whole."""
        declared = self.header(b"content-length")
        if declared is not None and declared.isdecimal() and int(declared) > limit_bytes:
            self._is_refused = True
            raise _too_large(limit_bytes)
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            first: bytes = message.get("body", b"")
            if len(first) <= limit_bytes:
                return first
        parts = bytearray()
        while True:
            if message["type"] == "http.disconnect":
                raise ClientLeft
            parts += message.get("body", b"")
            if len(parts) > limit_bytes:
                self._is_refused = True
                raise _too_large(limit_bytes)
            if not message.get("more_body"):
                return bytes(parts)
            message = await self._receive()

    async def reply(self, status: int, body: bytes, headers: Sequence[Header] = (JSON_TYPE,)) -> None:
        """Send a whole reply."""
        fields = [*headers, (b"content-length", b"%d" % len(body))]
        if self._is_refused:
            fields.append((b"connection", b"close"))
        await self.start(status, fields)
        await self._send({"type": "http.response.body", "body": body, "more_body": self._is_refused})
        if self._is_refused:
            await self._let_sender_finish()
            await self._send({"type": "http.response.body", "body": b""})

    async def hand_over(self, application: Application) -> None:
        """Let another ASGI application answer; one that is sent a body over the limit finds its client gone."""
        taken = 0

        async def receive() -> Message:
            nonlocal taken
            message = await self._receive()
            taken += len(message.get("body", b""))
            if taken > BODY_LIMIT_BYTES:
                self._is_refused = True
                return {"type": "http.disconnect"}
            return message

        async def send(message: Message) -> None:
            self.is_started = True
            await self._send(message)

        declared = self.header(b"content-length") or ""
        if declared.isdecimal() and int(declared) > BODY_LIMIT_BYTES:
            self._is_refused = True
        else:
            await application(self.scope, receive, send)
        if self._is_refused and not self.is_started:
            error = _too_large(BODY_LIMIT_BYTES)
            await self.reply(413, error_json(error.code, error.public_message))

    async def start(self, status: int, headers: Sequence[Header]) -> None:
        """Begin a reply that is sent in pieces."""
        self.is_started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    def piece(self, body: bytes) -> Awaitable[None]:
        """Send a piece; waits while the client is slow to take what was sent."""
        return self._send({"type": "http.response.body", "body": body, "more_body": True})

    def end(self, body: bytes = b"") -> Awaitable[None]:
        """Send the last piece."""
        return self._send({"type": "http.response.body", "body": body})

    def cancel_when_client_leaves(self) -> None:
        """Cancel the current task when the client closes the connection (`has_left` tells that this was why).

        A raw handler has to watch for itself, or the provider goes on and is paid.
        """
        self._task = asyncio.current_task()
        self._connection.when_lost = self._leave

    def stop_watching(self) -> None:
        """Leave the task alone from here on."""
        self._connection.when_lost = None

    def _leave(self) -> None:
        self.has_left = True
        if self._task is not None:
            self._task.cancel()

    async def _let_sender_finish(self) -> None:
        """Read and drop what is still being sent, for a short while: closing at once would lose our reply."""
        try:
            async with asyncio.timeout(_REFUSED_BODY_WAIT_S):
                message = await self._receive()
                while message["type"] == "http.request" and message.get("more_body"):
                    message = await self._receive()
        except TimeoutError:
            pass


def error_json(code: str, message: str) -> bytes:
    """Write the error object of Frontdesk's own endpoints."""
    return msgspec.json.encode({"error": {"code": code, "message": message}})


def _too_large(limit_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is over {limit_bytes // 1024} KiB: send less.")
