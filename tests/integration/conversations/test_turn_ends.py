"""However a turn ends, its end is stored: no turn stays pending while the database can be reached."""

import asyncio
from contextlib import aclosing

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError

from frontdesk.conversations import selectors, services
from frontdesk.conversations.errors import ConversationNotFound, ReplyDiscarded, ReplyInterrupted
from frontdesk.conversations.models import Message, Turn
from frontdesk.conversations.reply.contract import Start, TextDelta
from frontdesk.conversations.reply.engine import AIAgentService
from frontdesk.gateway.errors import ProviderError
from frontdesk.gateway.messages import Delta, Reply
from frontdesk.tenants import database
from tests.integration.conversations.talk import LIMIT_S, Held, events_of, inbound
from tests.unit.conversations.fake_gateway import FakeGateway

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("database_threads")]

MODEL = {"rung": "model", "outcome": "answered", "confidence": 0.95, "model": "m"}
CANCELLED = {"rung": "model", "outcome": "cancelled"}
DEFECT = {"rung": "model", "outcome": "failed", "reason": "internal_error", "class": "internal"}
NOT_STORED = {"rung": "model", "outcome": "failed", "reason": "not_stored", "class": "internal"}
BOTH_WAYS = pytest.mark.parametrize("is_streamed", [False, True])


def service_with(text="From 9.", *, is_streamed) -> AIAgentService:
    return AIAgentService(
        FakeGateway([Delta(model="m", text=text)]) if is_streamed else FakeGateway(Reply(id="c", model="m", text=text))
    )


def asking(service, message, *, is_streamed) -> asyncio.Task:
    return asyncio.create_task(events_of(service, message) if is_streamed else service.answer(message))


def lost(*_):
    raise OperationalError("database is gone")


@pytest.fixture
def held(monkeypatch):
    """Put a database function on hold by its name."""

    def hold(name) -> Held:
        function = Held(getattr(services, name))
        monkeypatch.setattr(services, name, function)
        return function

    return hold


async def cancel_in(function: Held, task: asyncio.Task, *, times=1) -> None:
    """Cancel while the database function is at work; it goes on afterwards."""
    assert await asyncio.to_thread(function.entered.wait, LIMIT_S)
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    function.let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await task


async def texts() -> list[tuple[str, str]]:
    return [row async for row in Message.unscoped.order_by("id").values_list("author", "text")]


@BOTH_WAYS
@pytest.mark.parametrize("times", [1, 3])
async def test_visitor_who_leaves_while_the_message_is_stored_fails_the_turn(alice, held, is_streamed, times):
    storing = held("begin_turn")
    task = asking(service_with(is_streamed=is_streamed), inbound(alice), is_streamed=is_streamed)

    await cancel_in(storing, task, times=times)

    turn = await Turn.unscoped.aget()
    assert (turn.status, turn.rungs) == ("failed", [CANCELLED])
    assert turn.finished_at is not None


async def test_many_quick_leavers_leave_nothing_pending(alice):
    service = service_with(is_streamed=False)
    tasks = []
    for _ in range(30):
        tasks.append(asking(service, inbound(alice), is_streamed=False))
        await asyncio.sleep(0.001)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.to_thread(database.shutdown)  # what still runs ends

    assert await Turn.unscoped.acount() >= 1
    assert await Turn.unscoped.filter(status="pending").acount() == 0


async def test_leaving_while_a_message_is_refused_stores_nothing(alice, held, caplog):
    storing = held("begin_turn")
    task = asking(service_with(is_streamed=False), inbound(alice, conversation_id=77), is_streamed=False)

    await cancel_in(storing, task)

    assert await Turn.unscoped.acount() == 0
    with pytest.raises(ConversationNotFound):
        await service_with(is_streamed=False).answer(inbound(alice, conversation_id=77))
    assert "never retrieved" not in caplog.text


@BOTH_WAYS
async def test_visitor_who_leaves_while_the_answer_is_stored_has_it_stored(alice, held, is_streamed):
    storing = held("answer_turn")
    task = asking(service_with(is_streamed=is_streamed), inbound(alice), is_streamed=is_streamed)

    await cancel_in(storing, task)

    turn = await Turn.unscoped.select_related("reply").aget()
    assert (turn.status, turn.rungs, turn.reply.text) == ("answered", [MODEL], "From 9.")


async def test_leaving_while_the_end_is_stored_does_not_lose_it(alice, held, monkeypatch):
    monkeypatch.setattr(services, "answer_turn", lost)
    storing = held("fail_turn")
    task = asking(service_with(is_streamed=False), inbound(alice), is_streamed=False)

    await cancel_in(storing, task)

    assert (await Turn.unscoped.aget()).status == "failed"


@BOTH_WAYS
async def test_answer_that_cannot_be_stored_fails_the_turn_and_is_told(alice, monkeypatch, is_streamed):
    monkeypatch.setattr(services, "answer_turn", lost)

    with pytest.raises(OperationalError):
        await asking(service_with(is_streamed=is_streamed), inbound(alice), is_streamed=is_streamed)

    turn = await Turn.unscoped.aget()
    assert (turn.status, turn.reply_id, turn.rungs) == ("failed", None, [MODEL, NOT_STORED])


async def test_answer_that_was_stored_after_all_stays_stored(alice, monkeypatch):
    store = services.answer_turn

    def stored_but_not_confirmed(*args):
        store(*args)
        lost()

    monkeypatch.setattr(services, "answer_turn", stored_but_not_confirmed)

    with pytest.raises(OperationalError):
        await service_with(is_streamed=False).answer(inbound(alice))

    turn = await Turn.unscoped.select_related("reply").aget()
    assert (turn.status, turn.rungs, turn.reply.text) == ("answered", [MODEL], "From 9.")


@BOTH_WAYS
async def test_a_defect_before_the_model_is_asked_fails_the_turn(alice, is_streamed):
    class Broken(FakeGateway):
        def can_serve(self, tenant_id, model):
            raise KeyError("bug")

    with pytest.raises(KeyError):
        await asking(AIAgentService(Broken()), inbound(alice), is_streamed=is_streamed)

    turn = await Turn.unscoped.aget()
    assert (turn.status, turn.rungs) == ("failed", [DEFECT])


async def test_message_whose_history_cannot_be_read_is_not_stored(alice, monkeypatch):
    service = service_with(is_streamed=False)
    first = await service.answer(inbound(alice))
    monkeypatch.setattr(selectors, "history", lambda *_, **__: lost())

    with pytest.raises(OperationalError):
        await service.answer(inbound(alice, "And on Sunday?", conversation_id=first.conversation_id))

    assert await texts() == [("contact", "What are your opening hours?"), ("bot", "From 9.")]
    assert [turn.status async for turn in Turn.unscoped.all()] == ["answered"]


async def test_failure_after_the_first_token_is_told_and_the_turn_fails(alice):
    service = AIAgentService(FakeGateway([Delta(text="From ")], ProviderError("x", code="stream_cut")))
    events = []

    with pytest.raises(ReplyInterrupted) as caught:
        async with aclosing(service.stream(inbound(alice))) as stream:
            async for event in stream:
                events.append(event)

    assert [type(event) for event in events] == [Start, TextDelta]
    turn = await Turn.unscoped.aget(pk=caught.value.turn_id)
    assert (turn.status, turn.reply_id) == ("failed", None)
    failed = {"rung": "model", "outcome": "failed", "reason": "stream_cut", "class": "provider"}
    assert turn.rungs == [{**failed, "shown_characters": 5}]
    assert await texts() == [("contact", "What are your opening hours?")]


async def test_visitor_who_leaves_closes_the_upstream_and_fails_the_turn(alice):
    gateway = FakeGateway([Delta(text="From ")], [Delta(text="9.")])
    async with aclosing(AIAgentService(gateway).stream(inbound(alice))) as stream:
        await anext(stream)
        await anext(stream)

    turn = await Turn.unscoped.aget()
    assert gateway.is_closed
    assert gateway.batches_given == 1
    assert (turn.status, turn.rungs) == ("failed", [{"rung": "model", "outcome": "cancelled"}])


async def test_cancelled_answer_fails_the_turn(alice):
    class Hanging(FakeGateway):
        async def complete(self, request, caller):
            self.asked.append((request, caller))
            reached.set()
            await asyncio.Event().wait()

    reached = asyncio.Event()
    task = asyncio.create_task(AIAgentService(Hanging()).answer(inbound(alice)))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    turn = await Turn.unscoped.aget()
    assert (turn.status, turn.rungs) == ("failed", [{"rung": "model", "outcome": "cancelled"}])


async def test_a_defect_fails_the_turn_and_is_raised(alice):
    class Broken(FakeGateway):
        async def complete(self, request, caller):
            raise KeyError("bug")

    with pytest.raises(KeyError):
        await AIAgentService(Broken()).answer(inbound(alice))

    turn = await Turn.unscoped.aget()
    assert turn.status == "failed"
    assert turn.rungs == [{"rung": "model", "outcome": "failed", "reason": "internal_error", "class": "internal"}]


async def test_the_reason_of_an_end_survives_a_lost_database(alice, monkeypatch):
    def lost(begun, rungs):
        raise OperationalError("database is gone")

    class Broken(FakeGateway):
        async def complete(self, request, caller):
            raise KeyError("bug")

    monkeypatch.setattr(services, "fail_turn", lost)

    with pytest.raises(KeyError):
        await AIAgentService(Broken()).answer(inbound(alice))

    assert (await Turn.unscoped.aget()).status == "pending"


async def test_reply_is_discarded_when_the_conversation_moved_on(alice):
    class TakenOver(FakeGateway):
        async def complete(self, request, caller):
            await sync_to_async(services.take_over)(alice.pk, caller.conversation_id)
            return Reply(id="c", model="m", text="late")

    with pytest.raises(ReplyDiscarded) as caught:
        await AIAgentService(TakenOver()).answer(inbound(alice))

    turn = await Turn.unscoped.aget(pk=caught.value.turn_id)
    assert (turn.status, turn.reply_id) == ("discarded", None)
    assert await texts() == [("contact", "What are your opening hours?")]
