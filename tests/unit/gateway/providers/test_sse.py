"""Events come out the same however their bytes are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.gateway.errors import ProviderError
from frontdesk.gateway.providers.sse import EventParser

STREAM = (
    b"\xef\xbb\xbf: a comment\r\n"
    b"data: one\r\n\r\n"
    b"event: error\rdata: two\rdata: lines\r\r"
    b"data:no space\nid: 7\nretry: 10\n\n"
    b'data: {"text":"\xe2\x80\xa8\xc3\xa9"}\n\n'
    b"\n\n"
    b"event: nothing\n\n"
    b"data\n\n"
    b"data: [DONE]\n\n"
)
EVENTS = [
    ("", b"one"),
    ("error", b"two\nlines"),
    ("", b"no space"),
    ("", b'{"text":"\xe2\x80\xa8\xc3\xa9"}'),
    ("", b"[DONE]"),
]


@given(st.lists(st.integers(min_value=1, max_value=len(STREAM)), max_size=40))
def test_any_cut_gives_the_same_events(cuts: list[int]) -> None:
    parser = EventParser()
    events = []
    at = 0
    for cut in [*sorted(cuts), len(STREAM)]:
        events += parser.feed(STREAM[at:cut])
        at = max(at, cut)
    events += parser.finish()

    assert events == EVENTS


def test_the_end_of_the_stream_completes_the_last_event() -> None:
    parser = EventParser()

    assert parser.feed(b"data: x\n") == []
    assert parser.finish() == [("", b"x")]
    assert parser.finish() == []


def test_an_endless_event_is_refused() -> None:
    parser = EventParser()

    with pytest.raises(ProviderError):
        for _ in range(11):
            parser.feed(b"data: " + b"x" * (1 << 20) + b"\n")
