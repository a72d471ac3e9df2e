"""The only HTTP client of the request path: aiohttp, with a deadline for each phase and a bound on every body.

One sweep watches all exchanges (a timer for each read would cost more than the read), so a deadline may pass by up to
`SWEEP_S`. Redirects are never followed: they would carry a key to another host.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.hdrs import CONTENT_ENCODING
from yarl import URL

from frontdesk.gateway.errors import ProviderError, ProviderTimeout
from frontdesk.gateway.providers.contract import BODY_LIMIT_BYTES, Deadlines, UpstreamRequest

SWEEP_S = 0.05
_MOST_CONNECTIONS = 2_000
_MOST_URLS = 1_000
_OWN_HEADERS = {"user-agent": "frontdesk", "accept-encoding": "identity"}
"""Compression saves a provider's answer little and costs CPU; one that compresses all the same is understood."""
_LINGER_S = 1.0


class Transport:
    """A pool of connections; belongs to one event loop and opens with the first request on it."""

    def __init__(self, deadlines: Deadlines | None = None) -> None:
        self.deadlines = deadlines or Deadlines()
        self._session: aiohttp.ClientSession | None = None
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=self.deadlines.connect_s)
        self._urls: dict[str, URL] = {}
        self._lingering: set[asyncio.Task[None]] = set()
        self._watches: set[_Watch] = set()
        self._is_sweeping = False

    def open(self, request: UpstreamRequest) -> UpstreamResponse:
        """Prepare an exchange; it starts on entering the returned context manager."""
        return UpstreamResponse(self, request)

    async def aclose(self) -> None:
        """Close all connections."""
        for task in list(self._lingering):
            task.cancel()
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _watch(self) -> _Watch:
        """Start to watch an exchange; whoever asked drops it from `_watches` at its end."""
        loop = asyncio.get_running_loop()
        watch = _Watch(loop, self.deadlines.total_s)
        self._watches.add(watch)
        if not self._is_sweeping:
            self._is_sweeping = True
            loop.call_later(SWEEP_S, self._sweep, loop)
        return watch

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for watch in self._watches:
            watch.check(now)
        if self._watches:
            loop.call_later(SWEEP_S, self._sweep, loop)
        else:
            self._is_sweeping = False

    async def _send(self, request: UpstreamRequest) -> aiohttp.ClientResponse:
        return await self._ready_session().request(
            request.method,
            self._url(request.url),
            data=request.body,
            headers=request.headers,
            allow_redirects=False,
        )

    def _ready_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_MOST_CONNECTIONS, keepalive_timeout=30, ttl_dns_cache=60),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=_OWN_HEADERS,
                auto_decompress=False,
                timeout=self._timeout,
                trust_env=False,
            )
        return self._session

    def _url(self, text: str) -> URL:
        url = self._urls.get(text)
        if url is None:
            if len(self._urls) >= _MOST_URLS:
                self._urls.clear()
            url = self._urls[text] = URL(text)
        return url

    def _linger(self, response: aiohttp.ClientResponse) -> None:
        """Let a response that has said all it had to say reach its end, so that its connection can be used again."""
        task = asyncio.get_running_loop().create_task(_drain(response))
        self._lingering.add(task)
        task.add_done_callback(self._lingering.discard)


class UpstreamResponse:
    """One exchange with a provider: `async with transport.open(request) as response`.

    Leaving the block before the body's end closes the connection at once.
    """

    def __init__(self, transport: Transport, request: UpstreamRequest) -> None:
        self._transport = transport
        self._request = request
        self._watch = transport._watch()
        self._response: aiohttp.ClientResponse | None = None
        self._is_complete = False
        self._inflater: _Inflater | None = None
        self.status = 0

    @property
    def headers(self) -> Mapping[str, str]:
        """Give the response's header fields, names in lower case."""
        return {name.lower(): value for name, value in self._opened.headers.items()}

    async def __aenter__(self) -> Self:
        self._watch.arm("first_byte_timeout", self._transport.deadlines.first_byte_s)
        try:
            self._response = await self._transport._send(self._request)
        except asyncio.CancelledError as error:
            self._watch.translate(error)
            raise
        except aiohttp.ConnectionTimeoutError as error:
            raise ProviderTimeout("The provider could not be reached in time.", code="connect_timeout") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ProviderError("The provider could not be reached.", code="connection_failed") from error
        finally:
            self._watch.disarm()
            if self._response is None:
                self._transport._watches.discard(self._watch)
        self.status = self._response.status
        self._watch.protocol = self._response.connection.protocol if self._response.connection else None
        if encoding := self._response.headers.get(CONTENT_ENCODING):
            try:
                self._inflater = _inflater_for(encoding)
            except ProviderError:
                await self.__aexit__(None, None, None)
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport._watches.discard(self._watch)
        response = self._opened
        if response.content.at_eof():
            response.release()
        elif self._is_complete:
            self._transport._linger(response)
        else:
            response.close()

    def complete(self) -> None:
        """Say that nothing more of the body matters; the connection may be used again if it ends soon."""
        self._is_complete = True

    async def read(self) -> bytes:
        """Read the whole body. ProviderError when it is cut short or over 10 MB after decompression."""
        declared = self._opened.content_length
        if declared is not None and declared > BODY_LIMIT_BYTES:
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
        watch = self._watch
        watch.arm("idle_timeout", self._transport.deadlines.idle_s)
        try:
            piece = await self._opened.content.readany()
        except asyncio.CancelledError as error:
            watch.translate(error)
            raise
        except (aiohttp.ClientError, OSError) as error:
            raise _cut_short() from error
        finally:
            watch.disarm()
        return piece if self._inflater is None else await self._inflated(self._inflater, piece)

    async def _inflated(self, inflater: _Inflater, piece: bytes) -> bytes:
        """Inflate a piece; a compressor holds back, so it may take the next ones too to give anything."""
        if not piece:
            inflater.check_end()
            return b""
        return inflater.feed(piece) or await self.next_piece()

    @property
    def _opened(self) -> aiohttp.ClientResponse:
        if self._response is None:
            raise RuntimeError("the exchange has not started: use `async with transport.open(...)`")
        return self._response


class _Watch:
    """The deadlines of one exchange: which phase is waited for, by whom, and until when."""

    __slots__ = ("_code", "_is_lost", "_limit_at", "_loop", "_task", "_total_at", "has_fired", "protocol")

    def __init__(self, loop: asyncio.AbstractEventLoop, total_s: float) -> None:
        self._loop = loop
        self._task: asyncio.Task[object] | None = None
        self._code = ""
        self._limit_at = self._total_at = loop.time() + total_s
        self._is_lost = False
        self.has_fired = False
        self.protocol: asyncio.BaseProtocol | None = None

    def arm(self, code: str, seconds: float) -> None:
        """Limit the wait that follows; it takes place in the current task."""
        self._task = asyncio.current_task(self._loop)
        limit_at = self._loop.time() + seconds
        if limit_at < self._total_at:
            self._code, self._limit_at = code, limit_at
        else:
            self._code, self._limit_at = "total_timeout", self._total_at

    def disarm(self) -> None:
        """Say that the wait is over."""
        self._task = None

    def check(self, now: float) -> None:
        """Cancel the waiting task when its time is up, or when it waits on a connection that is gone.

        aiohttp tells nobody when it closes a connection over broken chunked framing; a loss that two sweeps in a row
        have seen is one of those, and not one whose news is on its way.
        """
        if self._task is None or self.has_fired:
            return
        was_lost, self._is_lost = self._is_lost, self._is_connection_lost()
        if self._limit_at <= now or (was_lost and self._is_lost):
            self.has_fired = True
            self._task.cancel()

    def _is_connection_lost(self) -> bool:
        transport = getattr(self.protocol, "transport", None)
        return self.protocol is not None and (transport is None or transport.is_closing())

    def translate(self, error: asyncio.CancelledError) -> None:
        """Raise what this watch has found, if it did the cancelling and nobody else did."""
        task = asyncio.current_task(self._loop)
        if self.has_fired and task is not None and task.uncancel() == 0:
            if self._is_lost:
                raise _cut_short() from error
            raise ProviderTimeout("The provider did not answer in time.", code=self._code) from error


class _Inflater:
    """Inflates gzip or zlib in bounded steps, so that a bomb costs no more than the limit."""

    _STEP_BYTES = 256 * 1024

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)

    def feed(self, piece: bytes) -> bytes:
        """Inflate the next bytes; often empty, as a compressor holds back. ProviderError when they grow too much."""
        inflated = bytearray()
        try:
            while piece:
                inflated += self._inflate.decompress(piece, self._STEP_BYTES)
                piece = self._inflate.unconsumed_tail
                if len(inflated) > BODY_LIMIT_BYTES:
                    raise _too_large()
        except zlib.error as error:
            raise ProviderError("The provider's answer cannot be decompressed.", code="malformed_body") from error
        return bytes(inflated)

    def check_end(self) -> None:
        """Check that the compressed stream is whole."""
        if not self._inflate.eof:
            raise _cut_short()


def _inflater_for(encoding: str) -> _Inflater | None:
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return _Inflater()
    raise ProviderError(f"The provider answered in an unknown encoding ({encoding[:20]}).", code="malformed_body")


def _cut_short() -> ProviderError:
    return ProviderError("The provider's answer was cut short.", code="truncated_body")


def _too_large() -> ProviderError:
    return ProviderError("The provider's answer is over 10 MB.", code="body_too_large")


async def _drain(response: aiohttp.ClientResponse) -> None:
    try:
        async with asyncio.timeout(_LINGER_S):
            while await response.content.readany():
                pass
        response.release()
    except (TimeoutError, aiohttp.ClientError, OSError):
        response.close()
    except asyncio.CancelledError:
        response.close()
        raise
