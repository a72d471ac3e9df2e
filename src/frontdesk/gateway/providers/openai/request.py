"""Writes chat completion requests: the client's own fields where it spoke this format, else from the neutral ones."""

import msgspec

from frontdesk.gateway.errors import CallerError
from frontdesk.gateway.messages import ImagePart, Message, OpaquePart, Part, Request, TextPart, Tool
from frontdesk.gateway.providers.contract import UpstreamRequest
from frontdesk.gateway.snapshot import Target

WIRE = "openai"

QUIRK_NO_STREAM_OPTIONS = "no_stream_options"
"""The server refuses `stream_options`, so its streams may come without usage."""
QUIRK_MAX_COMPLETION_TOKENS = "max_completion_tokens"
"""The server's newer models refuse `max_tokens` and want `max_completion_tokens`."""

_encode = msgspec.json.Encoder().encode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def build_request(request: Request, target: Target, key: str) -> UpstreamRequest:
    """Write the request for `target`. CallerError if a message has parts that this format cannot carry."""
    provider, credential = target.provider, target.credential
    body: dict[str, object]
    if request.native is not None and request.native.wire == WIRE:
        body = dict(request.native.fields)
        if request.is_capped:
            _cap(body, request.max_tokens, provider.quirks)
    else:
        body = _body(request, provider.quirks)
    body["model"] = target.model.name
    if request.stream:
        _ask_for_usage(body, provider.quirks)
    headers = {"content-type": "application/json"}
    if key:
        headers["authorization"] = f"Bearer {key}"
    if credential is not None and credential.organization:
        headers["openai-organization"] = credential.organization
    base_url = (credential.base_url if credential else "") or provider.base_url
    return UpstreamRequest(f"{base_url.rstrip('/')}/chat/completions", headers, _encode(body))


def _ask_for_usage(body: dict[str, object], quirks: frozenset[str]) -> None:
    """Always ask for the usage of a stream: without it the call could only be booked by estimate."""
    body["stream"] = True
    if QUIRK_NO_STREAM_OPTIONS in quirks:
        body.pop("stream_options", None)
        return
    given = body.get("stream_options")
    options = _decode_object(given) if isinstance(given, msgspec.Raw) and bytes(given) != b"null" else {}
    body["stream_options"] = {**options, "include_usage": True}


def _cap(body: dict[str, object], max_tokens: int | None, quirks: frozenset[str]) -> None:
    """Put our own bound on the answer where the client's is, or would be."""
    names = {"max_completion_tokens", "max_tokens"} & body.keys() or {_max_tokens_name(quirks)}
    body.update(dict.fromkeys(names, max_tokens))


def _max_tokens_name(quirks: frozenset[str]) -> str:
    return "max_completion_tokens" if QUIRK_MAX_COMPLETION_TOKENS in quirks else "max_tokens"


def _body(request: Request, quirks: frozenset[str]) -> dict[str, object]:
    body: dict[str, object] = {"messages": [_message(message) for message in request.messages]}
    given = {
        _max_tokens_name(quirks): request.max_tokens,
        "n": request.choices if request.choices > 1 else None,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": request.stop or None,
        "tools": [_tool(tool) for tool in request.tools] or None,
        "tool_choice": request.tool_choice,
        "response_format": request.response_format,
        "reasoning_effort": request.reasoning_effort,
    }
    body.update((name, value) for name, value in given.items() if value is not None)
    return body


def _message(message: Message) -> dict[str, object]:
    written: dict[str, object] = {"role": message.role}
    if isinstance(message.content, str):
        written["content"] = message.content if message.content or not message.tool_calls else None
    else:
        written["content"] = [_part(part) for part in message.content]
    if message.name is not None:
        written["name"] = message.name
    if message.tool_call_id is not None:
        written["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        written["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    return written


def _part(part: Part) -> object:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ImagePart():
            image = {"url": part.url} if part.detail is None else {"url": part.url, "detail": part.detail}
            return {"type": "image_url", "image_url": image}
        case OpaquePart():
            if part.wire != WIRE:
                raise CallerError(
                    "A message has a part (a file or audio) that the chosen model's provider does not take.",
                    code="unsupported_content",
                    param="messages",
                )
            return part.raw


def _tool(tool: Tool) -> dict[str, object]:
    function: dict[str, object] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}
