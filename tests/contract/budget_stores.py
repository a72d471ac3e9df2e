"""Budget stores under test, the claims they are asked for, and a process of its own that asks Redis.

`python -m tests.contract.budget_stores URL MODE COUNT LIMIT`: `race` reserves COUNT times at once and prints how many
were allowed; `hold` reserves COUNT times, prints that, and does nothing more until it is killed.
"""

import asyncio
import sys
import time
from collections.abc import Mapping

import structlog

from frontdesk.gateway.budgets.terms import MOST, Amounts
from frontdesk.gateway.clock import Clock, SystemClock
from frontdesk.gateway.ports import Claim
from frontdesk.gateway.stores.batches import Pace
from frontdesk.gateway.stores.memory import MemoryBudgets
from frontdesk.gateway.stores.redis import RedisBudgets, Seeder

REQUESTS, TOKENS, USD = 0, 1, 2
HOUR_NS = 3_600 * 10**9
ONE: Amounts = (1, 100, 1_000)
"""What each call of a fixed size needs, wants and spends."""
NOTHING: Amounts = (0, 0, 0)
HASTY = Pace(beat_s=0.1, silence_s=1.0, retry_s=0.1)
"""So that tests need not wait for what takes half a minute."""


def claim(key: str, limit: int = MOST, unit: int = REQUESTS, ends_in_ns: int = HOUR_NS) -> Claim:
    """Make a claim on a counter whose window ends in an hour."""
    return Claim(key, unit, limit, time.time_ns() + ends_in_ns)


async def no_sums() -> Mapping[str, tuple[int, int]]:
    """Seed nothing."""
    return {}


def redis_budgets(
    url: str,
    *,
    seeder: Seeder = no_sums,
    pace: Pace | None = None,
    name: str = "test",
    clock: Clock | None = None,
) -> RedisBudgets:
    """Make a store on Redis; all of one URL share their counters."""
    return RedisBudgets(url, name, clock or SystemClock(), instance="tests", seeder=seeder, pace=pace)


Store = MemoryBudgets | RedisBudgets


async def spent(store: Store, key: str) -> tuple[int, int]:
    """Tell what is settled and what is reserved on a counter; (0, 0) if there is none."""
    return (await store.usage([key])).get(key, (0, 0))


async def race(store: Store, count: int, limit: int, key: str = "race") -> int:
    """Reserve for that many calls of a fixed size at once, and settle what is allowed; tell how many were."""

    async def call(number: int) -> int:
        reservation = f"{key}-{number}".encode()
        verdict = await store.reserve(reservation, (claim(key, limit), claim(f"{key}-t", unit=TOKENS)), ONE, ONE)
        if verdict.refused >= 0:
            return 0
        await asyncio.sleep(0.001)
        store.settle(reservation, ONE)
        return 1

    return sum(await asyncio.gather(*(call(number) for number in range(count))))


async def _main(url: str, mode: str, count: int, limit: int) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    store = redis_budgets(url, pace=HASTY, name=mode)
    if mode == "race":
        print(await race(store, count, limit), flush=True)
        await store.aclose()
    else:
        for number in range(count):
            await store.reserve(f"held-{number}".encode(), (claim("race", limit),), ONE, ONE)
        print(count, flush=True)
        await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
