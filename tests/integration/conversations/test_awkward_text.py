"""Text that PostgreSQL refuses, from providers and visitors: it is stored without its NULs, on every database."""

import pytest

from frontdesk.conversations.models import Conversation, Message, Turn
from frontdesk.conversations.reply.engine import AIAgentService
from frontdesk.gateway.messages import Delta, Reply
from tests.integration.conversations.talk import events_of, inbound
from tests.unit.conversations.fake_gateway import FakeGateway

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("database_threads")]

AWKWARD = "From\0 9 to 18 \U0001f33b \u202e 'quotes\" %s {} \\u0000"
CLEAN = AWKWARD.replace("\0", "")


async def told() -> list[tuple[str, str]]:
    return [row async for row in Message.unscoped.order_by("id").values_list("author", "text")]


async def test_nul_in_a_whole_answer_is_not_stored(alice):
    service = AIAgentService(FakeGateway(Reply(id="c\0", model="gpt\0-4o", text=AWKWARD, finish="stop")))

    reply = await service.answer(inbound(alice))

    assert "\0" not in reply.response
    assert (await told())[-1] == ("bot", reply.response)
    assert (await Turn.unscoped.aget()).status == Turn.Status.ANSWERED


async def test_nul_in_a_streamed_answer_is_not_stored(alice):
    service = AIAgentService(
        FakeGateway([Delta(model="gpt\0-4o", text=AWKWARD)], [Delta(text="\0")], [Delta(text="!")])
    )

    await events_of(service, inbound(alice))

    author, text = (await told())[-1]
    assert (author, "\0" in text, text[-1]) == ("bot", False, "!")
    assert (await Turn.unscoped.aget()).status == Turn.Status.ANSWERED


async def test_nul_in_a_question_is_not_stored(alice):
    service = AIAgentService(FakeGateway(Reply(id="c", model="gpt-4o", text="Yes.")))

    await service.answer(inbound(alice, AWKWARD))

    assert await told() == [("contact", CLEAN), ("bot", "Yes.")]


async def test_conversation_of_no_possible_id_is_not_found(alice):
    from frontdesk.conversations.errors import ConversationNotFound

    service = AIAgentService(FakeGateway())

    for impossible in (2**63, 10**30, -1, 0):
        with pytest.raises(ConversationNotFound):
            await service.answer(inbound(alice, conversation_id=impossible))

    assert await Conversation.unscoped.acount() == 0
