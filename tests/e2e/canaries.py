"""What the canary test is made of: secrets that can be told apart, everything that was seen, and the search."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import http.server
import json
import secrets
import sqlite3
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql


@dataclasses.dataclass(frozen=True)
class Hit:
    """A secret that was found where it must not be."""

    secret: str
    """Its name, never itself."""
    surface: str
    form: str


def canary(name: str) -> str:
    """Make a secret that nothing else looks like."""
    return f"sk-canary-{name}-{secrets.token_hex(12)}"


def forms(secret: str) -> dict[str, bytes]:
    """Give the shapes in which a secret may leak."""
    raw = secret.encode()
    return {
        "plain": raw,
        "base64": base64.b64encode(raw).rstrip(b"="),
        "url-safe base64": base64.urlsafe_b64encode(raw).rstrip(b"="),
        "hex": raw.hex().encode(),
        "percent-encoded": urllib.parse.quote(secret, safe="").encode(),
        "JSON": json.dumps(secret)[1:-1].encode(),
    }


class Surfaces:
    """Everything that somebody could have seen, by name, and which secrets were rightly shown there."""

    def __init__(self) -> None:
        self.seen: dict[str, bytes] = {}
        self._allowed: dict[str, frozenset[str]] = {}

    def add(self, name: str, content: bytes | str, *, may_show: frozenset[str] = frozenset()) -> None:
        """Keep what was seen. `may_show` names the secrets that this place exists to hand out."""
        raw = content.encode() if isinstance(content, str) else content
        unique = name if name not in self.seen else f"{name} #{len(self.seen)}"
        self.seen[unique] = raw
        self._allowed[unique] = may_show

    def search(self, wanted: Mapping[str, str]) -> list[Hit]:
        """Find every secret in every shape."""
        shapes = [(name, form, shape) for name, secret in wanted.items() for form, shape in forms(secret).items()]
        return [
            Hit(name, surface, form)
            for surface, content in self.seen.items()
            for name, form, shape in shapes
            if name not in self._allowed[surface] and shape in content
        ]


class QuotingProvider:
    """A provider that quotes the key of the request in whatever it answers; the model names the way."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        """The keys that arrived: proof that the canaries were really used."""
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def stop(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        keys = self.keys

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
                key = self.headers["authorization"].removeprefix("Bearer ")
                keys.add(key)
                status, kind, body = _answer(asked["model"], key)
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.send_header("x-quoted-key", key)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        return Handler


WAYS = ("error-400", "error-401", "error-403", "error-429", "error-500", "html", "garbage", "error-in-200", "stream")


def _answer(model: str, key: str) -> tuple[int, str, bytes]:
    quoted = f"Incorrect API key provided: {key}. Authorization: Bearer {key}"
    error = {"error": {"message": quoted, "type": key, "code": key, "param": key}}
    if model.startswith("error-") and model != "error-in-200":
        return int(model.removeprefix("error-")), "application/json", json.dumps(error).encode()
    if model == "html":
        return 200, "text/html", f"<html>{quoted}</html>".encode()
    if model == "garbage":
        return 200, "application/json", f'{{"{quoted}'.encode()
    if model == "stream":
        return 200, "text/event-stream", f"data: {json.dumps(error)}\n\n".encode()
    return 200, "application/json", json.dumps(error).encode()


class Session:
    """An HTTP client that keeps everything it sees; cookies like a browser's, redirects followed."""

    def __init__(self, address: str, surfaces: Surfaces) -> None:
        self._address = address
        self._surfaces = surfaces
        self.cookies = CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies)
        )

    def ask(
        self,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        may_show: frozenset[str] = frozenset(),
    ) -> tuple[int, str]:
        """Send a request (a mapping goes as a form, other bodies as JSON), keep the answer and give it."""
        content, kind = self._encoded(body)
        sent = {"referer": self._address, **({"content-type": kind} if kind else {}), **(headers or {})}
        request = urllib.request.Request(f"{self._address}{path}", data=content, headers=sent)
        try:
            with self._opener.open(request, timeout=30) as response:
                status, head, text = response.status, str(response.headers), response.read()
        except urllib.error.HTTPError as error:
            status, head, text = error.code, str(error.headers), error.read()
        self._surfaces.add(f"{'POST' if content else 'GET'} {path} {status}", head.encode() + text, may_show=may_show)
        return status, text.decode(errors="replace")

    def submit(self, path: str, form: Mapping[str, Any], **more: Any) -> tuple[int, str]:
        """Send a form of the console."""
        token = next((cookie.value for cookie in self.cookies if cookie.name == "csrftoken"), "") or ""
        return self.ask(path, {**form, "csrfmiddlewaretoken": token}, **more)

    @staticmethod
    def _encoded(body: Any) -> tuple[bytes | None, str]:
        if body is None:
            return None, ""
        if isinstance(body, dict) and "csrfmiddlewaretoken" in body:
            return urllib.parse.urlencode(body, doseq=True).encode(), "application/x-www-form-urlencoded"
        return (body if isinstance(body, bytes) else json.dumps(body).encode()), "application/json"


def execute(database_url: str, statements: Iterable[str]) -> None:
    """Run SQL, past Frontdesk."""
    if database_url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(_path(database_url), timeout=20)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()
        return
    with psycopg.connect(database_url) as server:
        for statement in statements:
            server.execute(statement.encode())


def _path(database_url: str) -> Path:
    return Path(urllib.parse.urlsplit(database_url).path.removeprefix("/"))


def dump(database_url: str) -> Iterator[tuple[str, bytes]]:
    """Give everything that a database holds, table by table."""
    if database_url.startswith("sqlite"):
        path = _path(database_url)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            yield "database dump", "\n".join(connection.iterdump()).encode()
        yield from ((f"file {file.name}", file.read_bytes()) for file in sorted(path.parent.glob(f"{path.name}*")))
        return
    with psycopg.connect(database_url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        for (table,) in tables.fetchall():
            copy = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
            with connection.cursor().copy(copy) as rows:
                yield f"table {table}", b"".join(bytes(row) for row in rows)
