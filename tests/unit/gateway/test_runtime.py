import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from frontdesk.gateway import runtime


class FakeGateway:
    async def complete(self) -> tuple["FakeGateway", str]:
        return self, threading.current_thread().name


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    runtime.install(None)
    yield
    runtime.install(None)
    runtime.configure("")


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    thread = threading.Thread(target=made.run_forever, name="loop")
    thread.start()
    yield made
    made.call_soon_threadsafe(made.stop)
    thread.join()
    made.close()


def test_call_runs_on_the_loop_that_the_gateway_was_installed_with(loop):
    gateway: Any = FakeGateway()
    runtime.install(gateway, loop)

    assert runtime.call(lambda asked: asked.complete(), timeout_s=5) == (gateway, "loop")


def test_call_builds_the_gateway_with_the_first_use_and_once(loop):
    built = []

    def build() -> Any:
        built.append(FakeGateway())
        runtime.install(built[-1], loop)
        return built[-1]

    runtime.configure(build)

    assert runtime.call(lambda asked: asked.complete(), timeout_s=5) == (built[0], "loop")
    assert runtime.call(lambda asked: asked.complete(), timeout_s=5) == (built[0], "loop")
    assert len(built) == 1


def test_call_raises_what_the_work_raises(loop):
    async def fail(_: object) -> None:
        raise KeyError("provider")

    runtime.install(FakeGateway(), loop)  # type: ignore[arg-type]

    with pytest.raises(KeyError, match="provider"):
        runtime.call(fail, timeout_s=5)


def test_call_that_takes_too_long_is_cancelled(loop):
    cancelled = threading.Event()

    async def hang(_: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    runtime.install(FakeGateway(), loop)  # type: ignore[arg-type]

    with pytest.raises(TimeoutError):
        runtime.call(hang, timeout_s=0.01)
    assert cancelled.wait(5)


def test_call_without_a_loop_is_refused():
    runtime.install(FakeGateway())  # type: ignore[arg-type]

    with pytest.raises(RuntimeError, match="no event loop"):
        runtime.call(lambda asked: asked.complete(), timeout_s=5)  # type: ignore[attr-defined]


async def test_call_from_the_gateways_own_loop_is_refused_instead_of_waiting_for_itself():
    runtime.install(FakeGateway())  # type: ignore[arg-type]

    with pytest.raises(RuntimeError, match="no event loop"):
        runtime.call(lambda asked: asked.complete(), timeout_s=5)  # type: ignore[attr-defined]


def test_gateway_without_a_factory_is_refused():
    with pytest.raises(RuntimeError, match="no gateway"):
        runtime.gateway()
