"""A server's life: one at a time on a data directory, tenants that appear, and an end that loses nothing."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import AuthenticationError, OpenAI

from tests.e2e.server import PROVIDER_KEY, Frontdesk, StandIn, serving

STREAMS = 20
USER = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def provider() -> Iterator[StandIn]:
    standin = StandIn()
    yield standin
    standin.stop()


@pytest.fixture
def frontdesk(provider: StandIn, tmp_path: Path) -> Iterator[Frontdesk]:
    with serving(tmp_path / "var", OPENAI_API_KEY=PROVIDER_KEY, OPENAI_BASE_URL=provider.base_url) as served:
        yield served


def test_running_streams_finish_after_sigterm(frontdesk: Frontdesk) -> None:
    finishes: list[str | None] = []
    begun = threading.Semaphore(0)

    def read() -> None:
        key = frontdesk.demo["gateway_key"]
        with OpenAI(base_url=f"{frontdesk.address}/v1", api_key=key, max_retries=0) as client:
            model = "openai/fault-slow:chunks=60,delay_ms=20"
            reason = None
            for number, chunk in enumerate(client.chat.completions.create(model=model, messages=USER, stream=True)):
                if number == 0:
                    begun.release()
                reason = chunk.choices[0].finish_reason or reason
            finishes.append(reason)

    readers = [threading.Thread(target=read) for _ in range(STREAMS)]
    for reader in readers:
        reader.start()
    for _ in readers:
        assert begun.acquire(timeout=20)

    status = frontdesk.stop()
    for reader in readers:
        reader.join()

    assert status == 0
    assert finishes == ["stop"] * STREAMS
    assert [call["status"] for call in frontdesk.last_calls(100)] == ["success"] * STREAMS
    assert not (frontdesk.data_dir / "server.json").exists()


def test_the_server_takes_up_where_it_stopped(frontdesk: Frontdesk) -> None:
    def ask() -> None:
        key = frontdesk.demo["gateway_key"]
        with OpenAI(base_url=f"{frontdesk.address}/v1", api_key=key, max_retries=0) as client:
            client.chat.completions.create(model="gpt-4o-mini", messages=USER)

    ask()
    assert frontdesk.stop() == 0
    frontdesk.start()
    ask()
    time.sleep(0.6)

    assert [call["status"] for call in frontdesk.last_calls()] == ["success", "success"]


def test_a_second_server_on_the_same_data_is_refused(frontdesk: Frontdesk) -> None:
    second = frontdesk.run("serve", "--port", "0", check=False)

    assert second.returncode == 2
    assert second.stderr.count("\n") == 1
    assert "another Frontdesk serves the data directory" in second.stderr
    assert json.loads(frontdesk.run("health", "--json").stdout)["status"] == "healthy"


def test_a_tenant_made_while_the_server_runs_is_served_at_once(frontdesk: Frontdesk) -> None:
    frontdesk.run("tenant", "create", "New Shop", "--slug", "new")
    key = frontdesk.run("tenant", "key", "new").stdout.strip()

    with OpenAI(base_url=f"{frontdesk.address}/v1", api_key=key, max_retries=0) as client:
        answer = client.chat.completions.create(model="auto", messages=USER)

    assert answer.choices[0].message.content == "The stand-in model heard: Hello"


def test_a_provider_that_refuses_its_key_is_told_to_the_operator(frontdesk: Frontdesk) -> None:
    with OpenAI(base_url=f"{frontdesk.address}/v1", api_key=frontdesk.demo["gateway_key"], max_retries=0) as client:
        for _ in range(2):
            with pytest.raises(AuthenticationError):
                client.chat.completions.create(model="openai/fault-status:code=401", messages=USER)
    time.sleep(0.6)

    health = json.loads(frontdesk.run("health", "--json").stdout)

    assert health["warnings"] == [
        "openai: 2 of 2 calls failed in the last hour (provider_key_rejected): see the calls in the console"
    ]
    assert "call_failed" in frontdesk.log.read_text()
