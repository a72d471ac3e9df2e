"""What a client may send, and how long it may take, is bounded."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from frontdesk.server.connection import FrontdeskProtocol
from frontdesk.server.exchange import ClientLeft, Exchange

GET = b"GET / HTTP/1.1\r\nhost: x\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n"


class Wire(asyncio.Transport):
    """The transport of a connection whose client is played by the test."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.unsent_bytes = 0
        self.has_ended = self.is_closed = self.is_aborted = False
        self.protocol: Any = None

    def write(self, data: Any) -> None:
        assert not self.has_ended
        self.sent += data

    def write_eof(self) -> None:
        self.has_ended = True

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_aborted = self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Server:
    """One connection to a server that repeats bodies, each reply when it is let."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []
        self.has_client_left = False
        self.may_reply = asyncio.Event()
        self.may_reply.set()
        self.transport = Wire()
        config = uvicorn.Config(self.app, interface="asgi3", access_log=False, log_config=None)
        self.connection = FrontdeskProtocol(config, ServerState(), {})
        self.transport.protocol = self.connection
        self.connection.connection_made(self.transport)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        exchange = Exchange(scope, receive, send)
        self.scopes.append(scope)
        try:
            body = await exchange.body()
        except ClientLeft:
            self.has_client_left = True
            return
        await self.may_reply.wait()
        await exchange.reply(200, body)

    async def receive(self, data: bytes) -> None:
        self.transport.protocol.data_received(data)
        for _ in range(5):
            await asyncio.sleep(0)

    def check(self, *seconds: float, is_ending: bool = False) -> None:
        for now in seconds:
            self.connection.check(now, is_ending=is_ending)

    @property
    def statuses(self) -> list[int]:
        return [int(part[:3]) for part in self.transport.sent.split(b"HTTP/1.1 ")[1:]]


async def open_idle(server: Server) -> None:
    pass


async def open_half_a_head(server: Server) -> None:
    await server.receive(GET)


async def answer_and_open_half_a_head(server: Server) -> None:
    await server.receive(GET + b"\r\n")
    server.check(-5, -1)
    await server.receive(GET)


async def send_half_a_body(server: Server) -> None:
    await server.receive(POST + b"12345")


@pytest.mark.parametrize("fields", [200, 201])
async def test_a_header_has_so_many_fields(fields: int) -> None:
    server = Server()

    await server.receive(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * fields + b"\r\n")

    assert server.statuses == [200 if fields == 200 else 431]


@pytest.mark.parametrize(
    "pieces",
    [
        [GET + b"a: " + b"x" * 70_000 + b"\r\n\r\n"],
        [GET + b"a: "] + [b"x" * 10_000] * 7,
        [b"GET /"] + [b"x" * 10_000] * 7,
        [b"\r\n" * 33_000],
        [GET] + [b"a: " + b"x" * 10_000 + b"\r\n"] * 7,
    ],
)
async def test_a_large_head_is_refused_before_it_ends(pieces: list[bytes]) -> None:
    server = Server()

    for piece in pieces:
        await server.receive(piece)

    assert server.statuses == [431]
    assert server.transport.has_ended
    code = json.loads(server.transport.sent.rpartition(b"\r\n\r\n")[2])["error"]["code"]
    assert code == "request_header_fields_too_large"


async def test_what_comes_after_a_refusal_is_dropped() -> None:
    server = Server()
    await server.receive(b"GET /" + b"x" * 70_000)

    await server.receive(b" HTTP/1.1\r\n\r\n" + GET + b"\r\n")

    assert (server.statuses, server.scopes) == ([431], [])


async def test_a_large_body_is_not_taken_for_a_head() -> None:
    server = Server()

    await server.receive(b"POST / HTTP/1.1\r\ncontent-length: 200000\r\n\r\n" + b"x" * 100_000)
    await server.receive(b"x" * 100_000 + GET)
    await server.receive(b"\r\n")

    assert server.statuses == [200, 200]


async def test_many_small_requests_are_not_taken_for_a_large_head() -> None:
    server = Server()

    for _ in range(2_000):
        await server.receive(GET + b"a: " + b"x" * 60 + b"\r\n\r\n")

    assert server.statuses == [200] * 2_000


async def test_trailer_fields_stay_out_of_the_header_and_are_bounded() -> None:
    server = Server()
    head = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"

    await server.receive(head + b"1\r\nx\r\n0\r\nauthorization: Bearer x\r\n\r\n")
    await server.receive(head + b"1\r\nx\r\n0\r\n")
    for _ in range(7):
        await server.receive(b"a: " + b"x" * 10_000 + b"\r\n")

    assert server.statuses == [200, 431]
    assert server.scopes[0]["headers"] == [(b"transfer-encoding", b"chunked")]
    assert server.has_client_left


async def test_nonsense_after_a_request_does_not_take_its_reply() -> None:
    server = Server()

    await server.receive(GET + b"\r\nnonsense\r\n\r\n")

    assert server.statuses == [200]
    assert server.transport.is_closed


@pytest.mark.parametrize(
    ("begin", "limit_s"),
    [(open_idle, 15), (open_half_a_head, 15), (answer_and_open_half_a_head, 15), (send_half_a_body, 30)],
)
async def test_a_slow_client_is_refused(begin: Callable[[Server], Any], limit_s: int) -> None:
    server = Server()
    await begin(server)
    before = server.statuses

    server.check(0, 1, limit_s - 1)
    assert not server.transport.has_ended
    server.check(limit_s)

    assert server.statuses == [*before, 408]
    assert server.transport.has_ended


async def test_the_handler_of_half_a_body_is_told() -> None:
    server = Server()
    await send_half_a_body(server)

    server.check(0, 30)
    await asyncio.sleep(0)

    assert server.has_client_left


async def test_each_piece_of_a_body_gets_its_time() -> None:
    server = Server()
    await server.receive(POST)

    for second in range(0, 200, 20):
        server.check(second)
        await server.receive(b"x")

    assert server.statuses == [200]


async def test_a_clients_time_does_not_run_while_it_waits() -> None:
    server = Server()
    server.may_reply.clear()
    await server.receive(POST + b"x" * 10)

    server.check(0, 1_000)
    assert not server.transport.has_ended

    server.may_reply.set()
    await server.receive(b"")
    server.check(2_000, 2_001)
    assert server.statuses == [200]
    assert not server.transport.is_closed


@pytest.mark.parametrize(("is_ending", "limit_s"), [(False, 60), (True, 5)])
async def test_a_client_that_takes_nothing_is_dropped(is_ending: bool, limit_s: int) -> None:
    server = Server()
    await server.receive(GET + b"\r\n")
    server.transport.unsent_bytes = 500
    server.check(0, is_ending=is_ending)
    server.transport.unsent_bytes = 400
    server.check(1, is_ending=is_ending)

    server.check(limit_s, is_ending=is_ending)
    assert not server.transport.is_aborted
    server.check(limit_s + 1, is_ending=is_ending)

    assert server.transport.is_aborted


async def test_half_a_body_does_not_hold_up_the_end() -> None:
    server = Server()
    await send_half_a_body(server)

    server.check(0, 5, is_ending=True)

    assert server.statuses == [408]


async def test_a_client_that_is_lost_after_a_refusal_still_cancels_the_work() -> None:
    server = Server()
    server.may_reply.clear()
    lost: list[bool] = []
    await server.receive(GET + b"\r\nnonsense\r\n\r\n")
    server.connection.when_lost = lambda: lost.append(True)

    server.transport.protocol.connection_lost(None)

    assert lost == [True]


async def test_nothing_is_sent_to_a_client_that_left_its_pipeline() -> None:
    server = Server()
    server.may_reply.clear()
    await server.receive((GET + b"\r\n") * 3)

    server.connection.connection_lost(None)
    server.may_reply.set()
    for _ in range(5):
        await asyncio.sleep(0)

    assert server.transport.sent == b""
    assert len(server.scopes) == 1
