"""What a wire format must offer, and what it may ask of the HTTP client. Mappings are pure: bytes in, values out."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from frontdesk.gateway.errors import GatewayError
from frontdesk.gateway.messages import Delta, Reply, Request
from frontdesk.gateway.snapshot import Target

BODY_LIMIT_BYTES = 10 * 1024 * 1024
"""The largest body taken from a provider, after decompression, and the largest event of a stream."""


class UpstreamRequest(msgspec.Struct, frozen=True):
    """An HTTP request to a provider."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"


class Deadlines(msgspec.Struct, frozen=True):
    """How long each phase of an exchange may take, in seconds."""

    connect_s: float = 5.0
    first_byte_s: float = 30.0
    """From the request to the response's header; for an answer in one piece that is the whole generation."""
    idle_s: float = 30.0
    """Between two pieces of the body."""
    total_s: float = 300.0


class StreamReader(Protocol):
    """Reads one streamed answer."""

    @property
    def is_done(self) -> bool:
        """Tell whether the provider's terminal event has come; what follows it is not read."""
        ...

    @property
    def failure(self) -> GatewayError | None:
        """What ended the answer although the last `feed` gave deltas: raise it once they are passed on."""
        ...

    def feed(self, data: bytes) -> Sequence[Delta]:
        """Take the next bytes, cut anywhere. Raises the GatewayError that an error event stands for, if no delta
        came before it; else keeps it as `failure`.
        """
        ...

    def end(self) -> Sequence[Delta]:
        """Say that the connection has ended well. ProviderError if the answer had not."""
        ...


class Wire(Protocol):
    """A wire format: how a request is written and an answer read."""

    def build_request(self, request: Request, target: Target, key: str) -> UpstreamRequest:
        """Write the request. CallerError if this format cannot express it."""
        ...

    def read_reply(self, body: bytes) -> Reply:
        """Read a whole answer. ProviderError if it is none; the error it stands for if it is an error in a 200."""
        ...

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
        """Class a refusal, by status first, the body's code second, its message last."""
        ...

    def open_stream(self) -> StreamReader:
        """Start reading a streamed answer."""
        ...
