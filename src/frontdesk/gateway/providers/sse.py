"""Server-sent events from bytes that arrive cut anywhere (WHATWG HTML, section 9.2.6, read 2026-11)."""

from frontdesk.gateway.errors import ProviderError
from frontdesk.gateway.providers.contract import BODY_LIMIT_BYTES

Event = tuple[str, bytes]
"""An event's name ("" when it has none) and its data lines joined by line feeds."""


class EventParser:
    """Turns pieces of a stream into events; comments and fields other than `event` and `data` are passed over."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_start = True
        self._name = ""
        self._data: list[bytes] = []
        self._data_bytes = 0

    def feed(self, piece: bytes) -> list[Event]:
        """Give the events that this piece completes. ProviderError if one grows over the limit."""
        if piece[:6] == b"data: " and self._is_between_events() and (plain := _plain_events(piece)):
            return plain
        text = self._rest + piece if self._rest else piece
        if self._is_start:
            if len(text) < 3 and b"\xef\xbb\xbf".startswith(text):
                self._rest = text
                return []
            text = text.removeprefix(b"\xef\xbb\xbf")
            self._is_start = False
        held = b""
        if b"\r" in text:
            if text.endswith(b"\r"):  # the line feed that belongs to it may be in the next piece
                text, held = text[:-1], b"\r"
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, last = text.split(b"\n")
        self._rest = last + held
        events: list[Event] = []
        for line in lines:
            self._line(line, events)
        if len(self._rest) + self._data_bytes > BODY_LIMIT_BYTES:
            raise ProviderError("The provider sent an event over 10 MB.", code="event_too_large")
        return events

    def finish(self) -> list[Event]:
        """Give the event that the stream's end leaves complete but for its blank line."""
        events: list[Event] = []
        if self._rest:
            rest, self._rest = self._rest, b""
            self._line(rest.rstrip(b"\r"), events)
        self._line(b"", events)
        return events

    def _is_between_events(self) -> bool:
        return not (self._rest or self._data or self._name or self._is_start)

    def _line(self, line: bytes, events: list[Event]) -> None:
        if not line:
            if self._data:
                data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                events.append((self._name, data))
            if self._data or self._name:
                self._data, self._data_bytes, self._name = [], 0, ""
        elif line.startswith(b"data:"):
            value = line[6:] if line[5:6] == b" " else line[5:]
            self._data.append(value)
            self._data_bytes += len(value)
        elif line.startswith(b"event:"):
            self._name = line[6:].strip().decode("utf-8", "replace")


def _plain_events(piece: bytes) -> list[Event]:
    """Read a piece of whole events of one line each, as most pieces are: those need no parsing. Empty for others."""
    if piece[-2:] != b"\n\n" or b"\r" in piece:
        return []
    events = []
    for block in piece[:-2].split(b"\n\n"):
        if block[:6] != b"data: " or b"\n" in block:
            return []
        events.append(("", block[6:]))
    return events
