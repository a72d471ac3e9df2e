"""A loopback server that speaks the widget's contract from a script: no application, no database, no model."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "src/frontdesk/channels/static/frontdesk/widget.js"
KEY = "wk_" + "a" * 24
PATH = f"/api/chat-widget/public/widget/{KEY}"
STRICT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "require-trusted-types-for 'script'"
)
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>A shop</title><link rel="stylesheet" href="/page.css"><h1>A shop</h1><p><a id="before" href="#x">A link</a></p>
<script src="/widget.js" data-widget-key="{key}" async></script>"""
PAGE_STYLE = "body { margin: 40px; } button { background: red !important; } * { letter-spacing: 3px; }"


@dataclass
class Answer:
    """A streamed reply. With `gate` the stream stops before its last piece until the gate is opened."""

    pieces: list[str]
    source: dict[str, Any] = field(default_factory=lambda: {"kind": "model"})
    notice: str = ""
    suggestions: list[str] = field(default_factory=list)
    gate: threading.Event | None = None
    is_cut: bool = False
    bytes_per_write: int = 0
    error: dict[str, str] | None = None


@dataclass
class Refusal:
    """An answer of an HTTP error."""

    status: int
    code: str
    message: str = "Public words."
    retry_after_s: int | None = None


class StandIn(ThreadingHTTPServer):
    """The server; `script` holds what to answer to the next messages, `received` what came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: list[Answer | Refusal] = []
        self.received: list[dict[str, Any]] = []
        self.policy = STRICT_POLICY
        self.page = PAGE.format(key=KEY)
        self.config_status = 200
        self.config: dict[str, Any] = {
            "title": "Bloom & Bean",
            "subtitle": "Flowers, coffee and answers",
            "greeting": "Hello! Ask me about **opening hours**, delivery or our coffee.",
            "accent_color": "#2f5d50",
            "position": "right",
            "locale": "en",
            "placeholder": "",
            "ai_notice": None,
        }

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: StandIn

    def log_message(self, *values: object) -> None:
        """Be quiet."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/":
            headers = {"Content-Security-Policy": self.server.policy} if self.server.policy else {}
            self._send(200, "text/html; charset=utf-8", self.server.page.encode(), headers)
        elif path == "/widget.js":
            self._send(200, "text/javascript; charset=utf-8", SCRIPT.read_bytes())
        elif path == "/favicon.ico":
            self._send(204, "image/x-icon", b"")
        elif path == "/page.css":
            self._send(200, "text/css", PAGE_STYLE.encode())
        elif path == f"{PATH}/config" and self.server.config_status == 200:
            self._send_json(200, self.server.config)
        elif path == f"{PATH}/config":
            self._send_json(self.server.config_status, {"error": {"code": "widget_not_found", "message": "No widget."}})
        else:
            self._send(404, "text/plain", b"")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.received.append(body)
        step = self.server.script.pop(0)
        if isinstance(step, Refusal):
            headers = {} if step.retry_after_s is None else {"Retry-After": str(step.retry_after_s)}
            self._send_json(step.status, {"error": {"code": step.code, "message": step.message}}, headers)
        else:
            self._stream(step, len(self.server.received))

    def _stream(self, answer: Answer, number: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.end_headers()
        names = {"conversation_id": 7, "message_id": number, "visitor_token": "token"}
        self._event(answer, "start", {**names, "timestamp": "2030-01-01T00:00:00+00:00"})
        self._write(answer, b": the model thinks\r\n\r\n")
        for at, piece in enumerate(answer.pieces):
            if answer.gate and at == len(answer.pieces) - 1:
                answer.gate.wait(10)
            self._event(answer, "delta", {"text": piece})
        if answer.is_cut:
            return
        if answer.error:
            self._event(answer, "error", {"error": answer.error})
            return
        reply = {
            **names,
            "response": "".join(answer.pieces),
            "confidence": 0.9,
            "suggestions": answer.suggestions,
            "timestamp": "2030-01-01T00:00:00+00:00",
            "feedback_token": "f",
            "source": answer.source,
        }
        self._event(answer, "message", {**reply, "notice": answer.notice} if answer.notice else reply)

    def _event(self, answer: Answer, name: str, data: dict[str, Any]) -> None:
        text = f"event: {name}\nid: 1\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
        self._write(answer, text.encode())

    def _write(self, answer: Answer, data: bytes) -> None:
        size = answer.bytes_per_write or len(data)
        for at in range(0, len(data), size):
            self.wfile.write(data[at : at + size])
            self.wfile.flush()

    def _send_json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        self._send(status, "application/json", json.dumps(value).encode(), headers)

    def _send(self, status: int, kind: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """A stand-in that serves while the test runs."""
    server = StandIn()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join(5)
    server.server_close()
