"""A conversation as the console tells it: each message, and below an answer the way it came about. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from frontdesk.console import display
from frontdesk.console.display import Tone
from frontdesk.conversations.models import Message, Turn
from frontdesk.conversations.selectors import Transcript

AUTHORS = {"contact": "Visitor", "bot": "Frontdesk", "operator": "Team", "system": "System"}
_SOURCES: dict[str, tuple[str, Tone]] = {
    "model": ("model", "info"),
    "knowledge": ("knowledge base", "good"),
    "default": ("friendly default", "warn"),
}
_RUNGS = {"model": "Model", "knowledge": "Knowledge base", "default": "Friendly default"}
_REASONS = {
    "disabled": "turned off",
    "no_provider": "no usable provider key",
    "nothing_found": "no entry fits",
    "not_sure": "best entry not sure enough",
    "empty_answer": "empty answer",
    "not_stored": "the answer could not be saved",
    "internal_error": "a fault of our own: see the log",
}
_OUTCOMES: dict[str, Tone] = {
    "answered": "good",
    "failed": "bad",
    "skipped": "quiet",
    "cancelled": "warn",
    "abandoned": "bad",
}
_ENDINGS = {
    "pending": "Being answered …",
    "failed": "This message got no answer.",
    "discarded": "The answer was discarded: a person took over, or a newer message came first.",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One rung of the reply ladder: what it is, how it ended, and why."""

    name: str
    outcome: str
    tone: Tone
    detail: str
    entry_id: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A message, or what stands in place of an answer. Source, steps and request are those of an answer."""

    author: str
    author_name: str
    text: str
    at: datetime
    source: str = ""
    tone: Tone = "quiet"
    confidence: str = ""
    steps: tuple[Step, ...] = ()
    request_id: str = ""
    took: str = ""


def lines(stored: Transcript) -> list[Line]:
    """Put the messages in order, each answer with its turn, and a note where a turn has no answer."""
    answered = {turn.reply_id: turn for turn in stored.turns if turn.reply_id is not None}
    unanswered = {turn.pk: turn for turn in stored.turns if turn.reply_id is None}
    last_of_turn = {message.turn_id: message.pk for message in stored.messages if message.turn_id in unanswered}
    name = stored.conversation.contact.display_name
    found: list[Line] = []
    for message in stored.messages:
        found.append(_line(message, answered.get(message.pk), name))
        turn = unanswered.get(message.turn_id or 0)
        if turn is not None and last_of_turn[turn.pk] == message.pk and turn.status in _ENDINGS:
            found.append(_ending(turn))
    return found


def _line(message: Message, turn: Turn | None, contact_name: str) -> Line:
    named = contact_name if message.author == Message.Author.CONTACT and contact_name else AUTHORS[message.author]
    if turn is None:
        return Line(message.author, named, message.text, message.created_at)
    source, tone = _SOURCES.get(turn.source_kind, (turn.source_kind, "quiet"))
    return Line(
        author=message.author,
        author_name=named,
        text=message.text,
        at=message.created_at,
        source=source,
        tone=tone,
        confidence="" if turn.confidence is None else f"{turn.confidence:.2f}",
        steps=_steps(turn),
        request_id=turn.request_id,
        took=_took(turn),
    )


def _ending(turn: Turn) -> Line:
    return Line(
        author="note",
        author_name="",
        text=_ENDINGS[turn.status],
        at=turn.finished_at or turn.started_at,
        steps=_steps(turn),
        request_id=turn.request_id,
    )


def _took(turn: Turn) -> str:
    if turn.finished_at is None:
        return ""
    return display.milliseconds(max(0, round((turn.finished_at - turn.started_at).total_seconds() * 1000)))


def _steps(turn: Turn) -> tuple[Step, ...]:
    return tuple(_step(record) for record in turn.rungs if isinstance(record, dict))


def _step(record: Mapping[str, Any]) -> Step:
    rung, outcome = str(record.get("rung", "")), str(record.get("outcome", ""))
    reason = str(record.get("reason", ""))
    details = [str(record["model"])] if record.get("model") else []
    if reason:
        details.append(_REASONS.get(reason, reason.replace("_", " ")))
    if record.get("confidence"):
        details.append(f"confidence {float(record['confidence']):.2f}")
    entry_id = record.get("entry_id")
    return Step(
        name=_RUNGS.get(rung, rung),
        outcome=outcome,
        tone=_OUTCOMES.get(outcome, "quiet"),
        detail=", ".join(details),
        entry_id=entry_id if isinstance(entry_id, int) else None,
    )
