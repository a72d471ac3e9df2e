"""Reads a whole chat completion."""

import msgspec

from frontdesk.gateway.errors import ProviderError
from frontdesk.gateway.messages import NativeReply, Reply, ToolCall
from frontdesk.gateway.providers.openai.content import Content, read_content
from frontdesk.gateway.providers.openai.errors import NO_ERROR, read_embedded_error
from frontdesk.gateway.providers.openai.request import WIRE
from frontdesk.gateway.providers.openai.usage import WireUsage, read_finish, read_usage


class _Function(msgspec.Struct, frozen=True):
    name: str
    arguments: str | dict[str, msgspec.Raw] | None = ""


class _ToolCall(msgspec.Struct, frozen=True):
    function: _Function | None = None
    id: str | None = ""


class _Message(msgspec.Struct, frozen=True):
    content: Content = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(msgspec.Struct, frozen=True):
    message: _Message
    finish_reason: str | None = None


class _Completion(msgspec.Struct, frozen=True):
    id: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: WireUsage | None = None
    error: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Completion).decode


def read_reply(body: bytes) -> Reply:
    """Read a completion. ProviderError if the body is none; the error that it stands for if it holds one."""
    try:
        completion = _decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ProviderError("The provider's answer is not a chat completion.", code="malformed_body") from error
    if (stated := bytes(completion.error)) not in NO_ERROR:
        raise read_embedded_error(stated)
    if not completion.choices:
        raise ProviderError("The provider's answer has no choices.", code="empty_answer")
    choice = completion.choices[0]
    text, thinking = read_content(choice.message.content)
    return Reply(
        id=completion.id or "",
        model=completion.model or "",
        text=text,
        reasoning=choice.message.reasoning_content or choice.message.reasoning or thinking or None,
        refusal=choice.message.refusal,
        tool_calls=tuple(_read_call(call) for call in choice.message.tool_calls or () if call.function is not None),
        finish=read_finish(choice.finish_reason),
        native_finish=choice.finish_reason,
        usage=read_usage(completion.usage),
        native=NativeReply(WIRE, body),
    )


def _read_call(call: _ToolCall) -> ToolCall:
    assert call.function is not None  # noqa: S101 - the caller has passed over those without
    arguments = call.function.arguments
    if isinstance(arguments, dict):  # some servers send the object itself
        arguments = msgspec.json.encode(arguments).decode()
    return ToolCall(id=call.id or "", name=call.function.name, arguments=arguments or "")
