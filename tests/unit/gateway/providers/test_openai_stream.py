"""What a stream says before it fails is kept; a stream that says nothing is no answer."""

import pytest

from frontdesk.gateway.errors import ProviderError
from frontdesk.gateway.providers import openai
from frontdesk.gateway.providers.openai import StreamReader

CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":50,"completion_tokens":500}}\n\n'
ERROR = b'data: {"error":{"message":"overloaded","code":503}}\n\n'


def test_what_came_before_an_error_in_one_piece_is_not_lost() -> None:
    reader = StreamReader()

    deltas = reader.feed(CHUNK + USAGE + ERROR)

    assert [delta.text for delta in deltas] == ["Hi", ""]
    assert deltas[1].usage is not None and deltas[1].usage.output_tokens == 500
    assert isinstance(reader.failure, ProviderError)
    with pytest.raises(ProviderError):
        reader.end()


def test_an_error_alone_is_raised_at_once() -> None:
    with pytest.raises(ProviderError) as caught:
        StreamReader().feed(ERROR)

    assert caught.value.http_status == 503


@pytest.mark.parametrize("events", [b"data: [DONE]\n\n", USAGE + b"data: [DONE]\n\n"])
def test_an_end_without_an_answer_is_a_failure(events: bytes) -> None:
    reader = StreamReader()

    with pytest.raises(ProviderError) as caught:
        reader.feed(events)
        reader.end()

    assert caught.value.code == "empty_answer"


@pytest.mark.parametrize("nested", [b"[" * 100_000, b'{"a":' * 100_000])
def test_deep_nesting_is_a_broken_chunk(nested: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        StreamReader().feed(b"data: " + nested + b"\n\n")
    assert caught.value.code == "malformed_chunk"
    with pytest.raises(ProviderError):
        openai.read_reply(nested)
    assert openai.read_error(400, {}, nested).http_status == 400


def test_what_a_provider_quotes_of_the_request_is_left_out() -> None:
    body = b'{"detail":[{"loc":["body","messages",0],"msg":"field required","input":"SECRETTEXT"}]}'

    error = openai.read_error(422, {}, body)

    assert error.public_message == "body.messages.0: field required"
