"""Estimates of tokens that nobody has counted."""

import msgspec
import pytest

from frontdesk.gateway import tokens
from frontdesk.gateway.messages import ImagePart, Message, OpaquePart, Request, TextPart, Tool

EMPTY = Request(model="m", messages=())


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 0), ("abc", 1), ("abcd", 1), ("abcde", 2), ("営業時間は", 5), ("привет", 4), ("a" * 300 + "é", 101)],
)
def test_a_text_takes_more_tokens_beyond_ascii(text: str, expected: int) -> None:
    assert tokens.of_text(text) == expected


def test_all_that_a_model_reads_is_counted() -> None:
    schema = msgspec.Raw(b"[" + b" " * 3_998 + b"]")
    tool = Tool(name="look", description="up" * 10, parameters=schema)
    file = OpaquePart("openai", schema)

    assert tokens.of_request(EMPTY) == 0
    assert tokens.of_request(msgspec.structs.replace(EMPTY, tools=(tool,))) == 1 + 5 + 1_000
    assert tokens.of_request(msgspec.structs.replace(EMPTY, response_format=schema)) == 1_000
    message = Message(role="user", content=(TextPart("abcd"), ImagePart("https://x/y.png"), file))
    assert tokens.of_request(msgspec.structs.replace(EMPTY, messages=(message,))) == 1 + 765 + 1_000 + 4
