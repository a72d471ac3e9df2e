"""Bodies are bounded, and a client that leaves is noticed."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from frontdesk.server.exchange import CONNECTION, BodyTooLarge, ClientLeft, Exchange


class Wire:
    """Both ends of an ASGI connection; `receive` waits for ever when there is nothing left."""

    def __init__(self, *incoming: dict[str, Any], headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        self.incoming = deque(incoming)
        self.sent: list[dict[str, Any]] = []
        self.received = 0
        self.when_lost: Callable[[], None] | None = None
        scope = {"headers": headers, "path": "/", "method": "POST", CONNECTION: self}
        self.exchange = Exchange(scope, self.receive, self.send)

    async def receive(self) -> dict[str, Any]:
        if not self.incoming:
            await asyncio.Event().wait()
        self.received += 1
        return self.incoming.popleft()

    async def send(self, message: Any) -> None:
        self.sent.append(message)


def part(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_in_parts_is_joined() -> None:
    wire = Wire(part(b"ab", more=True), part(b"cd"))

    assert await wire.exchange.body() == b"abcd"


async def test_a_declared_length_over_the_limit_is_refused_unread() -> None:
    wire = Wire(part(b"x" * 11), headers=((b"content-length", b"11"),))

    with pytest.raises(BodyTooLarge):
        await wire.exchange.body(limit_bytes=10)

    assert wire.received == 0


@pytest.mark.parametrize("parts", [[part(b"x" * 11)], [part(b"x" * 6, more=True), part(b"x" * 5, more=True)]])
async def test_an_undeclared_length_over_the_limit_is_refused(parts: list[dict[str, Any]]) -> None:
    with pytest.raises(BodyTooLarge) as caught:
        await Wire(*parts).exchange.body(limit_bytes=10)

    assert caught.value.http_status == 413


async def test_a_refusal_is_sent_whole_before_the_rest_is_dropped() -> None:
    wire = Wire(part(b"rest", more=True), part(b"rest"), headers=((b"content-length", b"99"),))
    with pytest.raises(BodyTooLarge):
        await wire.exchange.body(limit_bytes=10)

    await wire.exchange.reply(413, b"no")

    start, body, end = wire.sent
    assert (b"connection", b"close") in start["headers"]
    assert (body["body"], body["more_body"], end["body"]) == (b"no", True, b"")
    assert wire.received == 2


async def test_a_client_that_leaves_before_its_body_is_whole() -> None:
    with pytest.raises(ClientLeft):
        await Wire(part(b"a", more=True), {"type": "http.disconnect"}).exchange.body()


async def test_a_client_that_leaves_cancels_the_work() -> None:
    wire = Wire()

    async def work() -> None:
        wire.exchange.cancel_when_client_leaves()
        await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    assert wire.when_lost is not None
    wire.when_lost()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert wire.exchange.has_left


async def test_a_client_that_stays_is_left_alone() -> None:
    wire = Wire()
    wire.exchange.cancel_when_client_leaves()

    wire.exchange.stop_watching()
    await wire.exchange.reply(200, b"{}")

    assert wire.when_lost is None
    assert not wire.exchange.has_left
    assert [message["type"] for message in wire.sent] == ["http.response.start", "http.response.body"]


class Page:
    """An application that reads its whole body, then answers; it gives up when its client is gone."""

    def __init__(self) -> None:
        self.is_asked = False

    async def __call__(self, scope: object, receive: Any, send: Any) -> None:
        self.is_asked = True
        message = await receive()
        while message.get("more_body"):
            message = await receive()
        if message["type"] == "http.request":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"page"})


async def test_another_application_answers() -> None:
    wire = Wire(part(b"a", more=True), part(b"b"))

    await wire.exchange.hand_over(Page())

    assert [message.get("status") or message["body"] for message in wire.sent] == [200, b"page"]


@pytest.mark.parametrize("is_declared", [True, False])
async def test_another_applications_body_is_bounded_too(is_declared: bool) -> None:
    megabyte = b"x" * 1024 * 1024
    headers = ((b"content-length", b"%d" % (20 * 1024 * 1024)),) if is_declared else ()
    wire, page = Wire(*[part(megabyte, more=True)] * 19, part(megabyte), headers=headers), Page()

    await wire.exchange.hand_over(page)

    assert wire.sent[0]["status"] == 413
    assert page.is_asked is not is_declared
