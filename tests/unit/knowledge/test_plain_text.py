"""Text from outside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.knowledge.plain_text import has_content, plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  hello \n", "hello"),
        ("a\x00b\x1bc\x7f", "abc"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("tab\tstays", "tab\tstays"),
        ("half \ud83d emoji", "half \ufffd emoji"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
    ],
)
def test_plain_text(text, expected):
    assert plain(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("a", True), ("👍", True), ("", False), ("\u200b\u2060 \n", False)])
def test_content_is_what_a_reader_sees(text, expected):
    assert has_content(text) is expected


@given(st.text())
def test_any_text_becomes_storable(text):
    cleaned = plain(text)

    assert "\x00" not in cleaned
    assert cleaned.encode().decode() == cleaned
    assert plain(cleaned) == cleaned
