"""Where a serving process counts spending: in its memory when it is the only one, on Redis beside others.

Either starts from what the ledger's counters say, and is raised to that each minute: what a store lost comes back, and
what another process settled while it seemed dead is counted.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Self

import structlog
from django.conf import settings

from frontdesk.gateway.budgets.engine import Budgets
from frontdesk.gateway.clock import Clock
from frontdesk.gateway.ports import StoreUnavailable
from frontdesk.gateway.snapshot import Snapshot
from frontdesk.gateway.stores.memory import MemoryBudgets
from frontdesk.server import redis_store
from frontdesk.tenants import database

RAISE_S = 60.0
SETTLING_S = 5.0
"""How old the ledger's sums are when they are given to the store: by then it has had every settlement they contain."""

Sums = Mapping[str, tuple[int, int]]
"""By `budgets.terms.counter_unit_key`: what is settled, and the end of the window in ns."""

logger = structlog.get_logger()


class Spending:
    """The store of a process, and the engine that counts in it."""

    def __init__(self, store: redis_store.Store, budgets: Budgets, read_sums: Callable[[], Sums]) -> None:
        """Take the parts; `read_sums` asks the ledger, on a database thread."""
        self._store = store
        self._read_sums = read_sums
        self.budgets = budgets

    @classmethod
    def of_process(cls, clock: Clock, instance: str, read_sums: Callable[[], Sums]) -> Self:
        """Choose the store by the settings. Reads the ledger's sums, so call it on a database thread.

        `instance` tells this installation from others that use the same Redis.
        """
        memory = MemoryBudgets(clock)
        if not settings.REDIS_URL:
            memory.seed(read_sums())
            return cls(memory, Budgets(memory), read_sums)

        async def seed() -> Sums:
            return await database.run(read_sums)

        store = redis_store.connect(settings.REDIS_URL, str(os.getpid()), clock, instance=instance, seeder=seed)
        started: int = settings.CONFIGURATION.workers
        return cls(store, Budgets(store, without_store=memory, processes=lambda: sharers(store, started)), read_sums)

    @property
    def is_failing(self) -> bool:
        """Tell whether the store could not be asked the last time."""
        return self._store.is_failing

    async def keep_true(self) -> None:
        """Raise the store to the ledger's sums each minute, until cancelled."""
        while True:
            await asyncio.sleep(RAISE_S - SETTLING_S)
            try:
                sums = await database.run(self._read_sums)
                await asyncio.sleep(SETTLING_S)
                await self._store.raise_to(sums)
            except StoreUnavailable:
                continue  # it is seeded or raised when it is back
            except Exception:  # the database is away, or a row cannot be read: the next minute may do better
                logger.exception("budgets_not_raised")

    async def prepare(self, old: Snapshot, new: Snapshot) -> None:
        """Raise the store where limits or time zones have changed, before they hold.

        A new limit, and a window that another zone begins elsewhere, then count what was spent before.
        """
        if old.budgets == new.budgets and not _has_moved(old, new):
            return
        try:
            await self._store.raise_to(await database.run(self._read_sums))
        except StoreUnavailable:
            return  # it is seeded or raised when it is back
        except Exception:  # as above
            logger.exception("budgets_not_raised")

    async def close(self) -> None:
        """Hand over what is still to be settled, and let the store go."""
        await self._store.aclose()


def sharers(store: redis_store.Store, started: int) -> int:
    """Tell how many processes share a rate while the store is away: those last seen there, or those `started` here.

    Where it was away from the start, a process has seen none but itself.
    """
    return max(store.live_processes, started)


def _has_moved(old: Snapshot, new: Snapshot) -> bool:
    """Tell whether a tenant has another time zone, or comes (back) with one: its windows begin elsewhere."""
    if old.tenants is new.tenants:
        return False
    before = old.tenants
    return any(pk not in before or before[pk].zone != tenant.zone for pk, tenant in new.tenants.items())
