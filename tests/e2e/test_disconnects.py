"""A client that leaves: the provider's connection is closed at once, and what was used is booked."""

import json
import socket
import time
from urllib.parse import urlsplit

import pytest

from tests.e2e.server import Frontdesk, StandIn

SOON_S = 5.0


def connect(frontdesk: Frontdesk, head: str, body: bytes) -> socket.socket:
    address = urlsplit(frontdesk.address)
    connection = socket.create_connection((address.hostname, address.port), timeout=10)
    connection.sendall(head.format(length=len(body)).encode() + body)
    return connection


def ask_model(frontdesk: Frontdesk, model: str, *, stream: bool) -> socket.socket:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "x"}], "stream": stream}).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {frontdesk.demo['gateway_key']}\r\ncontent-length: {{length}}\r\n\r\n"
    )
    return connect(frontdesk, head, body)


def wait_for(provider: StandIn, outcome: str) -> None:
    limit = time.monotonic() + SOON_S
    while time.monotonic() < limit:
        calls = provider.calls()
        if calls and calls[-1]["outcome"] == outcome:
            return
        time.sleep(0.02)
    raise AssertionError(f"the provider saw {provider.calls()[-1:]}")


@pytest.mark.parametrize(
    ("model", "stream", "status"),
    [
        ("openai/fault-slow:chunks=2000,delay_ms=10", True, "cancelled"),
        ("openai/fault-hang", False, "cancelled"),
        ("openai/fault-stall:at=0", True, "cancelled"),
    ],
)
def test_leaving_closes_the_provider_and_books_the_call(
    frontdesk: Frontdesk, provider: StandIn, model: str, stream: bool, status: str
) -> None:
    provider.forget()
    with ask_model(frontdesk, model, stream=stream) as connection:
        if "slow" in model:
            assert connection.recv(100)
        else:
            time.sleep(0.3)

    wait_for(provider, "closed_early")

    (row,) = frontdesk.last_calls(1)
    assert (row["model"], row["status"], row["usage_source"]) == (model.removeprefix("openai/"), status, "estimated")
    assert row["input_tokens"] > 0


def test_a_visitor_who_leaves_does_not_keep_the_provider_busy(frontdesk: Frontdesk, provider: StandIn) -> None:
    provider.forget()
    frontdesk.run("tenant", "settings", "demo", "--set", 'default_model="openai/fault-slow:chunks=2000,delay_ms=10"')
    time.sleep(2.5)  # the running server looks for changed settings each second
    head = (
        f"POST /api/chat-widget/public/widget/{frontdesk.demo['widget_key']}/message HTTP/1.1\r\nhost: localhost\r\n"
        "content-type: application/json\r\naccept: text/event-stream\r\ncontent-length: {length}\r\n\r\n"
    )
    with connect(frontdesk, head, b'{"message_text":"Tell me a long story"}') as connection:
        received = b""
        while b"event: delta" not in received:
            received += connection.recv(4096)

    wait_for(provider, "closed_early")

    (row,) = frontdesk.last_calls(1)
    assert (row["status"], row["widget_id"] is not None, row["turn_id"] is not None) == ("cancelled", True, True)
