"""What the widget is told when the database fails: a reply before the stream, an event within it, never both."""

import asyncio
import json
from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError

from frontdesk.channels import services as channels
from frontdesk.conversations import services
from frontdesk.conversations.models import Turn
from frontdesk.gateway.messages import Delta, Reply
from frontdesk.server.exchange import CONNECTION, Exchange
from frontdesk.server.webchat_api import PREFIX, WebchatApi
from tests.unit.conversations.fake_gateway import FakeGateway

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("database_threads")]


class ProcessGateway(FakeGateway):
    """Also has what the endpoint itself asks of a process's gateway."""

    def __init__(self, tenant, *script) -> None:
        super().__init__(*script)
        self.clock = SimpleNamespace(now_ns=lambda: 1_700_000_000_000_000_000)
        self.snapshot = SimpleNamespace(tenants={tenant.pk: None})


class Wire:
    """A client with one message to send. Refuses what a server refuses: a second beginning of a reply."""

    def __init__(self, widget, accept: bytes) -> None:
        self.sent: list[Any] = []
        self.watched = asyncio.Event()
        self._when_lost = None
        self._incoming = deque([{"type": "http.request", "body": b'{"message_text":"What are your opening hours?"}'}])
        self.exchange = Exchange(
            {
                "path": f"{PREFIX}{widget.key}/message",
                "method": "POST",
                "scheme": "http",
                "headers": [(b"accept", accept), (b"host", b"localhost")],
                CONNECTION: self,
            },
            self.receive,
            self.send,
        )

    @property
    def when_lost(self):
        return self._when_lost

    @when_lost.setter
    def when_lost(self, callback) -> None:
        self._when_lost = callback
        self.watched.set()

    async def receive(self):
        return self._incoming.popleft()

    async def send(self, message) -> None:
        assert (message["type"] == "http.response.start") == (not self.sent)
        self.sent.append(message)

    @property
    def status(self) -> int:
        return self.sent[0]["status"]

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])

    @property
    def is_complete(self) -> bool:
        return not self.sent[-1].get("more_body")

    @property
    def events(self) -> list[tuple[str, int, dict]]:
        read = []
        for block in self.body.decode().strip().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.split("\n"))
            read.append((fields["event"], int(fields["id"]), json.loads(fields["data"])))
        return read


@pytest.fixture
def widget(alice):
    return channels.create_widget(alice, name="Shop")


def lost(*_):
    raise OperationalError("database is gone")


async def ask(widget, *script, accept=b"text/event-stream") -> Wire:
    wire = Wire(widget, accept)
    await WebchatApi(ProcessGateway(widget.tenant, *script), None).dispatch(wire.exchange)
    return wire


async def test_answer_that_cannot_be_stored_ends_the_stream_with_an_error_event(widget, monkeypatch):
    monkeypatch.setattr(services, "answer_turn", lost)

    wire = await ask(widget, [Delta(model="m", text="From 9.")])

    assert (wire.status, wire.is_complete) == (200, True)
    assert [name for name, _, _ in wire.events] == ["start", "delta", "error"]
    message = "We could not save this answer. Please ask again in a moment."
    assert wire.events[-1] == ("error", 3, {"error": {"code": "unavailable", "message": message}})
    assert (await Turn.unscoped.aget()).status == "failed"


async def test_error_event_is_sent_also_when_the_turn_cannot_be_failed(widget, monkeypatch):
    monkeypatch.setattr(services, "answer_turn", lost)
    monkeypatch.setattr(services, "fail_turn", lost)

    wire = await ask(widget, [Delta(model="m", text="From 9.")])

    assert wire.events[-1][2]["error"]["code"] == "unavailable"
    assert wire.is_complete


@pytest.mark.parametrize("accept", [b"text/event-stream", b"application/json"])
async def test_message_that_cannot_be_stored_is_replied_503(widget, monkeypatch, accept):
    monkeypatch.setattr(services, "begin_turn", lost)

    wire = await ask(widget, accept=accept)

    assert (wire.status, json.loads(wire.body)["error"]["code"]) == (503, "unavailable")
    assert (b"retry-after", b"5") in wire.sent[0]["headers"]


async def test_whole_answer_that_cannot_be_stored_is_replied_503(widget, monkeypatch):
    monkeypatch.setattr(services, "answer_turn", lost)

    wire = await ask(widget, Reply(id="c", model="m", text="From 9."), accept=b"application/json")

    assert (wire.status, json.loads(wire.body)["error"]["code"]) == (503, "unavailable")
    assert (await Turn.unscoped.aget()).status == "failed"


async def test_client_that_leaves_at_once_leaves_no_pending_turn(widget):
    wire = Wire(widget, b"text/event-stream")
    api = WebchatApi(ProcessGateway(widget.tenant, [Delta(model="m", text="From 9.")]), None)
    task = asyncio.create_task(api.dispatch(wire.exchange))
    await wire.watched.wait()

    wire.when_lost()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert [turn.status async for turn in Turn.unscoped.all()] == ["failed"]
