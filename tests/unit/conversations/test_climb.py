"""One turn's way along the ladder, with a fake gateway."""

import asyncio
from contextlib import aclosing

import pytest
from django.db import OperationalError

from frontdesk.conversations.errors import ReplyInterrupted
from frontdesk.conversations.reply.climb import Climb
from frontdesk.conversations.reply.contract import Inbound, Said
from frontdesk.conversations.services import Begun
from frontdesk.gateway.errors import BudgetExhausted, ProviderError, ProviderTimeout
from frontdesk.gateway.journal.record import Caller
from frontdesk.gateway.messages import Delta, Reply
from frontdesk.knowledge.index import Hit
from frontdesk.tenants.setting import SettingsSchema
from tests.unit.conversations.fake_gateway import FakeGateway

HOURS = Hit(5, "What are your opening hours?", "From 9 to 18.", 2.0, 0.93)
KNOWLEDGE = {"rung": "knowledge", "outcome": "answered", "confidence": 0.93, "entry_id": 5}


def begun(**changes) -> Begun:
    facts = {
        "tenant_id": 1,
        "conversation_id": 2,
        "turn_id": 3,
        "epoch": 0,
        "started_at": None,
        "settings": SettingsSchema(max_tokens=111, temperature=0.2),
        "hits": (HOURS,),
        "history": (Said("contact", "When do you open?"),),
    }
    return Begun(**{**facts, **changes})


def climb(gateway: FakeGateway, **changes) -> Climb:
    inbound = Inbound(tenant_id=1, message_text="When do you open?", request_id="r-1", widget_id=9, **changes)
    return Climb(gateway, inbound, begun())


async def pieces_of(climb: Climb) -> list[str]:
    async with aclosing(climb.pieces()) as pieces:
        return [piece async for piece in pieces]


async def test_model_answers():
    gateway = FakeGateway(Reply(id="c", model="gpt-4o-2024", text=" At nine. "))
    one = climb(gateway)

    await one.ask()

    assert one.answer.text == "At nine."
    assert one.fall() == ""
    assert one.rungs == [{"rung": "model", "outcome": "answered", "confidence": 0.95, "model": "gpt-4o-2024"}]
    ((request, caller),) = gateway.asked
    assert (request.model, request.temperature, request.max_tokens, request.stream) == ("auto", 0.2, 111, False)
    assert caller == Caller(1, "r-1", "chat", widget_id=9, conversation_id=2, turn_id=3, session_key="2")


async def test_channel_pins_model_and_limits():
    gateway = FakeGateway(Reply(id="c", model="m", text="x"))

    await climb(gateway, llm_model="groq/llama", temperature=0.0, max_tokens=5).ask()

    request, _ = gateway.asked[0]
    assert (request.model, request.temperature, request.max_tokens) == ("groq/llama", 0.0, 5)


@pytest.mark.parametrize(
    ("failure", "reason", "decision"),
    [
        (ProviderTimeout("slow"), "total_timeout", "provider"),
        (ProviderError("bad", code="bad_json"), "bad_json", "provider"),
        (Reply(id="c", model="m", text=" \n"), "unusable_answer", "provider"),
        (Reply(id="c", model="m", text="half", finish="content_filter"), "unusable_answer", "provider"),
    ],
)
async def test_failed_model_falls_to_the_knowledge_base(failure, reason, decision):
    one = climb(FakeGateway(failure))

    await one.ask()

    assert one.fall() == "From 9 to 18."
    assert one.rungs == [{"rung": "model", "outcome": "failed", "reason": reason, "class": decision}, KNOWLEDGE]
    assert one.notice is None


async def test_exhausted_budget_is_noticed():
    one = climb(FakeGateway(BudgetExhausted("over", notice="No more today.")))

    await one.ask()
    one.fall()

    assert one.notice == "No more today."


@pytest.mark.parametrize(
    ("changes", "can_serve", "reason"),
    [({"llm_enabled": False}, True, "disabled"), ({}, False, "no_provider")],
)
async def test_model_that_may_not_or_cannot_is_not_asked(changes, can_serve, reason):
    gateway = FakeGateway(can_serve=can_serve)
    one = climb(gateway, **changes)

    await one.ask()
    assert await pieces_of(climb(gateway, **changes)) == []
    one.fall()

    assert gateway.asked == []
    assert one.rungs == [{"rung": "model", "outcome": "skipped", "reason": reason}, KNOWLEDGE]


async def test_stream_gives_the_pieces_as_they_come():
    gateway = FakeGateway(
        [Delta(model="gpt-4o")], [Delta(text=" ")], [Delta(text="At "), Delta(text="ni")], [Delta(text="ne.")]
    )
    one = climb(gateway)

    assert await pieces_of(one) == [" At ni", "ne."]
    assert one.answer.text == "At nine."
    assert one.rungs == [{"rung": "model", "outcome": "answered", "confidence": 0.95, "model": "gpt-4o"}]
    assert gateway.asked[0][0].stream is True


@pytest.mark.parametrize(
    "batches",
    [
        (ProviderError("x"),),
        ([Delta(reasoning="hmm")], ProviderError("x")),
        ([Delta(text="\n")], ProviderError("x")),
    ],
)
async def test_stream_that_fails_unseen_falls_silently(batches):
    one = climb(FakeGateway(*batches))

    assert await pieces_of(one) == []
    assert one.fall() == "From 9 to 18."
    assert [record["outcome"] for record in one.rungs] == ["failed", "answered"]


async def test_stream_that_fails_before_it_is_one_falls_silently():
    one = climb(FakeGateway(refuses_at_once=ProviderError("x")))

    assert await pieces_of(one) == []
    assert one.fall() == "From 9 to 18."


async def test_empty_stream_falls():
    one = climb(FakeGateway([Delta(finish="stop")]))

    assert await pieces_of(one) == []
    assert one.fall() == "From 9 to 18."


@pytest.mark.parametrize("ending", [ProviderError("cut", code="stream_cut"), [Delta(finish="content_filter")]])
async def test_stream_that_breaks_off_is_told(ending):
    gateway = FakeGateway([Delta(text="At ni")], ending)
    one = climb(gateway)

    with pytest.raises(ReplyInterrupted) as caught:
        await pieces_of(one)

    assert caught.value.code == "reply_interrupted"
    assert one.answer is None
    (record,) = one.rungs
    assert (record["outcome"], record["shown_characters"]) == ("failed", 5)
    assert gateway.is_closed


async def test_leaving_closes_the_upstream():
    gateway = FakeGateway([Delta(text="At ")], [Delta(text="nine.")])
    one = climb(gateway)

    async with aclosing(one.pieces()) as pieces:
        assert await anext(pieces) == "At "

    assert gateway.is_closed
    assert gateway.batches_given == 1


async def test_end_is_recorded_by_who_ended_it():
    left, cancelled, broken, unstored = (climb(FakeGateway()) for _ in range(4))

    left.note_end(GeneratorExit())
    cancelled.note_end(asyncio.CancelledError())
    broken.note_end(KeyError("bug"))
    unstored.note_end(OperationalError("gone"))

    assert left.rungs == cancelled.rungs == [{"rung": "model", "outcome": "cancelled"}]
    assert broken.rungs == [{"rung": "model", "outcome": "failed", "reason": "internal_error", "class": "internal"}]
    assert unstored.rungs == [{"rung": "model", "outcome": "failed", "reason": "not_stored", "class": "internal"}]


def test_nothing_is_asked_of_the_gateway_before_the_climb_begins():
    class Broken(FakeGateway):
        def can_serve(self, tenant_id, model):
            raise KeyError("bug")

    one = climb(Broken())

    assert one.rungs == []
    with pytest.raises(KeyError):
        one.fall()
