"""Text from outside made safe to store: no control characters, no half characters that no database takes. Pure."""

import re

_LINE_BREAKS = re.compile(r"\r\n?|[\u2028\u2029]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")


def plain(text: str) -> str:
    """Drop control characters but tabs and line breaks, replace lone surrogates, cut blanks off both ends."""
    text = _CONTROLS.sub("", _LINE_BREAKS.sub("\n", text))
    return _SURROGATES.sub("\ufffd", text).strip()


def has_content(text: str) -> bool:
    """Tell whether a reader would see anything (a text of zero-width characters shows nothing)."""
    return any(character.isprintable() and not character.isspace() for character in text)
