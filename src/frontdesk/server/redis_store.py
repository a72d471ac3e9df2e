"""The budget store on Redis, whose driver is an extra: it is loaded where a Redis is configured, and nowhere else."""

import importlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, cast

from frontdesk.gateway.clock import Clock
from frontdesk.gateway.ports import BudgetStore

Seeder = Callable[[], Awaitable[Mapping[str, tuple[int, int]]]]


class Store(BudgetStore, Protocol):
    """What the stores offer beside counting; this one and `stores.memory`."""

    @property
    def is_failing(self) -> bool:
        """Tell whether the store could not be asked the last time."""
        ...

    @property
    def live_processes(self) -> int:
        """Tell how many processes count there, as far as is known."""
        ...

    async def raise_to(self, sums: Mapping[str, tuple[int, int]]) -> None:
        """Raise settled sums to at least these."""
        ...

    async def aclose(self) -> None:
        """Let the store go."""
        ...


def connect(url: str, process_id: str, clock: Clock, *, instance: str, seeder: Seeder) -> Store:
    """Make the store; it connects when it is first asked."""
    module = importlib.import_module("frontdesk.gateway.stores.redis")
    return cast(Store, module.RedisBudgets(url, process_id, clock, instance=instance, seeder=seeder))
