"""One turn's way along the reply ladder: asks the model, falls to the next rung, and keeps the record of each."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import cached_property

from django.db import DatabaseError

from frontdesk.conversations.errors import ReplyInterrupted
from frontdesk.conversations.reply import ladder, prompt
from frontdesk.conversations.reply.contract import Inbound, ModelGateway, SourceKind
from frontdesk.conversations.reply.ladder import Answer, RungRecord, Situation
from frontdesk.conversations.services import Begun
from frontdesk.gateway.errors import GatewayError
from frontdesk.gateway.journal.record import Caller
from frontdesk.gateway.messages import Request
from frontdesk.gateway.snapshot import AUTO
from frontdesk.knowledge.plain_text import plain


class Climb:
    """The state of one turn between its two database functions. `rungs` is the record, in order."""

    def __init__(self, gateway: ModelGateway, inbound: Inbound, begun: Begun) -> None:
        """Take a begun turn; nothing is asked yet."""
        self.begun = begun
        self.answer: Answer | None = None
        self.rungs: list[RungRecord] = []
        self.notice: str | None = None
        self._rung: SourceKind = "model"
        self._gateway = gateway
        self._inbound = inbound

    async def ask(self) -> None:
        """Ask the model for the whole answer, if the ladder has that rung; a failure is only recorded."""
        if not self._has_model():
            return
        try:
            reply = await self._gateway.complete(self._request(is_streamed=False), self._caller())
        except GatewayError as error:
            self._model_failed(error)
            return
        self._model_ended(reply.text, reply.model, is_filtered=reply.finish == "content_filter")

    async def pieces(self) -> AsyncGenerator[str, None]:
        """Ask the model and give its answer as it comes; ReplyInterrupted when it breaks off after the first piece."""
        if not self._has_model():
            return
        text = model = ""
        shown = 0
        is_filtered = False
        try:
            async with aclosing(self._gateway.stream(self._request(is_streamed=True), self._caller())) as batches:
                async for batch in batches:
                    text += "".join(delta.text for delta in batch)
                    model = next((delta.model for delta in batch if delta.model), model)
                    is_filtered = is_filtered or any(delta.finish == "content_filter" for delta in batch)
                    # Blank beginnings are held back: an answer of blanks is no answer, and may still fall.
                    if len(text) > shown and (shown or text.strip()):
                        piece, shown = text[shown:], len(text)
                        yield piece
        except GatewayError as error:
            self._model_failed(error, shown)
            if shown:
                raise ReplyInterrupted(self.begun.conversation_id, self.begun.turn_id) from error
            return
        if is_filtered and shown:
            self._model_failed(None, shown)
            raise ReplyInterrupted(self.begun.conversation_id, self.begun.turn_id)
        self._model_ended(text, model, is_filtered=is_filtered)

    def fall(self) -> str:
        """Answer without a model if there is no answer yet; gives the text of the new answer, else nothing."""
        if self.answer is not None:
            return ""
        self.answer, records = ladder.without_model(self._situation)
        self._rung = self.answer.source.kind
        self.rungs.extend(records)
        return self.answer.text

    def note_end(self, error: BaseException) -> None:
        """Record why the turn ends without its answer being given."""
        if isinstance(error, ReplyInterrupted):
            return  # recorded where it was raised
        if isinstance(error, GeneratorExit | asyncio.CancelledError):
            self.rungs.append(ladder.left(self._rung))
        else:
            is_unstored = isinstance(error, DatabaseError)
            self.rungs.append(ladder.broken(self._rung, "not_stored" if is_unstored else "internal_error"))

    @cached_property
    def _situation(self) -> Situation:
        # When it is first looked at, not at the start: a gateway that fails to tell must fail a turn that has an owner.
        settings, inbound = self.begun.settings, self._inbound
        is_allowed = inbound.llm_enabled and settings.enable_llm
        model = inbound.llm_model or AUTO
        return Situation(
            is_model_allowed=is_allowed,
            can_model_serve=is_allowed and self._gateway.can_serve(self.begun.tenant_id, model),
            is_knowledge_allowed=inbound.fallback_to_knowledge_base and settings.fallback_to_knowledge_base,
            best=ladder.best_hit(self.begun.hits),
            threshold=settings.knowledge_confidence_threshold,
            default_reply=settings.default_reply,
        )

    def _has_model(self) -> bool:
        skipped = ladder.model_skipped(self._situation)
        if skipped is not None:
            self.rungs.append(skipped)
        return skipped is None

    def _model_ended(self, text: str, model: str, *, is_filtered: bool) -> None:
        text = plain(text)
        if is_filtered or not text:
            self._model_failed(None)
            return
        self.answer, record = ladder.model_answer(text, model, self.begun.hits)
        self.rungs.append(record)

    def _model_failed(self, error: GatewayError | None, shown_characters: int = 0) -> None:
        self.rungs.append(ladder.model_failed(error, shown_characters=shown_characters))
        self.notice = ladder.notice_for(error)

    def _request(self, *, is_streamed: bool) -> Request:
        settings, inbound = self.begun.settings, self._inbound
        briefing = prompt.Briefing(
            business_name=settings.business_name,
            business_info=settings.business_info,
            persona=settings.persona,
            hits=self.begun.hits,
            history=self.begun.history,
            model=inbound.llm_model or AUTO,
            temperature=settings.temperature if inbound.temperature is None else inbound.temperature,
            max_tokens=settings.max_tokens if inbound.max_tokens is None else inbound.max_tokens,
        )
        return prompt.request(briefing, is_streamed=is_streamed)

    def _caller(self) -> Caller:
        return Caller(
            tenant_id=self.begun.tenant_id,
            request_id=self._inbound.request_id,
            operation="chat",
            widget_id=self._inbound.widget_id,
            conversation_id=self.begun.conversation_id,
            turn_id=self.begun.turn_id,
            session_key=str(self.begun.conversation_id),
            ip_key=self._inbound.ip_key,
        )
