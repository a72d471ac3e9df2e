"""The server on raw sockets: what is sent in parts, too much, too slowly or wrongly."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from tests.e2e.server import PROVIDER_KEY, Frontdesk, StandIn, serving

CHAT = "/v1/chat/completions"
GRACE_S = 30
MEGABYTE = 1024 * 1024


class Client:
    """One connection, read reply by reply."""

    def __init__(self, frontdesk: Frontdesk, receive_buffer_bytes: int | None = None) -> None:
        address = urlsplit(frontdesk.address)
        self.key = frontdesk.demo["gateway_key"]
        self.socket = socket.socket()
        if receive_buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.socket.settimeout(30)
        self.socket.connect((address.hostname, address.port))
        self._incoming = self.socket.makefile("rb")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._incoming.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def head(self, *fields: str, path: str = CHAT, key: str | None = None) -> bytes:
        own = ("host: localhost", "content-type: application/json", f"authorization: Bearer {key or self.key}")
        return "\r\n".join((f"POST {path} HTTP/1.1", *own, *fields, "", "")).encode()

    def chat(self, body: bytes | None = None, **changes: Any) -> bytes:
        body = message("Hello") if body is None else body
        return self.head(f"content-length: {len(body)}", **changes) + body

    def reply(self) -> tuple[int, dict[str, Any]]:
        """The next reply: its status and its JSON."""
        status = int(self._incoming.readline().split()[1])
        length = 0
        while line := self._incoming.readline().strip():
            name, _, value = line.partition(b":")
            if name == b"content-length":
                length = int(value)
        return status, json.loads(self._incoming.read(length) or b"{}")

    def rest(self) -> bytes:
        """What comes until the server closes."""
        return self._incoming.read()


def message(text: str, model: str = "gpt-4o-mini", **more: Any) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **more}).encode()


def said(reply: tuple[int, dict[str, Any]]) -> str:
    """The answer's text, or the error's code."""
    body = reply[1]
    text: str = body["choices"][0]["message"]["content"] if "choices" in body else body["error"]["code"]
    return text


@pytest.fixture(scope="module")
def provider() -> Iterator[StandIn]:
    standin = StandIn()
    yield standin
    standin.stop()


@pytest.fixture(scope="module")
def frontdesk(provider: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frontdesk]:
    data_dir = tmp_path_factory.mktemp("frontdesk") / "var"
    with serving(data_dir, OPENAI_API_KEY=PROVIDER_KEY, OPENAI_BASE_URL=provider.base_url) as served:
        yield served


def test_pipelined_requests_are_answered_in_order(frontdesk: Frontdesk) -> None:
    with Client(frontdesk) as client:
        client.send(
            client.chat(message("one")) + client.chat(b"{") + client.chat(message("three")) + client.chat(message("4"))
        )
        replies = [client.reply() for _ in range(4)]

    assert [status for status, _ in replies] == [200, 400, 200, 200]
    heard = [said(replies[number]).removeprefix("The stand-in model heard: ") for number in (0, 2, 3)]
    assert heard == ["one", "three", "4"]


def test_nonsense_in_a_pipeline_costs_no_reply_before_it(frontdesk: Frontdesk) -> None:
    with Client(frontdesk) as client:
        client.send(client.chat() + client.chat() + b"nonsense\r\n\r\n" + client.chat())

        assert [client.reply()[0], client.reply()[0]] == [200, 200]
        assert client.rest() == b""


def test_a_connection_outlives_errors(frontdesk: Frontdesk) -> None:
    with Client(frontdesk) as client:
        said_in_turn = []
        for request in (
            client.chat(key="fd_wrong"),
            client.chat(b"[]"),
            client.chat(path="/v1/nothing"),
            client.chat(message("Hello", model="no-such-model")),
            client.chat(),
        ):
            client.send(request)
            said_in_turn.append(client.reply())

    assert [status for status, _ in said_in_turn] == [401, 400, 404, 404, 200]


def test_a_client_that_expects_to_be_told_is_told(frontdesk: Frontdesk) -> None:
    body = message("x" * MEGABYTE)
    with Client(frontdesk) as client:
        client.send(client.head("expect: 100-continue", f"content-length: {len(body)}"))
        assert client.reply() == (100, {})
        client.send(body)

        assert client.reply()[0] == 200


def test_a_body_over_the_limit_is_not_asked_for(frontdesk: Frontdesk) -> None:
    with Client(frontdesk) as client:
        client.send(client.head("expect: 100-continue", f"content-length: {11 * MEGABYTE}"))
        reply = client.reply()

        assert (reply[0], said(reply)) == (413, "body_too_large")
        assert client.rest() == b""


def test_a_chunked_body_over_the_limit_is_refused(frontdesk: Frontdesk) -> None:
    with Client(frontdesk) as client:
        client.send(client.head("transfer-encoding: chunked"))
        for _ in range(11):
            client.send(b"%x\r\n" % MEGABYTE + b"x" * MEGABYTE + b"\r\n")
        client.send(b"0\r\n\r\n")
        reply = client.reply()

    assert (reply[0], said(reply)) == (413, "body_too_large")


def test_a_request_with_two_keys_is_refused(frontdesk: Frontdesk) -> None:
    with Client(frontdesk) as client:
        body = message("Hello")
        client.send(client.head("Authorization: Bearer fd_other", f"content-length: {len(body)}") + body)
        status, answer = client.reply()

    assert (status, answer["error"]["code"]) == (400, "duplicate_header")
    assert answer["error"]["type"] == "invalid_request_error"


def test_a_flood_of_header_lines_is_refused_in_little_memory(frontdesk: Frontdesk) -> None:
    assert frontdesk.process is not None
    server = psutil.Process(frontdesk.process.pid)
    before = server.memory_info().rss
    most = before
    line = b"a: " + b"x" * 65_000 + b"\r\n"
    with Client(frontdesk) as client:
        client.send(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(64 * MEGABYTE // len(line)):
                client.send(line)
                most = max(most, server.memory_info().rss)
        reply = client.reply()

    assert (reply[0], said(reply)) == (431, "request_header_fields_too_large")
    assert most - before < 32 * MEGABYTE


def test_many_header_fields_are_refused(frontdesk: Frontdesk) -> None:
    with Client(frontdesk) as client:
        client.send(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n" + b"a: b\r\n" * 250 + b"\r\n")

        assert client.reply()[0] == 431
        assert client.rest() == b""


def test_half_a_header_is_not_waited_for(frontdesk: Frontdesk) -> None:
    with Client(frontdesk) as client:
        client.send(b"GET /healthz HT")

        assert said(client.reply()) == "request_timeout"
        assert client.rest() == b""


def test_clients_that_stand_still_do_not_hold_up_the_end(provider: StandIn, tmp_path_factory: Any) -> None:
    data_dir = tmp_path_factory.mktemp("frontdesk") / "var"
    with (
        serving(data_dir, OPENAI_API_KEY=PROVIDER_KEY, OPENAI_BASE_URL=provider.base_url) as frontdesk,
        Client(frontdesk),
        Client(frontdesk) as half_a_header,
        Client(frontdesk) as half_a_body,
        Client(frontdesk, receive_buffer_bytes=4096) as reads_nothing,
    ):
        half_a_header.send(b"GET /healthz HT")
        half_a_body.send(half_a_body.head("content-length: 60000") + b"{")
        endless = message("x", model="openai/fault-slow:chunks=1000000,delay_ms=0", stream=True)
        reads_nothing.send(reads_nothing.chat(endless))
        time.sleep(2)  # until the buffers between the two are full

        assert frontdesk.process is not None
        frontdesk.process.terminate()
        assert frontdesk.process.wait(timeout=GRACE_S - 5) == 0

        assert half_a_body.reply()[0] == 408
        assert [call["status"] for call in frontdesk.last_calls()] == ["cancelled"]
