"""Reads a streamed chat completion."""

from typing import cast

import msgspec

from frontdesk.gateway.errors import GatewayError, ProviderError
from frontdesk.gateway.messages import Delta, NativeReply, ToolCallDelta
from frontdesk.gateway.providers.openai.content import Content, read_content
from frontdesk.gateway.providers.openai.errors import NO_ERROR, read_embedded_error
from frontdesk.gateway.providers.openai.request import WIRE
from frontdesk.gateway.providers.openai.usage import WireUsage, read_finish, read_usage
from frontdesk.gateway.providers.sse import Event, EventParser


class _FunctionDelta(msgspec.Struct, frozen=True):
    name: str | None = None
    arguments: str | dict[str, msgspec.Raw] | None = None


class _ToolCallDelta(msgspec.Struct, frozen=True):
    index: int | None = None
    id: str | None = None
    function: _FunctionDelta | None = None


class _MessageDelta(msgspec.Struct, frozen=True):
    content: Content = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCallDelta] | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _MessageDelta | None = None
    finish_reason: str | None = None
    index: int | None = 0


class _GroqExtension(msgspec.Struct, frozen=True):
    usage: WireUsage | None = None


class _Chunk(msgspec.Struct, frozen=True):
    id: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: WireUsage | None = None
    x_groq: _GroqExtension | None = None
    error: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Chunk).decode
_NOTHING = _MessageDelta()


class StreamReader:
    """Turns the bytes of an event stream into deltas.

    The answer has ended when `[DONE]` came, or when the connection ended well after a finish reason (some servers
    never send `[DONE]`); anything else is a broken stream, not a short answer.
    """

    def __init__(self) -> None:
        self._events = EventParser()
        self._has_choice = self._has_finish = False
        self.is_done = False
        self.failure: GatewayError | None = None

    def feed(self, data: bytes) -> list[Delta]:
        """Take the next bytes, cut anywhere. What an error event stands for is raised, or kept as `failure`."""
        return self._read(self._events.feed(data))

    def end(self) -> list[Delta]:
        """Say that the connection has ended well. ProviderError if the answer had not."""
        deltas = self._read(self._events.finish())
        if self.failure is not None:
            raise self.failure
        if not (self.is_done or self._has_finish):
            raise ProviderError("The provider's stream ended before the answer did.", code="truncated_stream")
        return deltas

    def _read(self, events: list[Event]) -> list[Delta]:
        """Read events up to a failure; deltas that came before it in the same piece are not lost with it."""
        deltas: list[Delta] = []
        try:
            for name, data in events:
                if self.is_done:
                    break
                if data == b"[DONE]":
                    self._finish()
                elif name == "error":
                    raise read_embedded_error(data)
                elif data:
                    deltas.append(self._delta(data))
        except GatewayError as error:
            if not deltas:
                raise
            self.failure = error
        return deltas

    def _finish(self) -> None:
        if not self._has_choice:
            raise ProviderError("The provider's stream holds no answer.", code="empty_answer")
        self.is_done = True

    def _delta(self, data: bytes) -> Delta:
        try:
            chunk = _decode(data)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ProviderError("The provider sent a broken chunk.", code="malformed_chunk") from error
        if (stated := bytes(chunk.error)) not in NO_ERROR:
            raise read_embedded_error(stated)
        usage = chunk.usage or (chunk.x_groq.usage if chunk.x_groq else None)
        native = NativeReply(WIRE, data)
        choice = _first_choice(chunk.choices) if chunk.choices else None
        if choice is None:
            return Delta(usage=read_usage(usage), model=chunk.model, id=chunk.id, native=native)
        self._has_choice = True
        if choice.finish_reason:
            self._has_finish = True
        delta = choice.delta or _NOTHING
        if usage is None and not choice.finish_reason and _is_plain(delta):
            return Delta(text=cast("str", delta.content), model=chunk.model, id=chunk.id, native=native)
        text, thinking = read_content(delta.content)
        return Delta(
            text=text,
            reasoning=delta.reasoning_content or delta.reasoning or thinking,
            refusal=delta.refusal or "",
            tool_calls=_read_calls(delta.tool_calls) if delta.tool_calls else (),
            finish=read_finish(choice.finish_reason),
            native_finish=choice.finish_reason or None,
            usage=read_usage(usage),
            model=chunk.model,
            id=chunk.id,
            native=native,
        )


def _first_choice(choices: list[_Choice]) -> _Choice | None:
    """Find the choice that is read; others of a request for several go to its client as they came."""
    if not choices[0].index:
        return choices[0]
    return next((choice for choice in choices if not choice.index), None)


def _is_plain(delta: _MessageDelta) -> bool:
    """Tell whether a delta holds text and nothing else, as most do: those are read in half the time."""
    return type(delta.content) is str and not (
        delta.tool_calls or delta.reasoning_content or delta.reasoning or delta.refusal
    )


def _read_calls(calls: list[_ToolCallDelta]) -> tuple[ToolCallDelta, ...]:
    read: list[ToolCallDelta] = []
    for place, call in enumerate(calls):
        function = call.function or _FunctionDelta()
        arguments = function.arguments
        if isinstance(arguments, dict):
            arguments = msgspec.json.encode(arguments).decode()
        index = place if call.index is None else call.index
        read.append(ToolCallDelta(index, call.id, function.name, arguments or ""))
    return tuple(read)
