"""OpenAI's chat completions as clients speak it: requests in, completions, event streams and errors out.

Source: OpenAI API reference, "Chat" and "Error codes" (read 2026-11). Fields that Frontdesk has no use for are kept
undecoded and reach a provider of the same format unchanged.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from frontdesk.gateway.errors import CallerError, GatewayError, Stated
from frontdesk.gateway.ingress.openai_messages import WireMessage, read_message
from frontdesk.gateway.messages import Delta, Native, Reply, Request, Tool, Usage

WIRE = "openai"

DONE = b"data: [DONE]\n\n"


LONGEST_MODEL_NAME = 300
MOST_CHOICES = 128
_TokenCount = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]


class _StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool | None = None


class _Function(msgspec.Struct, frozen=True):
    name: str
    description: str | None = None
    parameters: msgspec.Raw = msgspec.Raw()
    strict: bool | None = None


class _Tool(msgspec.Struct, frozen=True):
    type: str = "function"
    function: _Function | None = None


class _ChatRequest(msgspec.Struct, frozen=True):
    model: Annotated[str, msgspec.Meta(max_length=LONGEST_MODEL_NAME)]
    messages: list[WireMessage]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: _TokenCount | None = None
    max_completion_tokens: _TokenCount | None = None
    temperature: float | None = None
    top_p: float | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=MOST_CHOICES)] | None = None
    stop: str | list[str] | None = None
    tools: list[_Tool] | None = None
    tool_choice: msgspec.Raw = msgspec.Raw()
    response_format: msgspec.Raw = msgspec.Raw()
    reasoning_effort: str | None = None


_decode = msgspec.json.Decoder(_ChatRequest).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def parse(body: bytes) -> Request:
    """Read a request body. CallerError (400) that names the field when it is none."""
    try:
        chat = _decode(body)
        fields = _decode_fields(body)
    except msgspec.ValidationError as error:
        raise _invalid_field(error) from error
    except RecursionError as error:
        raise CallerError("The body is nested too deeply.", code="invalid_json") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CallerError(
            f"The body is not valid JSON: {error}. Send a JSON object with `model` and `messages`.",
            code="invalid_json",
        ) from error
    if not chat.messages:
        raise CallerError("`messages` is empty: send at least one message.", code="empty_array", param="messages")
    if not chat.model:
        raise CallerError("`model` is empty: name one from GET /v1/models.", code="invalid_value", param="model")
    return Request(
        model=chat.model,
        messages=tuple(read_message(message, place) for place, message in enumerate(chat.messages)),
        stream=bool(chat.stream),
        include_usage=bool(chat.stream_options and chat.stream_options.include_usage),
        max_tokens=max(filter(None, (chat.max_completion_tokens, chat.max_tokens)), default=None),
        temperature=chat.temperature,
        top_p=chat.top_p,
        stop=(chat.stop,) if isinstance(chat.stop, str) else tuple(chat.stop or ()),
        tools=tuple(
            Tool(function.name, function.description, _given(function.parameters), function.strict)
            for function in (tool.function for tool in chat.tools or ())
            if function is not None
        ),
        tool_choice=_given(chat.tool_choice),
        response_format=_given(chat.response_format),
        reasoning_effort=chat.reasoning_effort,
        choices=chat.n or 1,
        native=Native(WIRE, fields),
    )


def _given(value: msgspec.Raw) -> msgspec.Raw | None:
    return None if bytes(value) in (b"", b"null") else value


def render_reply(reply: Reply, created_s: int) -> bytes:
    """Write a completion: the provider's own bytes when it speaks this format."""
    if reply.native is not None and reply.native.wire == WIRE:
        return reply.native.body
    message: dict[str, object] = {"role": "assistant", "content": reply.text or None, "refusal": reply.refusal}
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    if reply.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in reply.tool_calls
        ]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finish or "stop"}
    return _encode(
        {
            "id": reply.id,
            "object": "chat.completion",
            "created": created_s,
            "model": reply.model,
            "choices": [choice],
            "usage": None if reply.usage is None else _usage(reply.usage),
        }
    )


class StreamRenderer:
    """Writes one event stream. Usage goes to the client only if it asked for it."""

    def __init__(self, request: Request, created_s: int) -> None:
        self._include_usage = request.include_usage
        self._created_s = created_s
        self._id = ""
        self._model = request.model
        self._has_role = False

    def render(self, deltas: Sequence[Delta]) -> bytes:
        """Write events for deltas; empty when they hold nothing for this client."""
        if len(deltas) == 1:
            return self._event(deltas[0])
        return b"".join([self._event(delta) for delta in deltas])

    def end(self) -> bytes:
        """Write the terminal event."""
        return DONE

    def _event(self, delta: Delta) -> bytes:
        if delta.native is None or delta.native.wire != WIRE:
            return self._from_neutral(delta)
        if delta.usage is None or self._include_usage:
            return _framed(delta.native.body)
        return _without_usage(delta.native.body)

    def _from_neutral(self, delta: Delta) -> bytes:
        self._id = delta.id or self._id
        self._model = delta.model or self._model
        events = b""
        if delta.has_content or delta.finish:
            events += self._chunk([{"index": 0, "delta": self._delta(delta), "finish_reason": delta.finish}], None)
        if delta.usage is not None and self._include_usage:
            events += self._chunk([], _usage(delta.usage))
        return events

    def _delta(self, delta: Delta) -> dict[str, object]:
        written: dict[str, object] = {} if self._has_role else {"role": "assistant"}
        self._has_role = True
        if delta.text:
            written["content"] = delta.text
        if delta.reasoning:
            written["reasoning_content"] = delta.reasoning
        if delta.refusal:
            written["refusal"] = delta.refusal
        if delta.tool_calls:
            written["tool_calls"] = [
                {
                    "index": call.index,
                    **({"id": call.id, "type": "function"} if call.id else {}),
                    "function": {**({"name": call.name} if call.name else {}), "arguments": call.arguments},
                }
                for call in delta.tool_calls
            ]
        return written

    def _chunk(self, choices: list[dict[str, object]], usage: dict[str, object] | None) -> bytes:
        chunk: dict[str, object] = {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created_s,
            "model": self._model,
            "choices": choices,
        }
        if usage is not None:
            chunk["usage"] = usage
        return b"data: " + _encode(chunk) + b"\n\n"


def render_error(error: GatewayError) -> bytes:
    """Write an error object as OpenAI does: message, type, param and code."""
    stated = error.stated or Stated(error.kind, error.code)
    fields = {"message": error.public_message, "type": stated.kind, "param": error.param, "code": stated.code}
    return _encode({"error": fields})


def render_error_event(error: GatewayError) -> bytes:
    """Write the event that ends a broken stream. No `[DONE]` follows: the answer is not whole."""
    return b"data: " + render_error(error) + b"\n\n"


def _framed(data: bytes) -> bytes:
    """Frame an event's data, which may have come on several lines."""
    if b"\n" in data:
        data = data.replace(b"\n", b"\ndata: ")
    return b"data: " + data + b"\n\n"


def _without_usage(body: bytes) -> bytes:
    """Take the usage that the client did not ask for out of a chunk; a chunk of nothing else is not sent."""
    fields = _decode_fields(body)
    fields.pop("usage", None)
    if bytes(fields.get("choices", msgspec.Raw(b"[]"))) == b"[]":
        return b""
    return b"data: " + _encode(fields) + b"\n\n"


def _usage(usage: Usage) -> dict[str, object]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _invalid_field(error: msgspec.ValidationError) -> CallerError:
    """Turn msgspec's "… - at `$.messages[0].role`" into OpenAI's `param`."""
    message, _, place = str(error).partition(" - at `$.")
    param = place.rstrip("`") or None
    if param is None and message.startswith("Object missing required field `"):
        param = message.split("`")[1]
        return CallerError(f"Missing required parameter: '{param}'.", code="missing_required_parameter", param=param)
    where = f" for '{param}'" if param else ""
    return CallerError(f"Invalid value{where}: {message}.", code="invalid_type", param=param)
