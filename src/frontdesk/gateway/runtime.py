"""The process's Gateway: built lazily, after any fork, by the factory that was named. The only module state."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from frontdesk.gateway.pipeline import Gateway

_lock = threading.Lock()
_gateway: Gateway | None = None
_factory_path = ""


def configure(factory_path: str) -> None:
    """Name the function (`package.module.function`, no arguments) that builds the Gateway when it is first needed."""
    global _factory_path
    _factory_path = factory_path


def gateway() -> Gateway:
    """Give the process's Gateway, building it if this is the first call. RuntimeError if nobody named a factory."""
    global _gateway
    with _lock:
        if _gateway is None:
            if not _factory_path:
                raise RuntimeError("no gateway: call frontdesk.gateway.runtime.configure() or install() first")
            module_name, _, function_name = _factory_path.rpartition(".")
            factory = cast("Callable[[], Gateway]", getattr(importlib.import_module(module_name), function_name))
            _gateway = factory()
        return _gateway


def install(gateway: Gateway | None) -> None:
    """Put a ready Gateway in (servers, tests), or None to take it out."""
    global _gateway
    with _lock:
        _gateway = gateway
