"""Reads the messages of OpenAI's chat format into neutral ones."""

import msgspec

from frontdesk.gateway.errors import CallerError
from frontdesk.gateway.messages import ImagePart, Message, OpaquePart, Part, Role, TextPart, ToolCall

_WIRE = "openai"
_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


class _Function(msgspec.Struct, frozen=True):
    name: str = ""
    arguments: str = ""


class _ToolCall(msgspec.Struct, frozen=True):
    id: str = ""
    function: _Function | None = None


class WireMessage(msgspec.Struct, frozen=True):
    """A message as the client wrote it; parts are undecoded."""

    role: str
    content: str | list[msgspec.Raw] | None = None
    name: str | None = None
    tool_call_id: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _ImageUrl(msgspec.Struct, frozen=True):
    url: str
    detail: str | None = None


class _Part(msgspec.Struct, frozen=True):
    type: str
    text: str | None = None
    image_url: _ImageUrl | str | None = None


_decode_part = msgspec.json.Decoder(_Part).decode


def read_message(message: WireMessage, place: int) -> Message:
    """Read the message at `place`. CallerError (400) that names it when its role or a part is wrong."""
    role = _ROLES.get(message.role)
    if role is None:
        raise CallerError(
            f"Invalid value: '{message.role[:50]}'. Supported values are: {', '.join(map(repr, _ROLES))}.",
            code="invalid_value",
            param=f"messages[{place}].role",
        )
    content = message.content
    return Message(
        role=role,
        content=content or "" if isinstance(content, str | None) else tuple(_part(raw, place) for raw in content),
        tool_calls=tuple(
            ToolCall(call.id, call.function.name, call.function.arguments)
            for call in message.tool_calls or ()
            if call.function is not None
        ),
        tool_call_id=message.tool_call_id,
        name=message.name,
    )


def _part(raw: msgspec.Raw, place: int) -> Part:
    try:
        part = _decode_part(raw)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise CallerError(
            f"Invalid content part: {error}. A part is an object with a `type`, such as "
            '{"type": "text", "text": "…"}.',
            code="invalid_value",
            param=f"messages[{place}].content",
        ) from error
    if part.type == "text" and part.text is not None:
        return TextPart(part.text)
    if part.type == "image_url" and part.image_url is not None:
        image = part.image_url
        return ImagePart(image) if isinstance(image, str) else ImagePart(image.url, image.detail)
    return OpaquePart(_WIRE, raw.copy())
