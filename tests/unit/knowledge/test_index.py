"""The index on disk."""

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from frontdesk.knowledge import index
from frontdesk.knowledge.index import Entry

SHOP = [
    Entry(1, "What are your opening hours?", "Monday to Saturday from 9 to 18.", ("opening hours",)),
    Entry(2, "Do you ship internationally?", "Yes, to 40 countries."),
    Entry(3, "How can I return an order?", "Send it back within 30 days."),
    Entry(4, "Do you gift-wrap?", "Only in the shop.", widget_id=7),
]
FILLER = [
    Entry(1_000 + n, f"How is part {n} of machine {n % 17} oiled?", f"With oil number {n}.") for n in range(1_990)
]


@pytest.fixture
def built(tmp_path):
    def build(entries):
        directory = tmp_path / f"version-{len(list(tmp_path.iterdir()))}"
        index.publish(directory, entries)
        return index.open_index(directory)

    return build


@pytest.mark.parametrize("filler", [0, 95, 1_990])
@pytest.mark.parametrize("question", ["What are your opening hours?", "when do you open", "opening times?"])
def test_paraphrase_is_found_and_sure_in_any_collection(built, filler, question):
    best = built(SHOP + FILLER[:filler]).search(question)[0]

    assert best.entry_id == 1
    assert best.confidence >= 0.85
    assert best.answer == "Monday to Saturday from 9 to 18."


@pytest.mark.parametrize("filler", [0, 95, 1_990])
@pytest.mark.parametrize("question", ["do you sell nuclear submarines?", "who won the world cup"])
def test_unrelated_question_is_never_sure(built, filler, question):
    found = built(SHOP + FILLER[:filler]).search(question)

    assert max((hit.confidence for hit in found), default=0.0) < 0.5


def test_entry_of_a_widget_is_found_for_that_widget_only(built):
    shop = built(SHOP)

    assert [hit.entry_id for hit in shop.search("gift-wrap", widget_id=7)] == [4]
    assert shop.search("gift-wrap", widget_id=8) == []
    assert shop.search("gift-wrap") == []
    assert shop.search("opening hours", widget_id=7)[0].entry_id == 1


def test_limit_bounds_the_hits_and_the_best_comes_first(built):
    hits = built(SHOP + FILLER).search("How is part 12 of machine 12 oiled?", limit=3)

    assert len(hits) == 3
    assert hits[0].question == "How is part 12 of machine 12 oiled?"
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_slip_and_split_words_are_found(built):
    shop = built([*SHOP, Entry(9, "Strikethrough on GitHub", "Use tildes.")])

    assert shop.search("git hub strikethrough")[0].entry_id == 9


def test_an_empty_collection_finds_nothing(built):
    assert built([]).search("anything") == []


def test_publishing_the_same_version_twice_keeps_the_first(tmp_path):
    index.publish(tmp_path / "1-a", SHOP)
    index.publish(tmp_path / "1-a", [])

    assert index.Index(tmp_path / "1-a").search("opening hours")[0].entry_id == 1
    assert [path.name for path in tmp_path.iterdir()] == ["1-a"]


def test_directory_without_an_index_is_a_value_error(tmp_path):
    with pytest.raises(ValueError, match=r"meta\.json"):
        index.open_index(tmp_path)


@pytest.mark.parametrize(
    "query",
    [
        'question:"x',
        "a AND OR NOT (",
        '+-!(){}[]^"~*?:\\/',
        "entry_id:1",
        "widget_id:7 gift-wrap",
        "x" * 100_000,
        "opening " * 10_000,
        "\x00\ud800 opening",
        "' OR 1=1 --",
        "/.*/",
        "*",
    ],
)
def test_hostile_query_is_only_text(built, query):
    hits = built(SHOP).search(query)

    assert 4 not in [hit.entry_id for hit in hits]


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(query=st.text(max_size=700))
def test_any_query_is_answered(built_once, query):
    assert all(0.0 <= hit.confidence <= 1.0 for hit in built_once.search(query))


@pytest.fixture(scope="module")
def built_once(tmp_path_factory):
    directory = tmp_path_factory.mktemp("index") / "1-x"
    index.publish(directory, SHOP)
    return index.open_index(directory)
