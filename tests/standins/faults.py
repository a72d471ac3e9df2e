"""What can go wrong at a provider, each under a name: `name:key=value,key=value`.

| name | what happens | parameters |
|---|---|---|
| `status` | an error status in OpenAI's shape | `code` (429), `retry_after` (seconds) |
| `html` | an HTML page with status 200 | `code` |
| `error-in-200` | an error object with status 200 | |
| `empty` | an empty body with status 200 | |
| `bad-json` | a body that is not JSON | |
| `not-chat` | valid JSON that is no chat completion | |
| `short-body` | fewer bytes than Content-Length says, then the connection closes | |
| `reset-early` | the connection is reset before any answer | |
| `close-early` | the connection is closed before any answer | |
| `hang` | no answer ever | |
| `slow-first-byte` | the head comes late | `seconds` (1) |
| `slow-loris` | the right JSON body, one byte at a time | `delay_ms` (20) |
| `big-body` | a large body | `megabytes` (64) |
| `gzip` | the right answer, compressed | |
| `gzip-bomb` | a small compressed body that grows | `megabytes` (200) |
| `redirect` | 307 to another address | `to` |
| `json-for-sse` | a stream was asked for, a JSON body comes | |
| `empty-stream` | a stream without any event | |
| `stall` | the stream stops after N tokens and stays open | `at` (0) |
| `cut` | the stream is cut in the middle of a chunk | `at` (0) |
| `reset` | the stream's connection is reset | `at` (0) |
| `clean-end` | the stream ends in an orderly way, without its terminal events | `at` (0) |
| `error-event` | an error object comes as an event | `at` (0) |
| `broken-event` | an event that is not JSON | `at` (0) |
| `broken-chunk` | the chunked framing is broken | `at` (0) |
| `crlf` | SSE lines end with CR LF | |
| `comments` | SSE comments between the events | |
| `split` | bytes cut at random places | `seed` (1) |
| `slow` | a long, slow stream | `chunks` (100), `delay_ms` (10) |
| `no-usage` | never any usage | |
| `usage-beside` | usage beside the last choice instead of alone | |
| `no-done` | a finish reason but no `[DONE]` | |
| `no-stream-options` | refuses `stream_options` with 400 | |

The faults with `at` wait `gap_ms` (20) after the last token; 0 lets the fault arrive together with it.
"""

import dataclasses
import functools
import gzip
import struct
import zlib

NAMES = frozenset(line.split("`")[1] for line in (__doc__ or "").splitlines() if line.startswith("| `"))

_STATUS_ERRORS: dict[int, tuple[str, str, str | None]] = {
    400: ("The request is not valid.", "invalid_request_error", None),
    401: ("Incorrect API key provided: sk-****.", "invalid_request_error", "invalid_api_key"),
    403: (
        "Country, region, or territory not supported",
        "request_forbidden",
        "unsupported_country_region_territory",
    ),
    404: (
        "The model `none` does not exist or you do not have access to it.",
        "invalid_request_error",
        "model_not_found",
    ),
    429: ("Rate limit reached for requests per minute.", "requests", "rate_limit_exceeded"),
    500: ("The server had an error while processing your request. Sorry about that!", "server_error", None),
    502: ("Bad gateway.", "server_error", None),
    503: ("The engine is currently overloaded, please try again later", "server_error", None),
    529: ("Overloaded", "overloaded_error", None),
}


@dataclasses.dataclass(frozen=True)
class Fault:
    """A named misbehaviour with its parameters."""

    name: str
    parameters: dict[str, str] = dataclasses.field(default_factory=dict)

    def number(self, name: str, default: float) -> float:
        """Read a numeric parameter."""
        return float(self.parameters.get(name, default))

    def integer(self, name: str, default: int) -> int:
        """Read a whole-number parameter."""
        return int(self.parameters.get(name, default))


def parse(text: str) -> Fault:
    """Read `name:key=value,key=value`. ValueError for an unknown name: a typo must not pass."""
    name, _, rest = text.partition(":")
    if name not in NAMES:
        raise ValueError(f"no fault is called {name!r}; known: {', '.join(sorted(NAMES))}")
    pairs = (pair.split("=", 1) for pair in rest.split(",") if pair)
    return Fault(name, dict(pairs))


def status_error(code: int) -> tuple[str, str, str | None]:
    """Give the message, type and code that OpenAI documents for a status."""
    return _STATUS_ERRORS.get(code, ("Something went wrong.", "server_error", None))


@functools.cache
def gzip_bomb(megabytes: int) -> bytes:
    """Compress a JSON string of that many megabytes of spaces, quickly and in little memory.

    After a full flush a compressor knows nothing of what came before, so one compressed megabyte can be repeated.
    """
    start, blank, end = b'{"id":"', b" " * (1024 * 1024), b'"}'
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    head = compressor.compress(start) + compressor.flush(zlib.Z_FULL_FLUSH)
    block = compressor.compress(blank) + compressor.flush(zlib.Z_FULL_FLUSH)
    tail = compressor.compress(end) + compressor.flush()
    check = zlib.crc32(start)
    for _ in range(megabytes):
        check = zlib.crc32(blank, check)
    size = len(start) + megabytes * len(blank) + len(end)
    header = b"\x1f\x8b\x08" + bytes(7)
    return header + head + block * megabytes + tail + struct.pack("<II", zlib.crc32(end, check), size & 0xFFFFFFFF)


def gzipped(body: bytes) -> bytes:
    """Compress a body."""
    return gzip.compress(body, mtime=0)
