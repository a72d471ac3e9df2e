"""Token estimates for what no provider has counted: calls that were cut, and reservations.

Four characters a token is OpenAI's own rule of thumb for English (help centre, "What are tokens and how to count
them?", read 2026-11). Scripts beyond ASCII take more: a token for each three bytes of UTF-8, which is one a character
of Chinese and two for three of Cyrillic. A bill never uses these figures when the provider gave its own.
"""

from collections.abc import Sequence

import msgspec

from frontdesk.gateway.messages import ImagePart, Message, OpaquePart, Request

CHARACTERS_PER_TOKEN = 4
BYTES_PER_TOKEN = 3
"""Of texts that are not all ASCII."""
TOKENS_PER_MESSAGE = 4
"""Role and separators around each message."""
TOKENS_PER_IMAGE = 765
"""A 1024 × 1024 picture at high detail, by OpenAI's tile formula (170 × 4 + 85)."""


def of_text(text: str) -> int:
    """Estimate the tokens of a text; 0 for an empty one."""
    if text.isascii():
        return of_characters(len(text))
    return (len(text.encode("utf-8", "replace")) + BYTES_PER_TOKEN - 1) // BYTES_PER_TOKEN


def of_characters(count: int) -> int:
    """Estimate the tokens of a text of `count` characters."""
    return (count + CHARACTERS_PER_TOKEN - 1) // CHARACTERS_PER_TOKEN


def of_request(request: Request) -> int:
    """Estimate the input tokens of a request: its messages, and what else of it the model reads."""
    total = of_messages(request.messages)
    for tool in request.tools:
        total += of_text(tool.name) + of_text(tool.description or "") + _of_json(tool.parameters)
    return total + _of_json(request.response_format)


def of_messages(messages: Sequence[Message]) -> int:
    """Estimate the input tokens of a conversation."""
    total = 0
    for message in messages:
        content = message.content
        if isinstance(content, str):
            total += of_text(content)
        else:
            total += of_text(message.text)
            total += TOKENS_PER_IMAGE * sum(isinstance(part, ImagePart) for part in content)
            total += sum(_of_json(part.raw) for part in content if isinstance(part, OpaquePart))
        for call in message.tool_calls:
            total += of_text(call.arguments)
    return total + TOKENS_PER_MESSAGE * len(messages)


def _of_json(raw: msgspec.Raw | None) -> int:
    return 0 if raw is None else of_characters(len(memoryview(raw)))
