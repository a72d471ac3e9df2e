"""A small HTTP/1.1 server on 127.0.0.1 whose handlers get the bare connection, so that they can break rules."""

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from typing import cast

import httptools

_MAX_BODY_BYTES = 32 * 1024 * 1024
_YIELD_BYTES = 16 * 1024


class ClientLeft(ConnectionError):
    """The client closed the connection before the answer was complete."""


class ConnectionBroken(ConnectionError):
    """The handler itself closed or reset the connection; nothing more can be sent."""


class Exchange:
    """One request and the connection on which to answer it."""

    def __init__(
        self, connection: "_Connection", method: str, target: str, headers: dict[str, str], body: bytes
    ) -> None:
        self.method = method
        self.path, _, self.query = target.partition("?")
        self.headers = headers
        self.body = body
        self.peer = connection.peer
        self.cut_random: random.Random | None = None
        """When set, everything sent is cut at random places and each piece flushed on its own."""
        self._connection = connection

    async def send(self, data: bytes) -> None:
        """Write bytes and wait until the kernel took them. ClientLeft if nobody is there any more."""
        for piece in self._pieces(data):
            await self._connection.write(piece)
            if self.cut_random is not None:
                await asyncio.sleep(0)

    async def pause(self, seconds: float) -> None:
        """Wait; ClientLeft at once when the client goes away meanwhile."""
        if self._connection.lost.is_set():
            raise ClientLeft
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._connection.lost.wait(), seconds)
            raise ClientLeft

    async def until_client_leaves(self) -> None:
        """Wait for the client to go away, and raise ClientLeft then."""
        await self._connection.lost.wait()
        raise ClientLeft

    def close(self) -> None:
        """Close the connection in an orderly way (FIN) and stop the handler."""
        self._connection.close()
        raise ConnectionBroken("closed on purpose")

    def reset(self) -> None:
        """Reset the connection (RST) and stop the handler."""
        self._connection.reset()
        raise ConnectionBroken("reset on purpose")

    async def respond(self, status: int, body: bytes, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Send a whole response with its Content-Length."""
        await self.send(head(status, [*headers, ("content-length", str(len(body)))]) + body)

    async def start_chunked(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Send the head of a chunked response."""
        await self.send(head(status, [*headers, ("transfer-encoding", "chunked")]))

    async def chunk(self, data: bytes) -> None:
        """Send one chunk."""
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def end_chunked(self) -> None:
        """Send the last, empty chunk."""
        await self.send(b"0\r\n\r\n")

    def _pieces(self, data: bytes) -> Iterable[bytes]:
        if self.cut_random is None:
            yield data
            return
        start = 0
        while start < len(data):
            size = self.cut_random.choice((1, 1, 2, 3, 7, 16, 61, 256, 1024))
            yield data[start : start + size]
            start += size


Handler = Callable[[Exchange], Awaitable[None]]


def head(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """Build a response head."""
    lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class LoopbackServer:
    """Serves a handler on 127.0.0.1; a connection handles one request at a time."""

    def __init__(self, handler: Handler, port: int = 0) -> None:
        self.connections_opened = 0
        self._handler = handler
        self._port = port
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    @property
    def port(self) -> int:
        """Tell the port that is listened on."""
        assert self._server is not None, "start the server first"
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Tell the address without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> "LoopbackServer":
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self, self._handler), "127.0.0.1", self._port, backlog=1024
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        tasks = [connection.abandon() for connection in list(self._connections)]
        await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)

    def opened(self, connection: "_Connection") -> None:
        """Take note of a new connection."""
        self.connections_opened += 1
        self._connections.add(connection)

    def closed(self, connection: "_Connection") -> None:
        """Forget a connection."""
        self._connections.discard(connection)


class _Connection(asyncio.Protocol):
    """Parses requests, runs the handler for each, and notices at once when the peer goes away."""

    def __init__(self, server: LoopbackServer, handler: Handler) -> None:
        self.lost = asyncio.Event()
        self.peer = ""
        self._server = server
        self._handler = handler
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._task: asyncio.Task[None] | None = None
        self._waiting: list[Exchange] = []
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no instances of it
        self.peer = str(transport.get_extra_info("peername"))
        self._server.opened(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()
        self._writable.set()
        self._server.closed(self)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # httptools callbacks

    def on_message_begin(self) -> None:
        self._target, self._headers, self._body = b"", {}, bytearray()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > _MAX_BODY_BYTES:
            self.close()

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode("latin-1")
        exchange = Exchange(self, method, self._target.decode("latin-1"), self._headers, bytes(self._body))
        self._waiting.append(exchange)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._serve())

    # for the exchange and the server

    async def write(self, data: bytes) -> None:
        if self.lost.is_set() or self._transport is None or self._transport.is_closing():
            raise ClientLeft
        self._transport.write(data)
        await self._writable.wait()
        if len(data) > _YIELD_BYTES:  # so that a client that leaves is noticed between large pieces
            await asyncio.sleep(0)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        if self._transport is None:
            return
        raw = self._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def abandon(self) -> asyncio.Task[None] | None:
        """Stop the handler and drop the connection."""
        if self._transport is not None:
            self._transport.abort()
        if self._task is not None:
            self._task.cancel()
        return self._task

    async def _serve(self) -> None:
        while self._waiting and not self.lost.is_set():
            exchange = self._waiting.pop(0)
            try:
                await self._handler(exchange)
            except (ClientLeft, ConnectionBroken):
                return
            if exchange.headers.get("connection", "").lower() == "close":
                self.close()
