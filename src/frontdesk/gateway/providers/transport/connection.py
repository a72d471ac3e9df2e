"""One HTTP/1.1 connection to a provider: llhttp's parser over asyncio's transport, one exchange at a time."""

import asyncio
from typing import Protocol, cast

import httptools

from frontdesk.gateway.errors import ProviderError, ProviderTimeout

Origin = tuple[str, str, int]
"""Scheme, host, port."""

_HEAD_LIMIT_BYTES = 64 * 1024
_UNREAD_LIMIT_BYTES = 256 * 1024
"""What is read ahead of the reader before the provider has to wait."""
_JOINED_BYTES = 64 * 1024
"""Up to here head and body are joined for one system call; a larger body is not copied."""
_LINGER_S = 1.0
_NEVER = float("inf")


class Pool(Protocol):
    """What a connection tells its owner."""

    def freed(self, connection: "UpstreamConnection") -> None:
        """It can carry another exchange."""
        ...

    def lost(self, connection: "UpstreamConnection") -> None:
        """It is closed."""
        ...


class UpstreamConnection(asyncio.Protocol):
    """Sends a request and takes its response in; whoever waits is woken by what comes, by a loss, or by `check`."""

    __slots__ = (
        "_due_at",
        "_due_code",
        "_failure",
        "_has_head",
        "_head_bytes",
        "_is_at_rest",
        "_is_eof",
        "_is_lost",
        "_is_paused",
        "_loop",
        "_may_go_on",
        "_parser",
        "_pieces",
        "_pool",
        "_total_at",
        "_transport",
        "_unread_bytes",
        "_waiter",
        "fields",
        "is_complete",
        "origin",
        "status",
    )

    _transport: asyncio.Transport

    def __init__(self, pool: Pool, origin: Origin, loop: asyncio.AbstractEventLoop) -> None:
        self.origin = origin
        self.fields: list[tuple[bytes, bytes]] = []
        self.status = 0
        self.is_complete = True
        """Whether the whole body has been received; some of it may not have been taken yet."""
        self._pool = pool
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self._unread_bytes = self._head_bytes = 0
        self._failure: ProviderError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._due_at = self._total_at = _NEVER
        self._due_code = ""
        self._has_head = self._is_eof = self._is_lost = self._is_paused = self._may_go_on = False
        self._is_at_rest = True

    # --- for the exchange

    @property
    def is_open(self) -> bool:
        """Tell whether a request can be sent; not so from the moment that either side closes."""
        return not self._is_lost and not self._transport.is_closing()

    def send(self, head: bytes, body: bytes, total_at: float) -> None:
        """Begin an exchange that must be over at `total_at` on the loop's clock."""
        self.fields = []
        self.status = self._head_bytes = 0
        self.is_complete = self._has_head = self._is_at_rest = self._may_go_on = False
        self._total_at, self._due_at = total_at, _NEVER
        if len(body) <= _JOINED_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))

    async def wait_for_head(self, seconds: float) -> None:
        """Wait for status and header fields. ProviderTimeout `first_byte_timeout`, ProviderError."""
        if not self._has_head:
            await self._wait("first_byte_timeout", seconds)

    async def wait_for_piece(self, seconds: float) -> None:
        """Wait until something can be taken or the body is complete. ProviderTimeout `idle_timeout`, ProviderError."""
        while not self._pieces and not self.is_complete:  # what has come may have been no more than a chunk's size
            await self._wait("idle_timeout", seconds)

    def take(self) -> bytes:
        """Take what has come of the body; empty when nothing has."""
        pieces = self._pieces
        if not pieces:
            return b""
        taken = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._unread_bytes = 0
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
        return taken

    def field(self, name: bytes) -> str:
        """Give a header field by its name in lower case; empty when there is none."""
        for found, value in self.fields:
            if found.lower() == name:
                return value.decode("latin-1")
        return ""

    def leave(self, *, may_linger: bool) -> None:
        """End the exchange: the connection is used again, or closed at once when the response has not ended.

        `may_linger`: all that matters has come, so the end is waited for a short while.
        """
        if self.is_complete:
            self._rest_or_close()
        elif may_linger and self._failure is None:
            self.take()
            self._is_at_rest = True
            self._due_at = self._loop.time() + _LINGER_S
        else:
            self.abort()

    def rest(self, seconds: float) -> None:
        """Keep the connection for the next exchange, at most so long."""
        self._due_at = self._loop.time() + seconds

    def check(self, now: float) -> None:
        """End what takes too long; called every few hundredths of a second."""
        if self._waiter is not None and not self._waiter.done():
            if now >= self._due_at:
                self._waiter.set_exception(ProviderTimeout("The provider did not answer in time.", code=self._due_code))
        elif self._is_at_rest and now >= self._due_at:
            self.abort()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket's side."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no instances of it

    def data_received(self, data: bytes) -> None:
        """Take bytes in, cut anywhere."""
        if self._is_at_rest and self.is_complete:
            self.abort()  # nothing was asked for
            return
        if not self._has_head:
            self._head_bytes += len(data)
        else:
            self._unread_bytes += len(data)  # framing and trailers too: the parser keeps an unfinished trailer
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self.is_complete:
                self._fail("The provider's answer is not HTTP.", "malformed_body")
                return
            self.abort()  # what follows a whole answer is no part of it
        if not self._has_head:
            if self._head_bytes > _HEAD_LIMIT_BYTES:
                self._fail("The header of the provider's answer is over 64 KiB.", "malformed_body")
            return
        if self._unread_bytes > _UNREAD_LIMIT_BYTES and not self._is_paused and not self.is_complete:
            self._is_paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Note that the provider has closed in an orderly way."""
        self._is_eof = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits and the pool."""
        self._is_lost = True
        if not self.is_complete:
            if exc is None and self._is_eof and self._has_head and self._ends_with_connection():
                self.is_complete = True
                self._wake()
            elif self._has_head:
                self._fail("The provider's answer was cut short.", "truncated_body")
            else:
                self._fail("The provider closed the connection without an answer.", "connection_failed")
        self._pool.lost(self)

    # --- llhttp

    def on_message_begin(self) -> None:
        """Stop the parser at a response that nobody asked for."""
        if self.is_complete:
            raise ValueError("unsolicited response")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field."""
        if not self._has_head:  # else it is of a trailer
            self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Take the status; an interim one (1xx) is not the answer yet."""
        status = self._parser.get_status_code()
        if status < 200:
            self.fields = []
        else:
            self.status = status
            self._has_head = True

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if self._is_at_rest:  # lingering: nobody reads it any more
            return
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        """Note the end of the response."""
        if self._has_head:
            self.is_complete = True
            self._may_go_on = self._parser.should_keep_alive()
            if self._is_at_rest:
                self._rest_or_close()

    # --- inside

    async def _wait(self, code: str, seconds: float) -> None:
        if self._failure is not None:
            raise self._failure
        due_at = self._loop.time() + seconds
        if due_at < self._total_at:
            self._due_code, self._due_at = code, due_at
        else:
            self._due_code, self._due_at = "total_timeout", self._total_at
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _fail(self, message: str, code: str) -> None:
        if self._failure is None:
            self._failure = ProviderError(message, code=code)
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_exception(self._failure)
        self._transport.abort()

    def _rest_or_close(self) -> None:
        """Give the connection back if both sides have said all they had to say, and mean to go on."""
        self.take()
        self._is_at_rest = True
        if (
            self._is_lost
            or self._transport.is_closing()
            or self._transport.get_write_buffer_size()
            or not self._may_go_on
        ):
            self.abort()
        else:
            self._pool.freed(self)

    def _ends_with_connection(self) -> bool:
        """Tell whether the body has no length of its own, so that the connection's end is its end."""
        names = {name.lower(): value for name, value in self.fields}  # the last one counts: it must be the framing
        return not names.get(b"content-length") and b"chunked" not in names.get(b"transfer-encoding", b"").lower()
