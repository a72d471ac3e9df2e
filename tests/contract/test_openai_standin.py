"""The provider stand-in is faithful: the official SDK meets in it what it meets at OpenAI."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from tests.contract import openai_reading as reading
from tests.standins import cases
from tests.standins.openai_provider import OpenAIProvider

ASKED: Any = [{"role": "user", "content": "hello there"}]
WHOLE = [case for case in cases.load().values() if case.is_usable and not case.is_stream]
STREAMS = [case for case in cases.load().values() if case.is_usable and case.is_stream]


@pytest.fixture
async def provider() -> AsyncIterator[OpenAIProvider]:
    async with OpenAIProvider() as running:
        yield running


def client(provider: OpenAIProvider, key: str = "sk-1") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key=key, base_url=provider.base_url, max_retries=0, timeout=5)


async def test_answer_is_the_same_each_time_and_counted(provider: OpenAIProvider) -> None:
    async with client(provider) as sdk:
        first = await sdk.chat.completions.create(model="gpt", messages=ASKED)
        second = await sdk.chat.completions.create(model="gpt", messages=ASKED)

    assert first.choices[0].message.content == "The stand-in model heard: hello there"
    assert first.choices == second.choices and first.usage == second.usage
    assert [(call.model, call.bearer, call.outcome) for call in provider.calls] == [("gpt", "sk-1", "finished")] * 2


@pytest.mark.parametrize("is_asked", [True, False])
async def test_stream_has_usage_only_when_asked(provider: OpenAIProvider, is_asked: bool) -> None:
    options: Any = {"stream_options": {"include_usage": True}} if is_asked else {}
    text, usage = "", None
    async with client(provider) as sdk:
        async for chunk in await sdk.chat.completions.create(model="gpt", messages=ASKED, stream=True, **options):
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
            usage = chunk.usage or usage

    assert text == "The stand-in model heard: hello there"
    assert (usage.total_tokens if usage else None) == (11 if is_asked else None)


@pytest.mark.parametrize(
    ("change", "kind", "code"),
    [
        ({"messages": []}, openai.BadRequestError, "empty_array"),
        ({"messages": [{"role": "robot", "content": "x"}]}, openai.BadRequestError, "invalid_value"),
        ({"temperature": "hot"}, openai.BadRequestError, "invalid_type"),
        ({"temperature": 3}, openai.BadRequestError, "decimal_above_max_value"),
        ({"extra_body": {"colour": 1}}, openai.BadRequestError, None),
        ({"stream_options": {"include_usage": True}}, openai.BadRequestError, None),
        ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "c"}]}, openai.BadRequestError, None),
        ({"model": "no-such-model"}, openai.NotFoundError, "model_not_found"),
        ({"model": "fault-status:code=429,retry_after=3"}, openai.RateLimitError, "rate_limit_exceeded"),
        ({"model": "fault-status:code=500"}, openai.InternalServerError, None),
        ({"model": "fault-nonsense"}, openai.BadRequestError, None),
        ({"model": "case-nonsense"}, openai.NotFoundError, None),
    ],
)
async def test_refusals_raise_what_openai_raises(
    provider: OpenAIProvider, change: dict[str, Any], kind: type[openai.APIStatusError], code: str | None
) -> None:
    async with client(provider) as sdk:
        with pytest.raises(openai.APIStatusError) as raised:
            await sdk.chat.completions.create(**{"model": "gpt", "messages": ASKED, **change})

    assert (type(raised.value), raised.value.code) == (kind, code)


async def test_bad_key_is_refused(provider: OpenAIProvider) -> None:
    async with client(provider, "sk-bad-1") as sdk:
        with pytest.raises(openai.AuthenticationError) as raised:
            await sdk.chat.completions.create(model="gpt", messages=ASKED)

    assert raised.value.code == "invalid_api_key"


async def test_required_tool_is_called_and_its_result_answered(provider: OpenAIProvider) -> None:
    tools: Any = [{"type": "function", "function": {"name": "look_up", "parameters": {}}}]
    async with client(provider) as sdk:
        asked = await sdk.chat.completions.create(model="gpt", messages=ASKED, tools=tools, tool_choice="required")
        call = asked.choices[0].message.tool_calls[0]  # type: ignore[index]  # it was required
        history = [*ASKED, asked.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "9 to 17"}]
        answered = await sdk.chat.completions.create(model="gpt", messages=history, tools=tools)

    assert asked.choices[0].finish_reason == "tool_calls"
    assert answered.choices[0].message.content == "The stand-in model heard: hello there"


@pytest.mark.parametrize("case", [*WHOLE[::20], *STREAMS[::8]], ids=lambda case: case.id)
async def test_recorded_case_is_replayed_under_its_own_address(provider: OpenAIProvider, case: cases.Case) -> None:
    sdk = openai.AsyncOpenAI(api_key="sk-1", base_url=provider.case_url(f"{case.id}@3"), max_retries=0)
    async with sdk:
        raw = await sdk.chat.completions.with_raw_response.create(model="any", messages=ASKED)

    body = raw.http_response.content
    read = reading.read_stream_with_sdk(body) if case.is_stream else reading.read_with_sdk(body)
    assert read == reading.of_recording(case.sdk_reads)


async def test_script_decides_the_next_calls(provider: OpenAIProvider) -> None:
    provider.script.extend(["status:code=503", "none"])
    async with client(provider) as sdk:
        with pytest.raises(openai.InternalServerError):
            await sdk.chat.completions.create(model="gpt", messages=ASKED)

        answer = await sdk.chat.completions.create(model="gpt", messages=ASKED)

    assert answer.choices[0].finish_reason == "stop"
    assert [(call.fault, call.status) for call in provider.calls] == [("status", 503), ("", 200)]
