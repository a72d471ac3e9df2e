"""Requests on the OpenAI wire: the client's own fields, or those of a neutral request."""

import json

import msgspec
import pytest

from frontdesk.gateway.errors import CallerError
from frontdesk.gateway.ingress import openai_chat
from frontdesk.gateway.messages import ImagePart, Message, OpaquePart, Request, TextPart, Tool, ToolCall
from frontdesk.gateway.providers import openai
from frontdesk.gateway.snapshot import Credential, Model, Provider, Target
from frontdesk.gateway.vault import Sealed


def target(*quirks: str, base_url: str = "") -> Target:
    credential = Credential(
        id="c", tenant_id=1, provider="p", sealed=Sealed("k", b""), base_url=base_url, organization="org-1"
    )
    provider = Provider(name="p", wire="openai", base_url="https://p.example/v1/", quirks=frozenset(quirks))
    return Target(provider, Model(provider="p", name="their-name"), credential)


def body_of(request: Request, *quirks: str) -> dict[str, object]:
    written: dict[str, object] = json.loads(openai.build_request(request, target(*quirks), "sk-1").body)
    return written


def test_a_client_of_the_same_format_keeps_its_fields() -> None:
    sent = {"model": "p/their-name", "messages": [{"role": "user", "content": "x"}], "logit_bias": {"5": 1}, "n": 2}
    request = openai_chat.parse(msgspec.json.encode(sent))

    assert body_of(request) == {**sent, "model": "their-name"}


def test_a_stream_always_asks_for_usage() -> None:
    sent = {
        "model": "m",
        "messages": [{"role": "user", "content": "x"}],
        "stream": True,
        "stream_options": {"include_obfuscation": False},
    }
    request = openai_chat.parse(msgspec.json.encode(sent))

    assert body_of(request)["stream_options"] == {"include_obfuscation": False, "include_usage": True}
    assert "stream_options" not in body_of(request, "no_stream_options")


def test_a_neutral_request_is_written_out() -> None:
    call = ToolCall("c1", "f", "{}")
    request = Request(
        model="x",
        messages=(
            Message(role="system", content="Be kind"),
            Message(role="user", content=(TextPart("Look"), ImagePart("https://i.example/a.png"))),
            Message(role="assistant", tool_calls=(call,)),
            Message(role="tool", content="42", tool_call_id="c1"),
        ),
        max_tokens=9,
        stop=("END",),
        tools=(Tool("f", "Does f", msgspec.Raw(b'{"type":"object"}'), True),),
    )

    assert body_of(request) == {
        "model": "their-name",
        "messages": [
            {"role": "system", "content": "Be kind"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look"},
                    {"type": "image_url", "image_url": {"url": "https://i.example/a.png"}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "content": "42", "tool_call_id": "c1"},
        ],
        "max_tokens": 9,
        "stop": ["END"],
        "tools": [
            {
                "type": "function",
                "function": {"name": "f", "description": "Does f", "parameters": {"type": "object"}, "strict": True},
            }
        ],
    }
    assert body_of(request, "max_completion_tokens")["max_completion_tokens"] == 9


def test_the_key_goes_to_the_address_it_is_for() -> None:
    request = Request(model="x", messages=(Message(role="user", content="x"),))

    own = openai.build_request(request, target(base_url="http://127.0.0.1:9/v1"), "sk-1")
    given = openai.build_request(request, target(), "sk-1")

    assert own.url == "http://127.0.0.1:9/v1/chat/completions"
    assert given.url == "https://p.example/v1/chat/completions"
    assert given.headers["authorization"] == "Bearer sk-1"
    assert given.headers["openai-organization"] == "org-1"


def test_a_part_of_another_format_is_refused() -> None:
    part = OpaquePart("anthropic", msgspec.Raw(b"{}"))
    request = Request(model="x", messages=(Message(role="user", content=(part,)),))

    with pytest.raises(CallerError) as caught:
        openai.build_request(request, target(), "sk-1")

    assert caught.value.code == "unsupported_content"


@pytest.mark.parametrize(
    ("given", "quirks", "expected"),
    [
        ({"max_tokens": 900}, (), {"max_tokens": 40}),
        ({"max_completion_tokens": 900}, (), {"max_completion_tokens": 40}),
        ({}, (), {"max_tokens": 40}),
        ({}, ("max_completion_tokens",), {"max_completion_tokens": 40}),
    ],
)
def test_a_bound_of_ours_stands_where_the_clients_would(
    given: dict[str, int], quirks: tuple[str, ...], expected: dict[str, int]
) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **given}
    request = openai_chat.parse(json.dumps(body).encode())

    written = body_of(msgspec.structs.replace(request, max_tokens=40, is_capped=True), *quirks)

    assert {name: value for name, value in written.items() if "max" in name} == expected
