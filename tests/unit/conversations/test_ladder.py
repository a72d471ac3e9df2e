"""The reply ladder's decisions."""

import pytest

from frontdesk.conversations.reply import ladder
from frontdesk.conversations.reply.contract import Citation, Source
from frontdesk.conversations.reply.ladder import Situation
from frontdesk.gateway.errors import BudgetExhausted, ProviderError
from frontdesk.knowledge.index import Hit

HOURS = Hit(5, "What are your opening hours?", "From 9 to 18.", 2.0, 0.93)
VAGUE = Hit(6, "Do you ship?", "Yes.", 1.5, 0.849)
SKIPPED_DEFAULT = {"rung": "default", "outcome": "answered", "confidence": 0.0}


def situation(**changes) -> Situation:
    facts = {
        "is_model_allowed": True,
        "can_model_serve": True,
        "is_knowledge_allowed": True,
        "best": HOURS,
        "threshold": 0.85,
        "default_reply": "Please leave your address.",
    }
    return Situation(**{**facts, **changes})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"can_model_serve": False}, {"rung": "model", "outcome": "skipped", "reason": "no_provider"}),
        ({"is_model_allowed": False}, {"rung": "model", "outcome": "skipped", "reason": "disabled"}),
        (
            {"is_model_allowed": False, "can_model_serve": False},
            {"rung": "model", "outcome": "skipped", "reason": "disabled"},
        ),
    ],
)
def test_model_is_asked_when_allowed_and_usable(changes, expected):
    assert ladder.model_skipped(situation(**changes)) == expected


def test_sure_entry_answers():
    answer, records = ladder.without_model(situation())

    assert answer.text == "From 9 to 18."
    assert answer.confidence == 0.93
    assert answer.source == Source(
        kind="knowledge",
        title="What are your opening hours?",
        entry_id=5,
        citations=(Citation(5, "What are your opening hours?"),),
    )
    assert records == [{"rung": "knowledge", "outcome": "answered", "confidence": 0.93, "entry_id": 5}]


@pytest.mark.parametrize(
    ("changes", "skipped"),
    [
        ({"best": VAGUE}, {"reason": "not_sure", "confidence": 0.849, "entry_id": 6}),
        ({"best": None}, {"reason": "nothing_found"}),
        ({"is_knowledge_allowed": False}, {"reason": "disabled", "confidence": 0.93, "entry_id": 5}),
        ({"threshold": 0.94}, {"reason": "not_sure", "confidence": 0.93, "entry_id": 5}),
    ],
)
def test_otherwise_the_default_answers(changes, skipped):
    answer, records = ladder.without_model(situation(**changes))

    assert (answer.text, answer.confidence) == ("Please leave your address.", 0.0)
    assert answer.source == Source(kind="default")
    assert records == [{"rung": "knowledge", "outcome": "skipped", **skipped}, SKIPPED_DEFAULT]


def test_confidence_equal_to_the_threshold_is_enough():
    answer, _ = ladder.without_model(situation(threshold=0.93))

    assert answer.source.kind == "knowledge"


def test_best_hit_is_the_surest_not_the_first():
    assert ladder.best_hit([VAGUE, HOURS]) == HOURS
    assert ladder.best_hit([]) is None


def test_models_answer_cites_the_entries_it_rests_on():
    answer, record = ladder.model_answer("We are open from 9 to 18.", "gpt-4o", [VAGUE, HOURS])

    assert answer.confidence == 0.95
    assert answer.source == Source(kind="model", citations=(Citation(5, "What are your opening hours?"),))
    assert record == {"rung": "model", "outcome": "answered", "confidence": 0.95, "model": "gpt-4o"}


def test_models_answer_from_elsewhere_cites_nothing():
    answer, _ = ladder.model_answer("I do not know, but a colleague will help you.", "gpt-4o", [VAGUE, HOURS])

    assert answer.source.citations == ()


def test_failures_are_recorded_by_code_and_class():
    assert ladder.model_failed(ProviderError("boom", code="bad_json")) == {
        "rung": "model",
        "outcome": "failed",
        "reason": "bad_json",
        "class": "provider",
    }
    assert ladder.model_failed(None, shown_characters=7) == {
        "rung": "model",
        "outcome": "failed",
        "reason": "unusable_answer",
        "class": "provider",
        "shown_characters": 7,
    }


def test_only_a_limit_is_worth_a_notice():
    assert ladder.notice_for(BudgetExhausted("over", notice="No more today.")) == "No more today."
    assert ladder.notice_for(BudgetExhausted("over")) is None
    assert ladder.notice_for(ProviderError("boom")) is None
    assert ladder.notice_for(None) is None
