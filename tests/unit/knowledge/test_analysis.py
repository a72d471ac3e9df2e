"""From texts to terms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.knowledge import analysis, vocabulary


def stems(text: str) -> list[str]:
    return [term.stem for term in analysis.terms(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What are your opening hours?", ["open", "hour"]),
        ("WHEN do you open", ["when", "open"]),
        ("How much is the café's delivery?", ["howmuch", "cafe", "deliveri"]),
        ("How do I sign up and log in?", ["signup", "login"]),
        ("delivery, deliveries, Delivery", ["deliveri"]),
        ("Wi-Fi or wifi", ["wifi"]),
        ("the of and to", []),
        ("", []),
        ("Öffnungszeiten", ["offnungszeiten"]),
    ],
)
def test_terms_are_the_words_that_carry_meaning(text, expected):
    assert stems(text) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("opening", "open", 1.0),
        ("hours", "times", 0.9),
        ("when", "hours", 0.9),
        ("deliver", "delivery", 0.9),
        ("pay", "payment", 0.9),
        ("opning", "opening", 0.85),
        ("recieve", "receive", 0.85),
        ("open", "close", 0.0),
        ("return", "refund", 0.0),
        ("internet", "international", 0.0),
        ("card", "cart", 0.0),
        ("2024", "2025", 0.0),
        ("when", "where", 0.0),
    ],
)
def test_kinship_of_two_words(one, other, expected):
    (first,), (second,) = analysis.terms(one), analysis.terms(other)

    assert analysis.kinship(first, second) == expected
    assert analysis.kinship(second, first) == expected


def test_related_words_share_a_sense():
    assert {"schedule", "hour"} <= analysis.related("what times")
    assert analysis.related("nuclear submarines") == set()


def test_every_listed_word_is_one_word_that_the_analysis_sees_as_it_is_written():
    listed = [*vocabulary.FUNCTION_WORDS, *vocabulary.LIGHT_WORDS, *vocabulary.ASKING_WORDS]
    listed += [word for members in vocabulary.SENSES.values() for word in members.split()]

    assert [word for word in listed if analysis.words(word) != [word]] == []


def test_no_word_is_in_two_of_the_lists():
    assert vocabulary.FUNCTION_WORDS.isdisjoint(vocabulary.LIGHT_WORDS)
    assert vocabulary.FUNCTION_WORDS & set(vocabulary.ASKING_WORDS) == {"when", "where", "who", "why"}


@given(st.text(max_size=600))
def test_any_text_gives_clean_words(text):
    for word in analysis.words(text):
        assert word
        assert not any(character.isspace() for character in word)
    found = stems(text)
    assert len(found) == len(set(found))


@given(st.text(alphabet="abcdef", min_size=1, max_size=9), st.text(alphabet="abcdef", min_size=1, max_size=9))
def test_kinship_is_symmetric_and_bounded(one, other):
    first, second = analysis.Term(one, one), analysis.Term(other, other)

    kinship = analysis.kinship(first, second)

    assert 0.0 <= kinship <= 1.0
    assert kinship == analysis.kinship(second, first)
    assert (kinship == 1.0) == (one == other)
