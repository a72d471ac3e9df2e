"""What the pool of connections must get right: who gets which connection, and that none is kept or lost."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from frontdesk.gateway.errors import ProviderError, ProviderTimeout
from frontdesk.gateway.providers.contract import Deadlines, UpstreamRequest
from frontdesk.gateway.providers.transport import Transport, client, connection
from tests.contract.raw_server import OK, Handler, Peer, RawServer, answering, forever

PATIENT = Deadlines(connect_s=3, first_byte_s=3, idle_s=3, total_s=5)
UNFINISHED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    made = Transport(PATIENT)
    yield made
    await made.aclose()


async def read(transport: Transport, url: str, body: bytes = b"{}") -> bytes:
    async with transport.open(UpstreamRequest(url, {}, body)) as response:
        return await response.read()


async def failure_of(call: asyncio.Task[bytes]) -> str:
    """Wait for a call, and give the code of its failure. A deadline is none: it would hide a call that hangs."""
    with pytest.raises(ProviderError) as raised:
        await call
    assert not isinstance(raised.value, ProviderTimeout)
    return raised.value.code


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something to become so."""
    async with asyncio.timeout(3):
        while not is_so():  # noqa: ASYNC110 - what is awaited tells nobody
            await asyncio.sleep(0.005)


async def silent(peer: Peer) -> None:
    """Take a request and never answer."""
    await peer.request()
    await peer.reader.read()


async def unfinished(peer: Peer) -> None:
    """Begin an answer and never end it."""
    await peer.request()
    await peer.send(UNFINISHED)
    await peer.reader.read()


# --- bytes that nobody asked for


@pytest.mark.parametrize("junk", [OK, b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", b"junk"])
@pytest.mark.parametrize("delay_s", [0, 0.02], ids=["at-once", "later"])
async def test_what_follows_an_answer_reaches_no_call(transport: Transport, junk: bytes, delay_s: float) -> None:
    async def chatty(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(OK + junk if not delay_s else OK)
            if delay_s:
                await asyncio.sleep(delay_s)
                await peer.send(junk)

    async with RawServer(chatty) as server:
        for _ in range(3):
            assert await read(transport, server.url) == b"{}"
            await asyncio.sleep(0.04)

    assert server.connections_opened == 3


async def test_what_follows_a_lingering_answer_reaches_no_call(transport: Transport) -> None:
    async def chatty(peer: Peer) -> None:
        await peer.request()
        await peer.send(UNFINISHED)
        await asyncio.sleep(0.02)
        await peer.send(b"0\r\n\r\n" + OK[:-2] + b"[]")
        await peer.reader.read()

    async with RawServer(chatty) as server:
        for _ in range(2):
            async with transport.open(UpstreamRequest(server.url, {}, b"{}")) as response:
                assert await response.next_piece() == b"{}"
                response.complete()
            await asyncio.sleep(0.05)

    assert server.connections_opened == 2


async def test_empty_lines_after_an_answer_do_no_harm(transport: Transport) -> None:
    async with RawServer(forever([OK + b"\r\n"])) as server:
        for _ in range(3):
            assert await read(transport, server.url) == b"{}"


# --- when a connection is used again


async def test_answer_that_says_close_is_the_connections_last(transport: Transport) -> None:
    closing = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}"

    async with RawServer(forever([closing])) as server:
        for _ in range(2):
            assert await read(transport, server.url) == b"{}"
        await server.until_all_left()

    assert server.connections_opened == 2


async def test_early_answer_to_a_large_request_is_read(transport: Transport) -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig"

    async def refusing(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(refusal)
        await asyncio.sleep(3)

    async with RawServer(refusing) as server:
        for _ in range(2):
            async with transport.open(UpstreamRequest(server.url, {}, b"a" * 10_000_000)) as response:
                assert (response.status, await response.read()) == (413, b"big")

    assert server.connections_opened == 2


async def test_server_that_closes_as_the_next_request_goes_out(transport: Transport) -> None:
    async with RawServer(answering(OK)) as server:
        for turns in range(12):
            assert await read(transport, server.url) == b"{}"
            for _ in range(turns):
                await asyncio.sleep(0)
            call = asyncio.create_task(read(transport, server.url))
            try:
                assert await call == b"{}"
            except ProviderError as error:
                assert error.code == "connection_failed"
            await asyncio.sleep(0.01)


async def test_connection_that_is_being_closed_is_not_used_again(transport: Transport) -> None:
    async with RawServer(forever()) as server:
        assert await read(transport, server.url) == b"{}"
        (idle,) = transport._connections

        idle.abort()

        assert await read(transport, server.url) == b"{}"
    assert server.connections_opened == 2


async def test_headers_stay_those_of_the_call(transport: Transport) -> None:
    async with RawServer(forever([b"HTTP/1.1 200 OK\r\nx: 1\r\ncontent-length: 0\r\n\r\n", OK])) as server:
        async with transport.open(UpstreamRequest(server.url, {}, b"{}")) as first:
            await first.read()
        headers = first.headers
        await read(transport, server.url)

    assert headers["x"] == "1"


# --- limits


async def test_too_many_connections_are_refused_until_some_are_free(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(peer: Peer) -> None:
        while True:
            await peer.request()
            await asyncio.sleep(0.05)
            await peer.send(OK)

    monkeypatch.setattr(client, "_MOST_CONNECTIONS", 8)
    async with RawServer(slow) as server:
        calls = [read(transport, server.url) for _ in range(20)]
        answers = await asyncio.gather(*calls, return_exceptions=True)

        assert answers.count(b"{}") == 8
        assert [e.code for e in answers if isinstance(e, ProviderError)] == ["too_many_connections"] * 12
        assert await asyncio.gather(*(read(transport, server.url) for _ in range(8))) == [b"{}"] * 8
    assert server.connections_opened == 8


async def test_idle_connections_make_room_for_another_provider(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_MOST_CONNECTIONS", 4)
    async with RawServer(forever()) as one, RawServer(forever()) as other:
        await asyncio.gather(*(read(transport, one.url) for _ in range(4)))

        assert await asyncio.gather(*(read(transport, other.url) for _ in range(3))) == [b"{}"] * 3
        await until(lambda: one.connections_open == 1)


async def test_idle_connection_is_dropped_in_time(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_IDLE_S", 0.1)
    async with RawServer(forever()) as server:
        for _ in range(2):
            assert await read(transport, server.url) == b"{}"
            await server.until_all_left()

    assert server.connections_opened == 2
    await until(lambda: not transport._connections and not transport._idle)


async def test_origins_without_a_connection_are_forgotten(transport: Transport) -> None:
    async with RawServer(answering(OK, UNFINISHED)) as server:
        await read(transport, server.url)
        async with transport.open(UpstreamRequest(server.url, {}, b"{}")) as response:
            assert await response.next_piece() == b"{}"

    await until(lambda: not transport._connections)
    assert transport._idle == {}


async def test_lingering_connection_is_dropped_in_time(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_LINGER_S", 0.1)
    async with RawServer(unfinished) as server:
        async with transport.open(UpstreamRequest(server.url, {}, b"{}")) as response:
            assert await response.next_piece() == b"{}"
            response.complete()

        assert server.connections_open == 1
        await server.until_all_left()


# --- closing


@pytest.mark.parametrize("handler", [silent, unfinished])
async def test_closing_ends_calls_that_run(transport: Transport, handler: Handler) -> None:
    async with RawServer(handler) as server:
        calls = [asyncio.create_task(read(transport, server.url)) for _ in range(5)]
        await until(lambda: server.connections_open == 5)
        await asyncio.sleep(0.02)

        await transport.aclose()

        assert {await failure_of(call) for call in calls} <= {"connection_failed", "truncated_body"}
        await server.until_all_left()


@pytest.mark.parametrize("turns", range(8))
async def test_closing_ends_calls_that_connect(transport: Transport, turns: int) -> None:
    async with RawServer(silent) as server:
        call = asyncio.create_task(read(transport, server.url))
        for _ in range(turns):
            await asyncio.sleep(0)

        await transport.aclose()

        assert await failure_of(call) == "connection_failed"
        await server.until_all_left()
    assert not transport._connections and not transport._opening


async def test_closing_ends_a_call_whose_reader_is_behind(transport: Transport) -> None:
    async def send_much(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 8000000\r\n\r\n" + b"a" * 7_000_000)

    async with RawServer(send_much) as server, transport.open(UpstreamRequest(server.url, {}, b"{}")) as response:
        assert await response.next_piece()
        await asyncio.sleep(0.05)

        await transport.aclose()

        with pytest.raises(ProviderError):
            while await response.next_piece():
                pass


@pytest.mark.parametrize("turns", [*range(10), 20, 40])
@pytest.mark.parametrize("handler", [silent, unfinished])
async def test_cancelling_anywhere_leaves_nothing_open(transport: Transport, turns: int, handler: Handler) -> None:
    async def first_bad(peer: Peer) -> None:
        await (handler if is_bad else forever())(peer)

    is_bad = True
    async with RawServer(first_bad) as server:
        call = asyncio.create_task(read(transport, server.url))
        for _ in range(turns):
            await asyncio.sleep(0)

        call.cancel()

        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: not transport._connections and not transport._opening)
        await asyncio.sleep(0)
        await server.until_all_left()
        is_bad = False
        assert await read(transport, server.url) == b"{}"


async def test_reader_that_asks_again_after_a_failure_gets_the_same(transport: Transport) -> None:
    async def breaking(peer: Peer) -> None:
        await peer.request()
        await peer.send(UNFINISHED)
        await asyncio.sleep(0.02)
        await peer.send(b"zz\r\n")

    async with RawServer(breaking) as server:
        codes = []
        async with transport.open(UpstreamRequest(server.url, {}, b"{}")) as response:
            await asyncio.sleep(0.05)
            assert await response.next_piece() == b"{}"
            for _ in range(3):
                with pytest.raises(ProviderError) as raised:
                    await response.next_piece()
                codes.append(raised.value.code)

    assert codes == ["malformed_body"] * 3
