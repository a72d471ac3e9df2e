"""The reply engine: prepare (one database function), ask a model with nothing held, finish (one database function).

Knows no channel. A failure before the visitor has seen anything falls to the next rung; one after that is told.
"""

import asyncio
from asyncio import CancelledError
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import ParamSpec, TypeVar

import structlog
from django.db import DatabaseError

from frontdesk.conversations import services
from frontdesk.conversations.errors import ConversationError, ReplyDiscarded
from frontdesk.conversations.reply.climb import Climb
from frontdesk.conversations.reply.contract import Inbound, ModelGateway, Start, StreamEvent, TextDelta, TurnReply
from frontdesk.conversations.reply.order import ConversationOrder
from frontdesk.gateway import runtime
from frontdesk.tenants import database

P = ParamSpec("P")
R = TypeVar("R")

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
        DatabaseError: the message or its answer could not be stored.
        """
        async with self._turn(inbound) as climb:
            await climb.ask()
            climb.fall()
            return await self._finish(climb)

    async def stream(self, inbound: Inbound) -> AsyncGenerator[StreamEvent, None]:
        """Store the message and give Start, the answer's pieces as TextDelta, and the whole TurnReply last.

        Raises as `answer` does, and ReplyInterrupted when the answer broke off after a piece was given. Closing the
        generator before its end closes the upstream connection and fails the turn.
        """
        async with self._turn(inbound) as climb:
            begun = climb.begun
            yield Start(begun.conversation_id, begun.turn_id, begun.started_at)
            async with aclosing(climb.pieces()) as pieces:
                async for piece in pieces:
                    yield TextDelta(piece)
            if fallen := climb.fall():
                yield TextDelta(fallen)
            reply = await self._finish(climb)
        yield reply

    @asynccontextmanager
    async def _turn(self, inbound: Inbound) -> AsyncIterator[Climb]:
        """Begin a turn when it is the message's turn; whatever ends it without an answer is stored as its end."""
        inbound = replace(inbound, message_text=services.accepted_text(inbound.message_text))
        gateway = self._gateway or runtime.gateway()
        async with self._order.place(inbound.tenant_id, inbound.conversation_id):
            begun, cancelled = await _to_its_end(services.begin_turn, inbound)
            climb = Climb(gateway, inbound, begun)
            try:
                if cancelled is not None:
                    raise cancelled
                yield climb
            except ReplyDiscarded:
                raise  # stored as the turn's end already
            except BaseException as error:
                await self._fail(climb, error)
                raise

    async def _finish(self, climb: Climb) -> TurnReply:
        begun, answer = climb.begun, climb.answer
        if answer is None:
            raise RuntimeError("a turn is finished only once the ladder has an answer")
        finished_at, cancelled = await _to_its_end(services.answer_turn, begun, answer, climb.rungs)
        if cancelled is not None:
            raise cancelled
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
        turn = {"tenant_id": climb.begun.tenant_id, "turn_id": climb.begun.turn_id}
        try:
            was_open, cancelled = await _to_its_end(services.fail_turn, climb.begun, climb.rungs)
        except DatabaseError:
            # What ended the turn matters more than that its end could not be noted: it stays pending until the sweep.
            _log.exception("turn_end_not_stored", reason=code, **turn)
            return
        if was_open:
            _log.warning("turn_failed", reason=code, **turn)
        if cancelled is not None:
            raise cancelled


async def _to_its_end(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> tuple[R, CancelledError | None]:
    """Run one half of a turn and give its result, with the cancellation, if any, that came meanwhile and is now due.

    A function on a database thread cannot be called back. Left alone, it stores a turn that nobody ends. If it fails
    after a cancellation, the cancellation is raised.
    """
    job = asyncio.create_task(database.run_turn(function, *args, **kwargs))
    cancelled: CancelledError | None = None
    while not job.done():
        try:
            await asyncio.wait((job,))
        except CancelledError as error:
            cancelled = error
    if cancelled is not None and (failure := job.exception()) is not None:
        raise cancelled from failure
    return job.result(), cancelled
