"""A server whose handlers write the bytes of an answer themselves, with TLS if asked for."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Self

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class Peer:
    """One connection as the server sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.reader = reader
        self.writer = writer
        self.number = number
        """How many connections came before this one."""

    async def request(self) -> bytes:
        """Read the next request with its body. EOFError when the client has left."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0])
        return head + await self.reader.readexactly(size)

    async def send(self, data: bytes) -> None:
        """Write and wait until there is room for more."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Drop the connection without an orderly end, when what was written is on its way."""
        self.writer.transport.abort()


Handler = Callable[[Peer], Awaitable[None]]


class RawServer:
    """Runs a handler for each connection, which is closed when the handler ends."""

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.connections_opened = 0
        self.connections_open = 0
        self._handler = handler
        self._tls = tls
        self._host = host
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Tell the port that is listened on."""
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Tell a URL to ask."""
        return f"{'http' if self._tls is None else 'https'}://{self._host}:{self.port}/x"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self._host, 0, ssl=self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def until_all_left(self) -> None:
        """Wait until no connection is open. TimeoutError after three seconds."""
        async with asyncio.timeout(3):
            while self.connections_open:  # noqa: ASYNC110 - the deadline is near
                await asyncio.sleep(0.005)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(Peer(reader, writer, self.connections_opened)))
        self.connections_opened += 1
        self.connections_open += 1
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, peer: Peer) -> None:
        try:
            with contextlib.suppress(EOFError, ConnectionError, ssl.SSLError):
                await self._handler(peer)
        finally:
            self.connections_open -= 1
            peer.writer.close()


def answering(*answers: bytes) -> Handler:
    """Answer the requests of each connection with these bytes in turn, then close."""

    async def handler(peer: Peer) -> None:
        for answer in answers:
            await peer.request()
            await peer.send(answer)

    return handler


def forever(answers: Sequence[bytes] = (OK,)) -> Handler:
    """Answer the first requests of each connection with these bytes, and all that follow with the last of them."""

    async def handler(peer: Peer) -> None:
        for answer in answers:
            await peer.request()
            await peer.send(answer)
        while True:
            await peer.request()
            await peer.send(answers[-1])

    return handler
