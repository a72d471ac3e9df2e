"""The OpenAI chat wire format, spoken by OpenAI and everything compatible with it. Pure: bytes in, values out.

Source: OpenAI API reference, "Chat" (read 2026-11), and recorded exchanges with the compatible servers.
"""

from frontdesk.gateway.providers.openai.errors import read_error
from frontdesk.gateway.providers.openai.reply import read_reply
from frontdesk.gateway.providers.openai.request import WIRE, build_request
from frontdesk.gateway.providers.openai.stream import StreamReader


def open_stream() -> StreamReader:
    """Start reading a streamed answer."""
    return StreamReader()


__all__ = ["WIRE", "StreamReader", "build_request", "open_stream", "read_error", "read_reply"]
