"""Reads message content in the shapes seen: text, null, or a list of parts (Mistral's thinking parts among them)."""

import msgspec


class _ThinkingText(msgspec.Struct, frozen=True):
    text: str = ""


class _ContentPart(msgspec.Struct, frozen=True):
    type: str = ""
    text: str | None = None
    thinking: list[_ThinkingText] | str | None = None


Content = str | list[_ContentPart] | None


def read_content(content: Content) -> tuple[str, str]:
    """Give the text and the reasoning that the content holds."""
    if content is None or isinstance(content, str):
        return content or "", ""
    text, reasoning = "", ""
    for part in content:
        text += part.text or ""
        if isinstance(part.thinking, str):
            reasoning += part.thinking
        elif part.thinking:
            reasoning += "".join(piece.text for piece in part.thinking)
    return text, reasoning
