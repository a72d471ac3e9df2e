"""The two halves of a turn as far as the database goes: store the message and load what an answer needs; store it.

Each is one synchronous function with one short transaction; the model is asked between them, with nothing held.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone as clock

from frontdesk.conversations import selectors
from frontdesk.conversations.errors import ConversationNotFound, MessageRejected
from frontdesk.conversations.models import MAX_MESSAGE, MAX_TEXT, Contact, Conversation, Message, Turn
from frontdesk.conversations.reply import ladder, prompt
from frontdesk.conversations.reply.contract import Inbound, Said
from frontdesk.conversations.reply.ladder import Answer, RungRecord
from frontdesk.knowledge import plain_text, retrieval
from frontdesk.knowledge.index import Hit
from frontdesk.tenants import audit, setting
from frontdesk.tenants.models import TenantSettings
from frontdesk.tenants.setting import SettingsSchema

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A stored message and all that an answer to it is made from."""

    tenant_id: int
    conversation_id: int
    turn_id: int
    epoch: int
    started_at: datetime
    settings: SettingsSchema
    hits: tuple[Hit, ...]
    history: tuple[Said, ...]
    """The last messages, oldest first; the stored message is the last."""


def accepted_text(text: str) -> str:
    """Clean a customer's message; MessageRejected when it says nothing or is too long."""
    if len(text) > MAX_MESSAGE:
        raise MessageRejected(
            "message_too_long", f"The message is longer than {MAX_MESSAGE:,} characters. Please shorten it."
        )
    cleaned = plain_text.plain(text)
    if not plain_text.has_content(cleaned):
        raise MessageRejected("message_required", "The message is empty. Please write something.")
    return cleaned


def begin_turn(inbound: Inbound) -> Begun:
    """Store a customer's message as a new turn and load what its answer needs.

    MessageRejected or ConversationNotFound store nothing.
    """
    text = accepted_text(inbound.message_text)
    settings = _settings(inbound.tenant_id)
    hits = retrieval.search(inbound.tenant_id, text, prompt.MAX_ENTRIES, inbound.widget_id)
    now = clock.now()
    with transaction.atomic():
        conversation = _conversation(inbound, now)
        turn = Turn.objects.create(
            tenant_id=inbound.tenant_id,
            conversation=conversation,
            request_id=inbound.request_id,
            epoch=conversation.epoch,
            started_at=now,
        )
        message = _say(turn, Message.Author.CONTACT, text, now)
        # Inside, so that a message is not stored for an answer that can never begin.
        history = _history(inbound, message)
    return Begun(
        tenant_id=inbound.tenant_id,
        conversation_id=conversation.pk,
        turn_id=turn.pk,
        epoch=conversation.epoch,
        started_at=now,
        settings=settings,
        hits=tuple(hits),
        history=history,
    )


def answer_turn(begun: Begun, answer: Answer, rungs: list[RungRecord]) -> datetime | None:
    """Store the answer and tell when; None if the conversation has moved on meanwhile, so the answer is discarded."""
    now = clock.now()
    with transaction.atomic():
        rows = Conversation.objects.for_tenant(begun.tenant_id).filter(pk=begun.conversation_id, epoch=begun.epoch)
        # One statement looks at the epoch and locks the row, so that nobody takes over between the two.
        if not rows.update(updated_at=now):
            _end(begun, now, status=Turn.Status.DISCARDED, rungs=rungs)
            return None
        turn = Turn(pk=begun.turn_id, tenant_id=begun.tenant_id, conversation_id=begun.conversation_id)
        reply = _say(turn, Message.Author.BOT, answer.text[:MAX_TEXT], now)
        _end(
            begun,
            now,
            status=Turn.Status.ANSWERED,
            rungs=rungs,
            reply=reply,
            source_kind=answer.source.kind,
            confidence=answer.confidence,
        )
    return now


def fail_turn(begun: Begun, rungs: list[RungRecord]) -> bool:
    """Note that the turn ended without an answer; False, and nothing changed, if it has ended already."""
    rows = Turn.objects.for_tenant(begun.tenant_id).filter(pk=begun.turn_id, status=Turn.Status.PENDING)
    return bool(rows.update(finished_at=clock.now(), status=Turn.Status.FAILED, rungs=rungs))


def fail_abandoned_turns(older_than: timedelta = timedelta(0)) -> int:
    """Fail the pending turns of all tenants that began that long ago, and count them; doing it again changes nothing.

    Call it when a server starts: turns that are pending then were left by one that was killed.
    """
    now = clock.now()
    rows = Turn.objects.across_tenants().filter(status=Turn.Status.PENDING, started_at__lte=now - older_than)
    count = rows.update(finished_at=now, status=Turn.Status.FAILED, rungs=[ladder.abandoned()])
    if count:
        _log.warning("turns_abandoned", turns=count)
    return count


def take_over(tenant_id: int, conversation_id: int) -> None:
    """Move the conversation's epoch on, so that answers being made now are discarded."""
    rows = Conversation.objects.for_tenant(tenant_id).filter(pk=conversation_id)
    with transaction.atomic():
        if not rows.update(epoch=F("epoch") + 1, updated_at=clock.now()):
            raise ConversationNotFound(conversation_id)
        audit.record(tenant_id, "conversation.taken_over", rows.get())


def _settings(tenant_id: int) -> SettingsSchema:
    # Without the timezone, which is a column of the tenant and plays no part in a turn: one table, less to check.
    return setting.parse(TenantSettings.objects.for_tenant(tenant_id).values_list("chosen", flat=True).get())


def _conversation(inbound: Inbound, now: datetime) -> Conversation:
    if inbound.conversation_id is None:
        contact = Contact.objects.create(tenant_id=inbound.tenant_id, created_at=now)
        return Conversation.objects.create(
            tenant_id=inbound.tenant_id,
            contact=contact,
            channel=inbound.channel,
            widget_id=inbound.widget_id,
            created_at=now,
            updated_at=now,
        )
    conversation = selectors.find_conversation(
        inbound.tenant_id, inbound.conversation_id, channel=inbound.channel, widget_id=inbound.widget_id
    )
    rows = Conversation.objects.for_tenant(inbound.tenant_id).filter(pk=conversation.pk)
    rows.update(updated_at=now, status=Conversation.Status.OPEN)
    return conversation


def _say(turn: Turn, author: Message.Author, text: str, now: datetime) -> Message:
    return Message.objects.create(
        tenant_id=turn.tenant_id,
        conversation_id=turn.conversation_id,
        turn_id=turn.pk,
        author=author,
        text=text,
        created_at=now,
    )


def _history(inbound: Inbound, message: Message) -> tuple[Said, ...]:
    if inbound.conversation_id is None:
        return (Said(message.author, message.text),)
    return selectors.history(inbound.tenant_id, message.conversation_id, up_to_id=message.pk, limit=prompt.MAX_HISTORY)


def _end(begun: Begun, now: datetime, **changes: object) -> None:
    Turn.objects.for_tenant(begun.tenant_id).filter(pk=begun.turn_id).update(finished_at=now, **changes)
