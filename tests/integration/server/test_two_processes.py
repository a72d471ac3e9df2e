"""Two processes on one database, as two reply engines that do not know each other: each message is answered once."""

import asyncio

import pytest

from frontdesk.conversations import services
from frontdesk.conversations.errors import ReplyDiscarded
from frontdesk.conversations.models import Message, Turn
from frontdesk.conversations.reply.contract import Inbound
from frontdesk.conversations.reply.engine import AIAgentService
from frontdesk.gateway.journal.record import Caller
from frontdesk.gateway.messages import Reply, Request
from frontdesk.tenants import database
from tests.unit.conversations.fake_gateway import FakeGateway

YES = Reply(id="c", model="gpt-4o", text="Yes.")


class Meeting(FakeGateway):
    """Answers nobody before so many have asked: then they are answered at the same time."""

    def __init__(self, expected: int) -> None:
        super().__init__(YES)
        self._expected = expected
        self._all_here = asyncio.Event()
        self.let_go = asyncio.Event()

    async def complete(self, request: Request, caller: Caller) -> Reply:
        reply = await super().complete(request, caller)
        if len(self.asked) == self._expected:
            self._all_here.set()
        await asyncio.wait_for(self._all_here.wait(), timeout=20)
        await asyncio.wait_for(self.let_go.wait(), timeout=20)
        return reply

    async def all_here(self) -> None:
        await asyncio.wait_for(self._all_here.wait(), timeout=20)


@pytest.fixture
def alice(transactional_db, settings, tmp_path, database_threads):
    from frontdesk.tenants import services as tenants

    settings.DATA_DIR = tmp_path
    return tenants.create_tenant("Alice's Flowers", "alice")


def message(tenant, text: str, conversation_id: int | None = None) -> Inbound:
    return Inbound(
        tenant_id=tenant.pk, message_text=text, request_id="r-1", widget_id=9, conversation_id=conversation_id
    )


def answers() -> list[tuple[str, list[str]]]:
    return [
        (turn.status, [said.author for said in Message.unscoped.filter(turn=turn).order_by("id")])
        for turn in Turn.unscoped.order_by("id")
    ]


async def test_two_messages_of_one_conversation_are_answered_once_each(alice):
    first = await AIAgentService(FakeGateway(YES)).answer(message(alice, "Hi"))
    gateway = Meeting(2)
    gateway.let_go.set()

    replies = await asyncio.gather(
        *(AIAgentService(gateway).answer(message(alice, text, first.conversation_id)) for text in ("one", "two"))
    )

    assert len({reply.message_id for reply in replies}) == 2
    assert await database.run(answers) == [("answered", ["contact", "bot"])] * 3


async def test_a_takeover_in_one_process_discards_the_answer_of_another(alice):
    first = await AIAgentService(FakeGateway(YES)).answer(message(alice, "Hi"))
    gateway = Meeting(1)
    answering = asyncio.create_task(AIAgentService(gateway).answer(message(alice, "one", first.conversation_id)))
    await gateway.all_here()

    await database.run(services.take_over, alice.pk, first.conversation_id)
    gateway.let_go.set()

    with pytest.raises(ReplyDiscarded):
        await answering
    assert await database.run(answers) == [("answered", ["contact", "bot"]), ("discarded", ["contact"])]
