"""Reads of conversations: lists and transcripts for the console, the history that a reply is made from."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, Subquery

from frontdesk.conversations.errors import ConversationNotFound
from frontdesk.conversations.models import Conversation, Message, Turn
from frontdesk.conversations.reply.contract import Said

MAX_LISTED = 200


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    """A line of the list; the last message is empty in a conversation without any."""

    id: int
    contact_name: str
    channel: str
    widget_id: int | None
    status: str
    updated_at: datetime
    last_author: str
    last_text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """A whole conversation: its messages in order, and its turns in order."""

    conversation: Conversation
    messages: tuple[Message, ...]
    turns: tuple[Turn, ...]


def find_conversation(
    tenant_id: int, conversation_id: int, *, channel: str | None = None, widget_id: int | None = None
) -> Conversation:
    """Find a conversation of the tenant (on a channel, of a widget); ConversationNotFound otherwise."""
    rows = Conversation.objects.for_tenant(tenant_id).filter(pk=conversation_id)
    if channel is not None:
        rows = rows.filter(channel=channel, widget_id=widget_id)
    found = rows.first()
    if found is None:
        raise ConversationNotFound(conversation_id)
    return found


def conversation_list(tenant_id: int, *, limit: int = 50, offset: int = 0) -> list[ConversationSummary]:
    """List a tenant's conversations with their last message, the one active last first; one query."""
    last = Message.objects.for_tenant(tenant_id).filter(conversation=OuterRef("pk")).order_by("-id")
    rows = (
        Conversation.objects.for_tenant(tenant_id)
        .select_related("contact")
        .annotate(last_author=Subquery(last.values("author")[:1]), last_text=Subquery(last.values("text")[:1]))
        .order_by("-updated_at", "-id")[offset : offset + min(limit, MAX_LISTED)]
    )
    return [
        ConversationSummary(
            id=row.pk,
            contact_name=str(row.contact),
            channel=row.channel,
            widget_id=row.widget_id,
            status=row.status,
            updated_at=row.updated_at,
            last_author=row.last_author or "",
            last_text=row.last_text or "",
        )
        for row in rows
    ]


def transcript(tenant_id: int, conversation_id: int) -> Transcript:
    """Give one conversation of the tenant with all its messages and turns; ConversationNotFound otherwise."""
    found = find_conversation(tenant_id, conversation_id)
    messages = Message.objects.for_tenant(tenant_id).filter(conversation=found).order_by("id")
    turns = Turn.objects.for_tenant(tenant_id).filter(conversation=found).order_by("id")
    return Transcript(found, tuple(messages), tuple(turns))


def history(tenant_id: int, conversation_id: int, *, up_to_id: int, limit: int) -> tuple[Said, ...]:
    """Give the last messages of a conversation up to and with the message `up_to_id`, oldest first."""
    rows = Message.objects.for_tenant(tenant_id).filter(conversation_id=conversation_id, pk__lte=up_to_id)
    newest = rows.order_by("-id").values_list("author", "text")[:limit]
    return tuple(Said(author, text) for author, text in reversed(newest))
