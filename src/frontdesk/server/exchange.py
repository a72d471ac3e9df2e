"""One HTTP exchange on raw ASGI: what the handlers of the request path need, and no more than that costs."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import msgspec

from frontdesk.gateway.errors import CallerError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

Header = tuple[bytes, bytes]

BODY_LIMIT_BYTES = 10 * 1024 * 1024
_REFUSED_BODY_WAIT_S = 2.0

JSON_TYPE: Header = (b"content-type", b"application/json")
EVENT_STREAM_HEADERS: tuple[Header, ...] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)


class BodyTooLarge(CallerError):
    """The body is over the limit; it was not kept."""

    default_code = "body_too_large"
    default_status = 413


class ClientLeft(Exception):
    """The client closed the connection before its request was complete."""


class Exchange:
    """A request and the way to answer it."""

    __slots__ = ("_is_refused", "_receive", "_send", "_watcher", "has_left", "is_started", "scope")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take what the server hands to an ASGI application."""
        self.scope = scope
        self.has_left = False
        self.is_started = False
        self._receive = receive
        self._send = send
        self._is_refused = False
        self._watcher: asyncio.Task[None] | None = None

    def header(self, name: bytes) -> str | None:
        """Give a header field; the name in lower case. None when it is absent."""
        for key, value in self.scope["headers"]:
            if key == name:
                return str(value, "latin-1")
        return None

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

    async def start(self, status: int, headers: Sequence[Header]) -> None:
        """Begin a reply that is sent in pieces."""
        self.is_started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def piece(self, body: bytes) -> None:
        """Send a piece; waits while the client is slow to take what was sent."""
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self, body: bytes = b"") -> None:
        """Send the last piece."""
        await self._send({"type": "http.response.body", "body": body})

    def cancel_when_client_leaves(self) -> None:
        """Cancel the current task when the client closes the connection (`has_left` tells that this was why).

        Call it after the body is read. A raw handler has to watch for itself, or the provider goes on and is paid.
        """
        task = asyncio.current_task()
        if task is not None:
            self._watcher = asyncio.get_running_loop().create_task(self._watch(task))

    def stop_watching(self) -> None:
        """Leave the task alone from here on."""
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None

    async def _watch(self, task: "asyncio.Task[Any]") -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.has_left = True
        task.cancel()

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
