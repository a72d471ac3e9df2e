"""SIGTERM: no new work, running answers finish, nothing is lost, exit status 0."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

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
