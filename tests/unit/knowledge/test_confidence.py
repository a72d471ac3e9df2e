"""How sure a stored answer fits a question."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.knowledge.confidence import Candidate, Corpus, confidences

HOURS = Candidate("What are your opening hours?", "Monday to Saturday from 9 to 18.", ("opening hours",))
SHIPPING = Candidate("Do you ship internationally?", "Yes, to 40 countries.")
RETURNS = Candidate("How can I return an order?", "Send it back within 30 days.")
EMPTY = Corpus(0, {})

WORDS = ["open", "hours", "order", "card", "refund", "ship", "when", "not", "use", "account", "the", "my", "7"]
phrases = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)


def sure(question: str, *candidates: Candidate, corpus: Corpus = EMPTY) -> float:
    return confidences(question, candidates, corpus)[0]


@pytest.mark.parametrize(
    "question",
    [
        "What are your opening hours?",
        "what are your OPENING HOURS",
        "when do you open",
        "opening times?",
        "What time do you open?",
        "opning hours",
    ],
)
def test_paraphrases_are_sure(question):
    assert sure(question, HOURS, SHIPPING, RETURNS) >= 0.85


@pytest.mark.parametrize(
    "question",
    [
        "do you sell nuclear submarines?",
        "who won the world cup",
        "What are your opening hours on Mars?",
        "Where do you open a bank account?",
        "hello",
        "",
        "???",
    ],
)
def test_other_questions_are_not(question):
    assert sure(question, HOURS, SHIPPING, RETURNS) < 0.75


def test_one_shared_word_is_not_enough():
    assert sure("open", HOURS, SHIPPING, RETURNS) < 0.85


def test_a_word_that_turns_the_question_lowers_the_confidence():
    stored = Candidate("How do I change the shipping address of an order?", "In your account.")

    same = sure("How do I change the shipping address of my order?", stored)
    other = sure("How do I change the billing address of my order?", stored)

    assert same > 0.95
    assert other < 0.85


def test_the_opposite_question_is_not_the_question():
    stored = Candidate("Can I pay with a card?", "Yes.")

    assert sure("may I pay with my card?", stored) >= 0.85
    assert sure("Can I pay without a card?", stored) < 0.85


def test_words_of_the_answer_count_half():
    asked = "Do you deliver to Norway?"
    silent = Candidate("Where do you deliver?", "To many countries.")
    telling = Candidate("Where do you deliver?", "To Norway and many other countries.")

    assert sure(asked, silent) < sure(asked, telling) < 0.95


def test_an_equal_rival_with_another_answer_makes_doubtful():
    alone = sure("how much is delivery", Candidate("What does delivery cost?", "5 euro"))
    rivals = [Candidate("What does delivery cost?", "5 euro"), Candidate("Price of delivery", "7 euro")]

    doubtful = confidences("how much is delivery", rivals, EMPTY)

    assert alone >= 0.85
    assert max(doubtful) < alone


def test_a_rival_with_the_same_answer_does_not():
    twin = Candidate("At what times are you open?", HOURS.answer)

    assert sure("when do you open", HOURS, twin) == sure("when do you open", HOURS)


def test_the_stored_question_itself_is_certain_even_without_words_of_meaning():
    assert sure("Who are you?", Candidate("who are you", "A shop.")) == 1.0


@pytest.mark.parametrize("entries", [5, 100, 2_000, 1_000_000])
def test_the_number_of_entries_does_not_matter(entries):
    corpus = Corpus(entries, {"open": 1, "hour": 1})

    assert sure("when do you open", HOURS, SHIPPING, corpus=corpus) == pytest.approx(0.96, abs=0.02)
    assert sure("do you sell nuclear submarines?", HOURS, SHIPPING, corpus=corpus) == 0.0


def test_a_word_that_every_entry_holds_is_no_evidence():
    common = Corpus(1_000, {"card": 900})

    assert sure("card", Candidate("card", "x"), corpus=common) == 1.0
    assert sure("my card", Candidate("use the card", "x"), corpus=common) < 0.75


@given(phrases, st.lists(st.builds(Candidate, phrases, phrases), min_size=1, max_size=4))
def test_confidence_is_between_0_and_1(question, candidates):
    assert all(0.0 <= value <= 1.0 for value in confidences(question, candidates, EMPTY))


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=200))
def test_confidence_of_any_text_is_between_0_and_1(question, stored, answer):
    assert 0.0 <= sure(question, Candidate(stored, answer)) <= 1.0


@given(phrases, phrases)
def test_an_unknown_word_never_makes_surer(question, stored):
    assert sure(f"{question} zeppelin", Candidate(stored, "x")) <= sure(question, Candidate(stored, "x")) + 1e-9


@given(phrases, phrases)
def test_an_answer_that_holds_the_question_never_makes_less_sure(question, stored):
    assert sure(question, Candidate(stored, question)) >= sure(question, Candidate(stored, "")) - 1e-9


@given(phrases, phrases, phrases)
def test_a_rival_never_makes_surer(question, stored, rival):
    own = Candidate(stored, "own")

    assert sure(question, own, Candidate(rival, "another")) <= sure(question, own) + 1e-9


def test_another_kind_of_question_lowers_the_confidence():
    stored = Candidate("How do I verify my identity?", "With a passport.")

    assert sure("how can I verify my identity", stored) >= 0.85
    assert sure("why must I verify my identity", stored) < 0.85
