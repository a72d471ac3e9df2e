"""OpenAI's chat format as clients write and read it."""

import json

import msgspec
import pytest

from frontdesk.gateway.errors import CallerError, ProviderError, RateLimited, Stated
from frontdesk.gateway.ingress import openai_chat
from frontdesk.gateway.messages import (
    Delta,
    ImagePart,
    NativeReply,
    OpaquePart,
    Reply,
    Request,
    TextPart,
    ToolCall,
    ToolCallDelta,
    Usage,
)


def parse(**body: object) -> Request:
    return openai_chat.parse(msgspec.json.encode({"model": "gpt-4o", "messages": [user("Hi")], **body}))


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


def events(written: bytes) -> list[object]:
    return [json.loads(event.removeprefix("data: ")) for event in written.decode().split("\n\n") if event]


def test_a_request_is_read_and_kept() -> None:
    request = parse(
        max_completion_tokens=5,
        temperature=0,
        stop="END",
        stream=True,
        stream_options={"include_usage": True},
        tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        seed=7,
    )

    assert (request.model, request.messages[0].text) == ("gpt-4o", "Hi")
    assert (request.max_tokens, request.temperature, request.stop) == (5, 0.0, ("END",))
    assert (request.stream, request.include_usage) == (True, True)
    assert request.tools[0].name == "f"
    assert request.native is not None
    assert bytes(request.native.fields["seed"]) == b"7"


def test_content_parts_are_read_and_unknown_ones_kept() -> None:
    request = parse(
        messages=[
            user(
                [
                    {"type": "text", "text": "Look"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}},
                    {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
                ]
            )
        ]
    )

    text, image, audio = request.messages[0].content
    assert text == TextPart("Look")
    assert image == ImagePart("data:image/png;base64,AA", "low")
    assert isinstance(audio, OpaquePart) and b"input_audio" in bytes(audio.raw)


def test_tool_calls_and_results_are_read() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    request = parse(
        messages=[
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "42"},
        ]
    )

    assert request.messages[0].tool_calls == (ToolCall("c1", "f", "{}"),)
    assert (request.messages[1].role, request.messages[1].tool_call_id, request.messages[1].text) == (
        "tool",
        "c1",
        "42",
    )


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"", "invalid_json", None),
        (b"{", "invalid_json", None),
        (b"\xff\xfe", "invalid_json", None),
        (b"[]", "invalid_type", None),
        (b"null", "invalid_type", None),
        (b'{"messages":[]}', "missing_required_parameter", "model"),
        (b'{"model":"m"}', "missing_required_parameter", "messages"),
        (b'{"model":"m","messages":[]}', "empty_array", "messages"),
        (b'{"model":"","messages":[{"role":"user","content":"x"}]}', "invalid_value", "model"),
        (b'{"model":7,"messages":[{"role":"user","content":"x"}]}', "invalid_type", "model"),
        (b'{"model":"m","messages":[{"role":"user","content":7}]}', "invalid_type", "messages[0].content"),
        (b'{"model":"m","messages":[{"role":"wizard","content":"x"}]}', "invalid_value", "messages[0].role"),
        (b'{"model":"m","messages":[{"role":"user","content":["x"]}]}', "invalid_value", "messages[0].content"),
        (b'{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":"5"}', "invalid_type", "max_tokens"),
        (
            b'{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":9223372036854775808}',
            "invalid_type",
            "max_tokens",
        ),
        (b'{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":-1}', "invalid_type", "max_tokens"),
        (b'{"model":"' + b"m" * 301 + b'","messages":[{"role":"user","content":"x"}]}', "invalid_type", "model"),
        (b'{"model":"m","x":' + b"[" * 100_000, "invalid_json", None),
    ],
)
def test_bad_bodies_name_what_is_wrong(body: bytes, code: str, param: str | None) -> None:
    with pytest.raises(CallerError) as caught:
        openai_chat.parse(body)

    assert (caught.value.http_status, caught.value.code, caught.value.param) == (400, code, param)


def test_a_reply_of_the_same_format_is_passed_on_unchanged() -> None:
    body = b'{"id":"x","choices":[],"vendor_extension":{"a":1}}'
    reply = Reply(id="x", model="m", native=NativeReply("openai", body))

    assert openai_chat.render_reply(reply, 0) is body


def test_a_reply_of_another_format_is_written_in_openais() -> None:
    usage = Usage(uncached_input=5, cache_read=2, output=3, reasoning=1)
    reply = Reply(id="r", model="m", tool_calls=(ToolCall("c", "f", "{}"),), finish="tool_calls", usage=usage)

    written = json.loads(openai_chat.render_reply(reply, 12))

    assert written == {
        "id": "r",
        "object": "chat.completion",
        "created": 12,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": None,
                    "refusal": None,
                    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {
            "prompt_tokens": 7,
            "completion_tokens": 4,
            "total_tokens": 11,
            "prompt_tokens_details": {"cached_tokens": 2},
            "completion_tokens_details": {"reasoning_tokens": 1},
        },
    }


@pytest.mark.parametrize("include_usage", [True, False])
def test_usage_reaches_only_clients_that_asked(include_usage: bool) -> None:
    renderer = openai_chat.StreamRenderer(parse(stream=True, stream_options={"include_usage": include_usage}), 0)
    usage = Usage(output=1)
    beside = Delta(text="x", usage=usage, native=NativeReply("openai", b'{"choices":[{"a":1}],"usage":{"b":2}}'))
    alone = Delta(usage=usage, native=NativeReply("openai", b'{"choices":[],"usage":{"b":2}}'))

    written = events(renderer.render([beside, alone]))

    if include_usage:
        assert written == [{"choices": [{"a": 1}], "usage": {"b": 2}}, {"choices": [], "usage": {"b": 2}}]
    else:
        assert written == [{"choices": [{"a": 1}]}]


def test_chunks_of_the_same_format_keep_their_bytes() -> None:
    renderer = openai_chat.StreamRenderer(parse(stream=True), 0)
    chunk = b'{ "choices": [ {"delta":{"content":"\xc3\xa9"}} ] , "x":1}'

    assert renderer.render([Delta(text="é", native=NativeReply("openai", chunk))]) == b"data: " + chunk + b"\n\n"


def test_chunks_on_several_lines_stay_one_event() -> None:
    renderer = openai_chat.StreamRenderer(parse(stream=True), 0)

    written = renderer.render([Delta(text="x", native=NativeReply("openai", b'{\n"choices":[]}'))])

    assert written == b'data: {\ndata: "choices":[]}\n\n'


def test_neutral_deltas_become_chunks() -> None:
    renderer = openai_chat.StreamRenderer(parse(stream=True, stream_options={"include_usage": True}), 9)
    call = ToolCallDelta(0, "c", "f", '{"a"')

    written = events(
        renderer.render(
            [
                Delta(id="i", model="m", text="Hi"),
                Delta(tool_calls=(call,)),
                Delta(finish="stop", usage=Usage(output=1)),
            ]
        )
    )

    assert [chunk["choices"][0]["delta"] if chunk["choices"] else None for chunk in written] == [  # type: ignore[index]
        {"role": "assistant", "content": "Hi"},
        {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a"'}}]},
        {},
        None,
    ]
    assert written[2]["choices"][0]["finish_reason"] == "stop"  # type: ignore[index]
    assert written[3]["usage"]["completion_tokens"] == 1  # type: ignore[index]
    assert {(chunk["id"], chunk["model"], chunk["created"]) for chunk in written} == {("i", "m", 9)}  # type: ignore[index]
    assert renderer.end() == b"data: [DONE]\n\n"


def test_errors_are_written_as_openai_writes_them() -> None:
    limited = RateLimited("Slow down", stated=Stated("tokens", "rate_limit_exceeded"))

    assert json.loads(openai_chat.render_error(limited)) == {
        "error": {"message": "Slow down", "type": "tokens", "param": None, "code": "rate_limit_exceeded"}
    }
    assert events(openai_chat.render_error_event(ProviderError("Cut"))) == [
        {"error": {"message": "Cut", "type": "server_error", "param": None, "code": "provider_error"}}
    ]


def test_the_number_of_answers_is_read() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}

    assert openai_chat.parse(json.dumps(body).encode()).choices == 1
    assert openai_chat.parse(json.dumps({**body, "n": 3}).encode()).choices == 3
    for wrong in (0, -1, 129, 1.5):
        with pytest.raises(CallerError) as caught:
            openai_chat.parse(json.dumps({**body, "n": wrong}).encode())
        assert caught.value.param == "n"


def test_of_two_bounds_the_wider_is_reckoned_with() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}

    assert openai_chat.parse(json.dumps(body).encode()).max_tokens is None
    both = {**body, "max_completion_tokens": 20, "max_tokens": 100_000}
    assert openai_chat.parse(json.dumps(both).encode()).max_tokens == 100_000
    assert openai_chat.parse(json.dumps({**body, "max_tokens": 9}).encode()).max_tokens == 9
