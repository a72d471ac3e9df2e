"""`kill -9` at any moment: every acknowledged call is in the ledger once, every cut one is `interrupted`."""

import contextlib
import http.client
import json
import os
import random
import sqlite3
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx2
import openai
import pytest
from openai import OpenAI

from tests.e2e.server import PROVIDER_KEY, Frontdesk, StandIn

KILLS = int(os.environ.get("TEST_KILLS", "6"))
"""How often the server is killed under load; `make nightly` does it more often."""
CLIENTS = 8
SLOW_STREAM = "openai/fault-slow:chunks=40,delay_ms=10"
USER = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def provider() -> Iterator[StandIn]:
    standin = StandIn()
    yield standin
    standin.stop()


@pytest.fixture
def frontdesk(provider: StandIn, tmp_path: Path) -> Iterator[Frontdesk]:
    made = Frontdesk(tmp_path / "var", OPENAI_API_KEY=PROVIDER_KEY, OPENAI_BASE_URL=provider.base_url)
    yield made
    made.stop()


def client_of(frontdesk: Frontdesk) -> OpenAI:
    key = frontdesk.demo["gateway_key"]
    return OpenAI(base_url=f"{frontdesk.address}/v1", api_key=key, max_retries=0, timeout=20)


def test_a_reply_is_in_the_ledger_although_the_server_dies_with_it(frontdesk: Frontdesk, provider: StandIn) -> None:
    frontdesk.start()
    with client_of(frontdesk) as client:
        answer = client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=USER)
        frontdesk.kill()

    calls = frontdesk.last_calls()

    assert [(call["request_id"], call["status"]) for call in calls] == [(answer.headers["x-request-id"], "success")]
    assert calls[0]["output_tokens"] > 0
    assert len(provider.calls()) == 1


def test_a_stream_that_dies_is_interrupted(frontdesk: Frontdesk) -> None:
    frontdesk.start()
    with client_of(frontdesk) as client:
        stream = client.chat.completions.create(model=SLOW_STREAM, messages=USER, stream=True)
        request_id = stream.response.headers["x-request-id"]
        next(iter(stream))
        frontdesk.kill()
        with pytest.raises((openai.APIError, httpx2.TransportError)):
            list(stream)

    (call,) = frontdesk.last_calls()

    assert (call["request_id"], call["status"], call["usage_source"]) == (request_id, "interrupted", "estimated")
    assert call["input_tokens"] > 0


def test_a_turn_that_dies_is_failed_at_the_next_start(frontdesk: Frontdesk, provider: StandIn) -> None:
    frontdesk.run("tenant", "settings", "demo", "--set", 'default_model="openai/fault-hang"')
    frontdesk.start()
    url = f"{frontdesk.address}/api/chat-widget/public/widget/{frontdesk.demo['widget_key']}/message"
    request = urllib.request.Request(url, b'{"message_text":"Hello"}', {"content-type": "application/json"})
    asking = threading.Thread(target=_ask_and_be_cut, args=(request,))
    asking.start()
    while not provider.calls():
        time.sleep(0.02)
    frontdesk.kill()
    asking.join()

    frontdesk.start()
    frontdesk.stop()

    with contextlib.closing(sqlite3.connect(frontdesk.data_dir / "db.sqlite3")) as database:
        turns = database.execute("SELECT status, rungs FROM conversations_turn").fetchall()
    assert [(status, json.loads(rungs)[-1]["outcome"]) for status, rungs in turns] == [("failed", "abandoned")]


def _ask_and_be_cut(request: urllib.request.Request) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        urllib.request.urlopen(request, timeout=20).close()


class Load:
    """Clients that ask and note which answers they have got whole, until told to stop."""

    def __init__(self, frontdesk: Frontdesk) -> None:
        self.frontdesk = frontdesk
        self.acknowledged: list[str] = []
        self.begun: list[str] = []
        self.failures: list[str] = []
        """What went wrong other than a connection that was cut: any refusal by status is one."""
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(seed,)) for seed in range(CLIENTS)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, seed: int) -> None:
        chance = random.Random(seed)
        while not self._stopping.is_set():
            try:
                with client_of(self.frontdesk) as client:
                    while not self._stopping.is_set():
                        self._ask_once(client, streamed=chance.random() < 0.3)
            except (openai.APIConnectionError, httpx2.TransportError):  # a cut stream lets the HTTP library's through
                time.sleep(0.05)  # the server is away
            except Exception as error:  # noqa: BLE001 - a thread's own would be lost
                self.failures.append(repr(error))

    def _ask_once(self, client: OpenAI, *, streamed: bool) -> None:
        if not streamed:
            answer = client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=USER)
            answer.parse()
            self.acknowledged.append(answer.headers["x-request-id"])
            return
        stream = client.chat.completions.create(model=SLOW_STREAM, messages=USER, stream=True)
        request_id = stream.response.headers["x-request-id"]
        self.begun.append(request_id)
        for _ in stream:
            pass
        self.acknowledged.append(request_id)


def test_no_acknowledged_call_is_lost_or_doubled_under_kills(frontdesk: Frontdesk, provider: StandIn) -> None:
    chance = random.Random(20261120)
    frontdesk.start()
    with Load(frontdesk) as load:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.3, 1.2))
            frontdesk.kill()
            frontdesk.start()
        time.sleep(1.0)
    frontdesk.stop()

    calls = frontdesk.last_calls(10_000)
    statuses = {call["request_id"]: call["status"] for call in calls}
    doubled = [request_id for request_id, times in Counter(call["request_id"] for call in calls).items() if times > 1]
    lost = [request_id for request_id in load.acknowledged if statuses.get(request_id) != "success"]
    uncut = [
        request_id
        for request_id in load.begun
        if request_id not in set(load.acknowledged) and statuses.get(request_id) not in ("interrupted", "success")
    ]
    arrived = len(provider.calls())
    print(f"kills {KILLS}, acknowledged {len(load.acknowledged)}, rows {len(calls)}, arrived {arrived},", end=" ")
    print(Counter(statuses.values()))

    assert len(load.acknowledged) > 20 * KILLS
    assert load.failures == []
    assert (lost, doubled, uncut) == ([], [], [])
    assert set(statuses.values()) <= {"success", "interrupted"}
    # An intent is on disk before its request leaves, so a kill in between leaves a row that the provider never saw.
    assert arrived <= len(calls) <= arrived + KILLS * CLIENTS
