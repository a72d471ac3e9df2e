"""The process's Gateway: built lazily, after any fork, by the factory that was named. The only module state."""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from frontdesk.gateway.pipeline import Gateway

R = TypeVar("R")

# Taken again by a factory that installs what it builds.
_lock = threading.RLock()
_gateway: Gateway | None = None
_loop: asyncio.AbstractEventLoop | None = None
_factory: str | Callable[[], Gateway] = ""


def configure(factory: str | Callable[[], Gateway]) -> None:
    """Tell who builds the Gateway when it is first needed: a function, or its path (`package.module.function`)."""
    global _factory
    _factory = factory


def gateway() -> Gateway:
    """Give the process's Gateway, building it if this is the first call. RuntimeError if nobody named a factory."""
    global _gateway
    with _lock:
        if _gateway is None:
            if not _factory:
                raise RuntimeError("no gateway: call frontdesk.gateway.runtime.configure() or install() first")
            _gateway = _build(_factory)
        return _gateway


def install(gateway: Gateway | None, loop: asyncio.AbstractEventLoop | None = None) -> None:
    """Put a ready Gateway in (servers, tests), or None to take it out. `call` runs on `loop`, else on the caller's."""
    global _gateway, _loop
    with _lock:
        _gateway = gateway
        _loop = None if gateway is None else loop or _running_loop()


def call(work: Callable[[Gateway], Coroutine[Any, Any, R]], timeout_s: float) -> R:
    """Ask the Gateway from a thread without an event loop, on the loop that the Gateway lives on.

    What `work` raises is raised here; TimeoutError cancels it after so long. RuntimeError where no loop runs, or when
    it is the caller's own.
    """
    asked = gateway()
    loop = _loop
    if loop is None or loop is _running_loop():
        raise RuntimeError("no event loop to call the gateway on: use await there, or a process that has one")
    future = asyncio.run_coroutine_threadsafe(asyncio.wait_for(work(asked), timeout_s), loop)
    return future.result()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _build(factory: str | Callable[[], Gateway]) -> Gateway:
    if not isinstance(factory, str):
        return factory()
    module_name, _, function_name = factory.rpartition(".")
    return cast("Callable[[], Gateway]", getattr(importlib.import_module(module_name), function_name))()
