"""Two readings of a chat answer that must agree: the official SDK's, and Frontdesk's own."""

import dataclasses
import json
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx2
import openai

from frontdesk.gateway.messages import Delta, Reply, Usage


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a reader made of an answer; `tools` are (name, arguments) in order."""

    text: str
    tools: tuple[tuple[str, str], ...]
    finish: str | None
    usage: dict[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class Bill:
    """The token counts that a usage object amounts to."""

    input_tokens: int
    output_tokens: int
    cache_read: int
    cache_write: int
    reasoning: int


def of_recording(sdk_reads: dict[str, Any]) -> Reading:
    """Take the recorded reading."""
    tools = tuple((name, arguments) for name, arguments in sdk_reads["tools"])
    return Reading(sdk_reads["text"] or "", tools, sdk_reads["finish"], sdk_reads["usage"])


def of_reply(reply: Reply) -> Reading:
    """Take the provider module's reading of a whole answer, without its usage."""
    tools = tuple((call.name, call.arguments) for call in reply.tool_calls)
    return Reading(reply.text, tools, reply.native_finish)


def of_deltas(deltas: Iterable[Delta]) -> tuple[Reading, Usage | None]:
    """Put a stream's deltas together."""
    text, finish, usage = "", None, None
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    for delta in deltas:
        text += delta.text
        finish = delta.native_finish or finish
        usage = delta.usage or usage
        for call in delta.tool_calls:
            names[call.index] = names.get(call.index, "") + (call.name or "")
            arguments[call.index] = arguments.get(call.index, "") + call.arguments
    tools = tuple((names[index], arguments[index]) for index in sorted(names))
    return Reading(text, tools, finish), usage


def bill_of(usage: dict[str, Any] | None) -> Bill | None:
    """Work out the bill from OpenAI's usage object, as its documentation describes the fields.

    Cached and written tokens are part of the prompt's; reasoning is part of the completion's, except where the total
    shows that the server counts it beside them (xAI).
    """
    if usage is None:
        return None
    prompt, completion = usage["prompt_tokens"], usage["completion_tokens"]
    prompt_details = usage.get("prompt_tokens_details") or {}
    completion_details = usage.get("completion_tokens_details") or {}
    cached = min(prompt_details.get("cached_tokens") or usage.get("prompt_cache_hit_tokens") or 0, prompt)
    written = min(prompt_details.get("cache_write_tokens") or 0, prompt - cached)
    reasoning = completion_details.get("reasoning_tokens") or usage.get("reasoning_tokens") or 0
    is_beside = reasoning > 0 and usage["total_tokens"] == prompt + completion + reasoning
    output = completion + reasoning if is_beside else completion
    return Bill(prompt, output, cached, written, min(reasoning, output))


def bill_in_buckets(usage: Usage | None) -> Bill | None:
    """Read the bill from Frontdesk's disjoint buckets."""
    if usage is None:
        return None
    return Bill(usage.input_tokens, usage.output_tokens, usage.cache_read, usage.cache_write, usage.reasoning)


def sdk_client(status: int, body: bytes, content_type: str) -> openai.OpenAI:
    """Make an SDK client whose every request gets this answer."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, headers={"content-type": content_type}, content=body)

    return openai.OpenAI(
        api_key="sk-test",
        base_url="http://frontdesk.test/v1",
        max_retries=0,
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
    )


def read_with_sdk(body: bytes) -> Reading:
    """Let the official SDK read a completion."""
    with sdk_client(200, body, "application/json") as client:
        completion = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
    choice = completion.choices[0]
    calls = [call for call in choice.message.tool_calls or () if call.type != "custom"]
    tools = tuple(_called(call.function.name, call.function.arguments) for call in calls)
    usage = completion.usage.model_dump(exclude_none=True) if completion.usage else None
    return Reading(_text(choice.message.content), tools, choice.finish_reason, usage)


def read_stream_with_sdk(body: bytes) -> Reading:
    """Let the official SDK read an event stream."""
    text, finish, usage = "", None, None
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    with sdk_client(200, body, "text/event-stream") as client:
        chunks = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}], stream=True)
        for chunk in chunks:
            usage = chunk.usage.model_dump(exclude_none=True) if chunk.usage else usage
            for choice in chunk.choices or ():
                if choice.index:
                    continue
                text += _text(choice.delta.content)
                finish = choice.finish_reason or finish
                for place, call in enumerate(choice.delta.tool_calls or ()):
                    index = place if call.index is None else call.index
                    names[index] = names.get(index, "") + ((call.function and call.function.name) or "")
                    arguments[index] = arguments.get(index, "") + ((call.function and call.function.arguments) or "")
    return Reading(text, tuple((names[index], arguments[index]) for index in sorted(names)), finish, usage)


def _called(name: str, arguments: Any) -> tuple[str, str]:
    return name, arguments if isinstance(arguments, str) else json.dumps(arguments)


def _text(content: Any) -> str:
    """Join content: text, or the text parts of a list (Mistral's thinking models send parts)."""
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content if part.get("type") == "text")
    return content or ""


Cut = Callable[[bytes], Iterator[bytes]]


def uncut(body: bytes) -> Iterator[bytes]:
    """Give all bytes at once."""
    yield body


def single_bytes(body: bytes) -> Iterator[bytes]:
    """Give one byte at a time."""
    for at in range(len(body)):
        yield body[at : at + 1]


def cut_at_random(seed: int) -> Cut:
    """Make a way to cut that is the same each time for the same seed."""

    def cut(body: bytes) -> Iterator[bytes]:
        chance = random.Random(seed)
        at = 0
        while at < len(body):
            size = chance.choice((1, 2, 3, 5, 17, 64, 257, 1024, 4096))
            yield body[at : at + size]
            at += size

    return cut
