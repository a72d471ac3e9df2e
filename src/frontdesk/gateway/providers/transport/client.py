"""Exchanges with providers over a pool of connections.

One sweep watches all exchanges (a timer for each read would cost more than the read), so a deadline may pass by up to
`SWEEP_S`. Redirects are never followed: they would carry a key to another host. No cookie is kept and no proxy of the
environment used.
"""

import asyncio
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from frontdesk.gateway.errors import ProviderError, ProviderTimeout
from frontdesk.gateway.providers.contract import BODY_LIMIT_BYTES, Deadlines, UpstreamRequest
from frontdesk.gateway.providers.transport.address import Address
from frontdesk.gateway.providers.transport.connection import UpstreamConnection
from frontdesk.gateway.providers.transport.inflate import Inflater, inflater_for

SWEEP_S = 0.05
_MOST_CONNECTIONS = 2_000
_MOST_ADDRESSES = 1_000
_IDLE_S = 30.0
"""How long an unused connection is kept; servers commonly close theirs after a minute or more."""


class Transport:
    """A pool of connections; belongs to one event loop and opens with the first request on it."""

    def __init__(self, deadlines: Deadlines | None = None) -> None:
        self.deadlines = deadlines or Deadlines()
        self._addresses: dict[str, Address] = {}
        self._connections: set[UpstreamConnection] = set()
        self._idle: dict[tuple[str, str, int], list[UpstreamConnection]] = {}
        self._opening = 0
        self._tls: ssl.SSLContext | None = None
        self._is_sweeping = self._is_closed = False

    def open(self, request: UpstreamRequest) -> "UpstreamResponse":
        """Prepare an exchange; it starts on entering the returned context manager."""
        return UpstreamResponse(self, request)

    async def aclose(self) -> None:
        """Close all connections, for good."""
        self._is_closed = True
        for connection in list(self._connections):
            connection.abort()
        while self._connections:  # noqa: ASYNC110 - each is told in one of the next turns of the loop
            await asyncio.sleep(0)

    def address(self, url: str) -> Address:
        """Take a URL apart, or remember how it was. ProviderError when it is none."""
        address = self._addresses.get(url)
        if address is None:
            if len(self._addresses) >= _MOST_ADDRESSES:
                self._addresses.clear()
            address = self._addresses[url] = Address.parse(url)
        return address

    async def connect(self, address: Address, timeout_s: float) -> UpstreamConnection:
        """Give a free connection, else a new one. ProviderTimeout `connect_timeout`, ProviderError."""
        free = self._idle.get(address.origin)
        while free:
            connection = free.pop()
            if connection.is_open:
                return connection
        if len(self._connections) + self._opening >= _MOST_CONNECTIONS and not self._close_idle():
            raise ProviderError("Too many calls to providers are under way at once.", code="too_many_connections")
        loop = asyncio.get_running_loop()
        scheme, host, port = address.origin
        self._opening += 1
        try:
            async with asyncio.timeout(timeout_s):
                _, connection = await loop.create_connection(
                    lambda: UpstreamConnection(self, address.origin, loop),
                    host,
                    port,
                    ssl=self._tls_context() if scheme == "https" else None,
                )
        except TimeoutError as error:
            raise ProviderTimeout("The provider could not be reached in time.", code="connect_timeout") from error
        except (OSError, ValueError) as error:  # ValueError: a host that cannot be written as IDNA
            raise ProviderError("The provider could not be reached.", code="connection_failed") from error
        finally:
            self._opening -= 1
        if self._is_closed:
            connection.abort()
        if not connection.is_open:
            raise ProviderError("The connection to the provider was closed.", code="connection_failed")
        self._connections.add(connection)  # not before: uvloop does not tell the loss of one whose making is cancelled
        return connection

    def watch(self) -> None:
        """Have the sweep running while there are connections. Called with each exchange."""
        if not self._is_sweeping:
            self._is_sweeping = True
            loop = asyncio.get_running_loop()
            loop.call_later(SWEEP_S, self._sweep, loop)

    def freed(self, connection: UpstreamConnection) -> None:
        """Take back a connection whose exchange is over and that can carry another."""
        connection.rest(_IDLE_S)
        self._idle.setdefault(connection.origin, []).append(connection)

    def lost(self, connection: UpstreamConnection) -> None:
        """Forget a connection that is closed."""
        self._connections.discard(connection)
        free = self._idle.get(connection.origin)
        if free is not None:
            if connection in free:
                free.remove(connection)
            if not free:
                del self._idle[connection.origin]

    def _close_idle(self) -> bool:
        """Close the connection of any origin that has been free the longest there; False when all are in use."""
        for free in self._idle.values():
            if free:
                free.pop(0).abort()
                return True
        return False

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in list(self._connections):
            connection.check(now)
        if self._connections:
            loop.call_later(SWEEP_S, self._sweep, loop)
        else:
            self._is_sweeping = False

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls


class UpstreamResponse:
    """One exchange with a provider: `async with transport.open(request) as response`.

    Leaving the block before the body's end closes the connection at once.
    """

    __slots__ = ("_connection", "_inflater", "_is_complete", "_request", "_transport", "status")

    def __init__(self, transport: Transport, request: UpstreamRequest) -> None:
        self._transport = transport
        self._request = request
        self._connection: UpstreamConnection | None = None
        self._is_complete = False
        self._inflater: Inflater | None = None
        self.status = 0

    @property
    def headers(self) -> Mapping[str, str]:
        """Give the response's header fields, names in lower case."""
        return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self._opened.fields}

    async def __aenter__(self) -> Self:
        transport, deadlines = self._transport, self._transport.deadlines
        loop = asyncio.get_running_loop()
        total_at = loop.time() + deadlines.total_s
        address = transport.address(self._request.url)
        head = address.head(self._request)
        connection = await transport.connect(address, min(deadlines.connect_s, deadlines.total_s))
        transport.watch()
        self._connection = connection
        try:
            connection.send(head, self._request.body, total_at)
            await connection.wait_for_head(deadlines.first_byte_s)
            self.status = connection.status
            if encoding := connection.field(b"content-encoding"):
                self._inflater = inflater_for(encoding)
        except BaseException:
            connection.abort()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.leave(may_linger=self._is_complete)

    def complete(self) -> None:
        """Say that nothing more of the body matters; the connection may be used again if it ends soon."""
        self._is_complete = True

    async def read(self) -> bytes:
        """Read the whole body. ProviderError when it is cut short or over 10 MB after decompression."""
        declared = self._opened.field(b"content-length")
        if declared.isdecimal() and int(declared) > BODY_LIMIT_BYTES:
            raise _too_large()
        parts: list[bytes] = []
        size = 0
        while piece := await self.next_piece():
            parts.append(piece)
            size += len(piece)
            if size > BODY_LIMIT_BYTES:
                raise _too_large()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def next_piece(self) -> bytes:
        """Wait for the next bytes of the body, decompressed; empty at its end. ProviderError when it is cut short."""
        connection = self._opened
        while True:
            piece = connection.take()
            if not piece and not connection.is_complete:
                await connection.wait_for_piece(self._transport.deadlines.idle_s)
                piece = connection.take()
            if self._inflater is None:
                return piece
            if not piece:
                self._inflater.check_end()
                return b""
            if inflated := self._inflater.feed(piece):  # a compressor holds back: it may take more to give anything
                return inflated

    @property
    def _opened(self) -> UpstreamConnection:
        if self._connection is None:
            raise RuntimeError("the exchange has not started: use `async with transport.open(...)`")
        return self._connection


def _too_large() -> ProviderError:
    return ProviderError("The provider's answer is over 10 MB.", code="body_too_large")
