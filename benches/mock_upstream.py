"""A mock provider that answers at once and costs next to nothing, so that it is never what is measured.

A request with `"stream":true` gets `CHUNKS` events, one each `INTERVAL_S`; any other a completion of 400 bytes.
`python -m benches.mock_upstream` prints its base URL and serves until it is ended.
"""

import asyncio
import json
import re
import sys
from typing import cast

import uvloop

CHUNKS = 100
INTERVAL_S = 0.02

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_STREAM = re.compile(rb'"stream": *true')
_ID = "chatcmpl-BenchBenchBenchBench"
_USAGE = {
    "prompt_tokens": 32,
    "completion_tokens": 24,
    "total_tokens": 56,
    "prompt_tokens_details": {"cached_tokens": 0},
}


def _completion() -> bytes:
    message = {"role": "assistant", "content": "We are open from 9 to 17. " * 4, "refusal": None}
    body = json.dumps(
        {
            "id": _ID,
            "object": "chat.completion",
            "created": 1_760_000_000,
            "model": "gpt-4o-mini-2024-07-18",
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": _USAGE,
        }
    ).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def _event(delta: dict[str, str] | None, finish: str | None = None) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    chunk = {
        "id": _ID,
        "object": "chat.completion.chunk",
        "created": 1_760_000_000,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": choices,
    }
    if delta is None:
        chunk["usage"] = _USAGE
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def _chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


COMPLETION = _completion()
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM_CHUNK = _chunked(_event({"content": " word"}))
STREAM_END = _chunked(_event({}, "stop") + _event(None) + b"data: [DONE]\n\n") + b"0\r\n\r\n"


class Upstream(asyncio.Protocol):
    """One connection: finds the requests' ends and writes ready-made answers."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._chunks_left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop streaming."""
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._buffer, 0, end)
            total = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < total:
                return
            request, self._buffer = self._buffer[:total], self._buffer[total:]
            if _STREAM.search(request, end):
                self._transport.write(STREAM_HEAD)  # type: ignore[union-attr]  # connected
                self._chunks_left = CHUNKS
                self._next_chunk()
            else:
                self._transport.write(COMPLETION)  # type: ignore[union-attr]  # connected

    def _next_chunk(self) -> None:
        if self._transport is None:
            return
        if self._chunks_left == 0:
            self._transport.write(STREAM_END)
            return
        self._transport.write(STREAM_CHUNK)
        self._chunks_left -= 1
        asyncio.get_running_loop().call_later(INTERVAL_S, self._next_chunk)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0, backlog=2048)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve until ended."""
    try:
        uvloop.run(_serve())
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
