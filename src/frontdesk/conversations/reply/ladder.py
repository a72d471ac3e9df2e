"""The reply ladder: model, then knowledge base, then the friendly default. Decides; asks nobody. Pure.

Each rung leaves a record, so that a turn tells later why it was answered as it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from frontdesk.conversations.reply.contract import Citation, Source, SourceKind
from frontdesk.gateway.errors import BudgetExhausted, Decision, GatewayError
from frontdesk.knowledge import analysis
from frontdesk.knowledge.index import Hit

MODEL_CONFIDENCE = 0.95
DEFAULT_CONFIDENCE = 0.0
MAX_CITATIONS = 3
SUPPORT_FOR_CITATION = 0.5
"""The share of a reply's terms that an entry must hold to be cited for it."""
_LONGEST_MODEL = 200

RungRecord = dict[str, Any]
"""JSON: `rung`, `outcome` (answered, failed, skipped, cancelled, abandoned) and what explains it."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the ladder looks at. `best` is the entry found with the highest confidence."""

    is_model_allowed: bool
    can_model_serve: bool
    is_knowledge_allowed: bool
    best: Hit | None
    threshold: float
    default_reply: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What one rung says."""

    text: str
    source: Source
    confidence: float


def best_hit(hits: Sequence[Hit]) -> Hit | None:
    """Choose the entry with the highest confidence; of equals the one that ranks first."""
    return max(hits, key=lambda hit: hit.confidence, default=None)


def model_skipped(situation: Situation) -> RungRecord | None:
    """Tell why no model is asked; None when one is."""
    if not situation.is_model_allowed:
        return _skipped("model", "disabled")
    return None if situation.can_model_serve else _skipped("model", "no_provider")


def model_answer(text: str, model: str, hits: Sequence[Hit]) -> tuple[Answer, RungRecord]:
    """Make the answer of a model; `model` is the one that the provider says has answered."""
    answer = Answer(text, Source(kind="model", citations=citations(text, hits)), MODEL_CONFIDENCE)
    # Whatever a provider calls its model must fit into a database: PostgreSQL knows no NUL.
    return answer, {**_answered("model", MODEL_CONFIDENCE), "model": model.replace("\0", "")[:_LONGEST_MODEL]}


def model_failed(error: GatewayError | None, *, shown_characters: int = 0) -> RungRecord:
    """Record a model's failure; None is an answer that was empty or filtered.

    `shown_characters` counts what the visitor has seen of the answer.
    """
    code = "unusable_answer" if error is None else error.code
    decision = Decision.PROVIDER if error is None else error.decision
    record: RungRecord = {"rung": "model", "outcome": "failed", "reason": code, "class": str(decision)}
    return {**record, "shown_characters": shown_characters} if shown_characters else record


def left(rung: SourceKind) -> RungRecord:
    """Record that the visitor left before the answer of this rung was whole."""
    return {"rung": rung, "outcome": "cancelled"}


def broken(rung: SourceKind, reason: Literal["internal_error", "not_stored"]) -> RungRecord:
    """Record that Frontdesk itself failed on this rung, or could not store its answer."""
    return {"rung": rung, "outcome": "failed", "reason": reason, "class": str(Decision.INTERNAL)}


def abandoned() -> RungRecord:
    """Record that the server ended in the middle; which rung it had come to is not known, every turn tries this one."""
    return {"rung": "model", "outcome": "abandoned"}


def notice_for(error: GatewayError | None) -> str | None:
    """Give the line to show when a limit kept the model from answering."""
    return (error.notice or None) if isinstance(error, BudgetExhausted) else None


def without_model(situation: Situation) -> tuple[Answer, list[RungRecord]]:
    """Answer from the knowledge base or with the default; also gives the records of the rungs, the last one last."""
    best = situation.best
    reason = _knowledge_refusal(situation)
    if best is not None and reason is None:
        record = {**_answered("knowledge", best.confidence), "entry_id": best.entry_id}
        cited = (Citation(best.entry_id, best.question),)
        source = Source(kind="knowledge", title=best.question, entry_id=best.entry_id, citations=cited)
        return Answer(best.answer, source, best.confidence), [record]
    skipped = _skipped("knowledge", reason or "nothing_found")
    if best is not None:
        skipped |= {"confidence": round(best.confidence, 4), "entry_id": best.entry_id}
    answer = Answer(situation.default_reply, Source(kind="default"), DEFAULT_CONFIDENCE)
    return answer, [skipped, _answered("default", DEFAULT_CONFIDENCE)]


def citations(text: str, hits: Sequence[Hit]) -> tuple[Citation, ...]:
    """Name the entries that a model's answer rests on: those that hold at least half of what it says, best first."""
    said = analysis.stems(text)
    if not said:
        return ()
    held = [(_share(said, hit), hit) for hit in hits]
    supporting = sorted((pair for pair in held if pair[0] >= SUPPORT_FOR_CITATION), key=lambda pair: -pair[0])
    return tuple(Citation(hit.entry_id, hit.question) for _, hit in supporting[:MAX_CITATIONS])


def _share(said: frozenset[str], hit: Hit) -> float:
    return len(said & (analysis.stems(hit.question) | analysis.stems(hit.answer))) / len(said)


def _knowledge_refusal(situation: Situation) -> str | None:
    if not situation.is_knowledge_allowed:
        return "disabled"
    if situation.best is None:
        return "nothing_found"
    return "not_sure" if situation.best.confidence < situation.threshold else None


def _answered(name: SourceKind, confidence: float) -> RungRecord:
    return {"rung": name, "outcome": "answered", "confidence": round(confidence, 4)}


def _skipped(name: SourceKind, reason: str) -> RungRecord:
    return {"rung": name, "outcome": "skipped", "reason": reason}
