"""Token estimates for what no provider has counted: calls that were cut, and reservations.

Four characters a token is OpenAI's own rule of thumb for English (help centre, "What are tokens and how to count
them?", read 2026-11). Texts in other scripts need more; a bill never uses these figures when the provider gave its own.
"""

from collections.abc import Sequence

from frontdesk.gateway.messages import ImagePart, Message

CHARACTERS_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
"""Role and separators around each message."""
TOKENS_PER_IMAGE = 765
"""A 1024 × 1024 picture at high detail, by OpenAI's tile formula (170 × 4 + 85)."""


def of_text(text: str) -> int:
    """Estimate the tokens of a text; 0 for an empty one."""
    return of_characters(len(text))


def of_characters(count: int) -> int:
    """Estimate the tokens of a text of `count` characters."""
    return (count + CHARACTERS_PER_TOKEN - 1) // CHARACTERS_PER_TOKEN


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
        for call in message.tool_calls:
            total += of_text(call.arguments)
    return total + TOKENS_PER_MESSAGE * len(messages)
