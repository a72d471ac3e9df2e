"""How each fault is played, beside the ordinary answers it deviates from; `faults` describes the names."""

import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

from tests.standins import faults
from tests.standins.answers import Answer
from tests.standins.faults import Fault
from tests.standins.loopback import Exchange, head

_JSON = [("content-type", "application/json")]
_SSE = [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")]
_HTML = b"<!doctype html><html><head><title>502</title></head><body><h1>Bad gateway</h1></body></html>"
_ERROR = {
    "error": {
        "message": "The server had an error while processing your request.",
        "type": "server_error",
        "code": None,
    }
}


class Progress(Protocol):
    """What is noted of a call while it is answered."""

    status: int
    pieces_sent: int
    stream: bool
    body: Any


async def behave(exchange: Exchange, call: Progress, answer: Answer) -> None:
    """Answer as documented: JSON, or SSE with a usage chunk when asked for."""
    call.status = 200
    if not call.stream:
        await exchange.respond(200, answer.whole(), [*_JSON, ("x-request-id", f"req_{answer.id}")])
        return
    await _open(exchange, answer)
    async for payload in _payloads(call, answer):
        await exchange.chunk(b"data: " + payload + b"\n\n")
    await exchange.end_chunked()


async def misbehave(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    """Play the fault."""
    call.status = 200
    play = _WHOLE.get(fault.name) or _STREAMED[fault.name]
    await play(exchange, call, fault, answer)


Play = Callable[[Exchange, Progress, Fault, Answer], Awaitable[None]]


async def _open(exchange: Exchange, answer: Answer) -> None:
    await exchange.start_chunked(200, [*_SSE, ("x-request-id", f"req_{answer.id}")])


async def _payloads(call: Progress, answer: Answer, *, usage: str = "asked", done: bool = True) -> AsyncIterator[bytes]:
    """Yield the payloads of a whole stream; `usage` is `asked`, `never` or `beside` the last choice."""
    yield answer.opening()
    for piece in answer.pieces():
        yield piece
        call.pieces_sent += 1
    yield answer.closing(usage=usage == "beside")
    if usage == "asked" and ((call.body or {}).get("stream_options") or {}).get("include_usage"):
        yield answer.usage_payload()
    if done:
        yield b"[DONE]"


# --- faults of the whole answer


async def _status(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    call.status = fault.integer("code", 429)
    message, kind, code = faults.status_error(call.status)
    headers = [*_JSON, ("x-request-id", f"req_{answer.id}")]
    if "retry_after" in fault.parameters:
        headers.append(("retry-after", fault.parameters["retry_after"]))
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    await exchange.respond(call.status, json.dumps(body).encode(), headers)


async def _html(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    call.status = fault.integer("code", 200)
    await exchange.respond(call.status, _HTML, [("content-type", "text/html; charset=utf-8")])


async def _error_in_200(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    await exchange.respond(200, json.dumps(_ERROR).encode(), _JSON)


async def _empty(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    await exchange.respond(200, b"", _JSON)


async def _bad_json(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    body = answer.whole()
    await exchange.respond(200, body[: len(body) // 2], _JSON)


async def _not_chat(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    await exchange.respond(200, b'{"status": "ok"}', _JSON)


async def _short_body(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    body = answer.whole()
    await exchange.send(head(200, [*_JSON, ("content-length", str(len(body) + 100))]) + body)
    exchange.close()


async def _reset_early(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    exchange.reset()


async def _close_early(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    exchange.close()


async def _hang(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    await exchange.until_client_leaves()


async def _slow_first_byte(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    await exchange.pause(fault.number("seconds", 1))
    await behave(exchange, call, answer)


async def _slow_loris(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    body = answer.whole()
    await exchange.send(head(200, [*_JSON, ("content-length", str(len(body)))]))
    for at in range(len(body)):
        await exchange.send(body[at : at + 1])
        call.pieces_sent += 1
        await exchange.pause(fault.number("delay_ms", 20) / 1000)


async def _big_body(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    size = fault.integer("megabytes", 64) * 1024 * 1024
    await exchange.start_chunked(200, _JSON)
    await exchange.chunk(b'{"id":"')
    filler = b" " * 65536
    for _ in range(size // len(filler)):
        await exchange.chunk(filler)
        call.pieces_sent += 1
    await exchange.chunk(b'"}')
    await exchange.end_chunked()


async def _gzip(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    await exchange.respond(200, faults.gzipped(answer.whole()), [*_JSON, ("content-encoding", "gzip")])


async def _gzip_bomb(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    bomb = faults.gzip_bomb(fault.integer("megabytes", 200))
    await exchange.respond(200, bomb, [*_JSON, ("content-encoding", "gzip")])


async def _redirect(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    call.status = 307
    target = fault.parameters.get("to", "http://127.0.0.1:9/elsewhere")
    await exchange.respond(307, b"", [("location", target)])


# --- faults of a stream


async def _json_for_sse(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    await exchange.respond(200, answer.whole(), _JSON)


async def _empty_stream(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    await _open(exchange, answer)
    await exchange.end_chunked()


async def _until(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    """Stream the opening and the first `at` tokens, then give them `gap_ms` to arrive on their own."""
    await _open(exchange, answer)
    await exchange.chunk(b"data: " + answer.opening() + b"\n\n")
    for piece in answer.pieces()[: fault.integer("at", 0)]:
        await exchange.chunk(b"data: " + piece + b"\n\n")
        call.pieces_sent += 1
    await exchange.pause(fault.number("gap_ms", 20) / 1000)


async def _stall(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    await _until(exchange, call, fault, answer)
    await exchange.until_client_leaves()


async def _cut(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    await _until(exchange, call, fault, answer)
    await exchange.send(b'400\r\ndata: {"id":"chatcmpl-')
    exchange.close()


async def _reset(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    await _until(exchange, call, fault, answer)
    exchange.reset()


async def _clean_end(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    await _until(exchange, call, fault, answer)
    await exchange.end_chunked()


async def _error_event(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    await _until(exchange, call, fault, answer)
    await exchange.chunk(b"data: " + json.dumps(_ERROR).encode() + b"\n\n")
    await exchange.end_chunked()


async def _broken_event(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    await _until(exchange, call, fault, answer)
    await exchange.chunk(b'data: {"id":"chatcmpl-1","choices":[{"delta":\n\n')
    await exchange.chunk(b"data: [DONE]\n\n")
    await exchange.end_chunked()


async def _broken_chunk(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    await _until(exchange, call, fault, answer)
    await exchange.send(b"zz\r\nthis is no chunk\r\n")
    exchange.close()


async def _framed(exchange: Exchange, call: Progress, answer: Answer, before: bytes, after: bytes) -> None:
    await _open(exchange, answer)
    async for payload in _payloads(call, answer):
        await exchange.chunk(before + payload + after)
    await exchange.end_chunked()


async def _crlf(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    await _framed(exchange, call, answer, b"data: ", b"\r\n\r\n")


async def _comments(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    await _framed(exchange, call, answer, b": still working\n\nevent: message\ndata:", b"\n\n: \n")


async def _split(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    exchange.cut_random = random.Random(fault.integer("seed", 1))
    await behave(exchange, call, answer)


async def _slow(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    answer.tokens = [f" token{number}" for number in range(fault.integer("chunks", 100))]
    await _open(exchange, answer)
    async for payload in _payloads(call, answer):
        await exchange.chunk(b"data: " + payload + b"\n\n")
        await exchange.pause(fault.number("delay_ms", 10) / 1000)
    await exchange.end_chunked()


async def _no_usage(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    if not call.stream:
        await exchange.respond(200, answer.whole(with_usage=False), _JSON)
        return
    await _odd(exchange, call, answer, usage="never")


async def _usage_beside(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    await _odd(exchange, call, answer, usage="beside")


async def _no_done(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    await _odd(exchange, call, answer, done=False)


async def _odd(exchange: Exchange, call: Progress, answer: Answer, *, usage: str = "asked", done: bool = True) -> None:
    await _open(exchange, answer)
    async for payload in _payloads(call, answer, usage=usage, done=done):
        await exchange.chunk(b"data: " + payload + b"\n\n")
    await exchange.end_chunked()


async def _no_stream_options(exchange: Exchange, call: Progress, fault: Fault, answer: Answer) -> None:
    if (call.body or {}).get("stream_options") is None:
        await behave(exchange, call, answer)
        return
    call.status = 400
    error = {
        "message": "Unrecognized request argument supplied: stream_options",
        "type": "invalid_request_error",
    }
    await exchange.respond(400, json.dumps({"error": {**error, "param": None, "code": None}}).encode(), _JSON)


_WHOLE: dict[str, Play] = {
    "status": _status,
    "html": _html,
    "error-in-200": _error_in_200,
    "empty": _empty,
    "bad-json": _bad_json,
    "not-chat": _not_chat,
    "short-body": _short_body,
    "reset-early": _reset_early,
    "close-early": _close_early,
    "hang": _hang,
    "slow-first-byte": _slow_first_byte,
    "slow-loris": _slow_loris,
    "big-body": _big_body,
    "gzip": _gzip,
    "gzip-bomb": _gzip_bomb,
    "redirect": _redirect,
}
_STREAMED: dict[str, Play] = {
    "json-for-sse": _json_for_sse,
    "empty-stream": _empty_stream,
    "stall": _stall,
    "cut": _cut,
    "reset": _reset,
    "clean-end": _clean_end,
    "error-event": _error_event,
    "broken-event": _broken_event,
    "broken-chunk": _broken_chunk,
    "crlf": _crlf,
    "comments": _comments,
    "split": _split,
    "slow": _slow,
    "no-usage": _no_usage,
    "usage-beside": _usage_beside,
    "no-done": _no_done,
    "no-stream-options": _no_stream_options,
}
