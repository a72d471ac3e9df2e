"""The reply engine: prepare (one database function), ask a model with nothing held, finish (one database function).

Knows no channel. A failure before the visitor has seen anything falls to the next rung; one after that is told.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import structlog
from django.db import DatabaseError

from frontdesk.conversations import services
from frontdesk.conversations.errors import ConversationError, ReplyDiscarded
from frontdesk.conversations.reply.climb import Climb
from frontdesk.conversations.reply.contract import Inbound, ModelGateway, Start, StreamEvent, TextDelta, TurnReply
from frontdesk.conversations.reply.order import ConversationOrder
from frontdesk.gateway import runtime
from frontdesk.tenants import database

_log = structlog.get_logger()


class AIAgentService:
    """Answers customers' messages. Make one for a process: it keeps the messages of a conversation in order."""

    def __init__(self, gateway: ModelGateway | None = None) -> None:
        """Take the gateway to ask; None takes the process's own when the first message comes."""
        self._gateway = gateway
        self._order = ConversationOrder()

    async def answer(self, inbound: Inbound) -> TurnReply:
        """Store the message and give the whole answer.

        MessageRejected, ConversationNotFound: nothing was stored. ReplyDiscarded: somebody took over meanwhile.
        """
        inbound = replace(inbound, message_text=services.accepted_text(inbound.message_text))
        async with self._order.place(inbound.tenant_id, inbound.conversation_id):
            climb = await self._prepare(inbound)
            try:
                await climb.ask()
                climb.fall()
            except BaseException as error:
                await self._fail(climb, error)
                raise
            return await self._finish(climb)

    async def stream(self, inbound: Inbound) -> AsyncGenerator[StreamEvent, None]:
        """Store the message and give Start, the answer's pieces as TextDelta, and the whole TurnReply last.

        Raises as `answer` does, and ReplyInterrupted when the answer broke off after a piece was given. Closing the
        generator before its end closes the upstream connection and fails the turn.
        """
        inbound = replace(inbound, message_text=services.accepted_text(inbound.message_text))
        async with self._order.place(inbound.tenant_id, inbound.conversation_id):
            climb = await self._prepare(inbound)
            begun = climb.begun
            try:
                yield Start(begun.conversation_id, begun.turn_id, begun.started_at)
                async with aclosing(climb.pieces()) as pieces:
                    async for piece in pieces:
                        yield TextDelta(piece)
                if fallen := climb.fall():
                    yield TextDelta(fallen)
            except BaseException as error:
                await self._fail(climb, error)
                raise
            yield await self._finish(climb)

    async def _prepare(self, inbound: Inbound) -> Climb:
        gateway = self._gateway or runtime.gateway()
        return Climb(gateway, inbound, await database.run_turn(services.begin_turn, inbound))

    async def _finish(self, climb: Climb) -> TurnReply:
        begun, answer = climb.begun, climb.answer
        if answer is None:
            raise RuntimeError("a turn is finished only once the ladder has an answer")
        finished_at = await database.run_turn(services.answer_turn, begun, answer, climb.rungs)
        if finished_at is None:
            raise ReplyDiscarded(begun.conversation_id, begun.turn_id)
        _log.info("turn_answered", tenant_id=begun.tenant_id, turn_id=begun.turn_id, source=answer.source.kind)
        return TurnReply(
            message_id=begun.turn_id,
            conversation_id=begun.conversation_id,
            response=answer.text,
            confidence=answer.confidence,
            timestamp=finished_at,
            source=answer.source,
            notice=climb.notice,
        )

    async def _fail(self, climb: Climb, error: BaseException) -> None:
        climb.note_end(error)
        code = error.code if isinstance(error, ConversationError) else type(error).__name__
        _log.warning("turn_failed", tenant_id=climb.begun.tenant_id, turn_id=climb.begun.turn_id, reason=code)
        try:
            await database.run_turn(services.fail_turn, climb.begun, climb.rungs)
        except DatabaseError:
            # What ended the turn matters more than that its end could not be noted: it stays pending.
            _log.exception("turn_end_not_stored", tenant_id=climb.begun.tenant_id, turn_id=climb.begun.turn_id)
