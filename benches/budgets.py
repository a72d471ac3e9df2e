"""Measures what budgets cost a call: a reservation and its settlement with six limits. Prints JSON.

Run `python -m benches.budgets [CALLS]`. Redis is the one of FRONTDESK_REDIS_URL, or a `redis-server` started for the
measurement; beside it stands a plain round trip of redis-py (`await redis.get`) of the same run. One process on uvloop;
CPU is that of the calling process, Redis' own is told apart where it was started here.
"""

import asyncio
import contextlib
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import psutil
import redis.asyncio
import structlog
import uvloop

from benches import measuring
from frontdesk.gateway.budgets.engine import Budgets
from frontdesk.gateway.budgets.terms import EACH, MOST, Budget, counter_key, counter_unit_key, place
from frontdesk.gateway.clock import SystemClock
from frontdesk.gateway.journal.record import Caller
from frontdesk.gateway.messages import Message, Request
from frontdesk.gateway.ports import BudgetStore, Claim
from frontdesk.gateway.snapshot import Model, Price, Provider, Snapshot, Target, Tenant
from frontdesk.gateway.stores.memory import MemoryBudgets
from frontdesk.gateway.stores.redis import RedisBudgets

CONCURRENCIES = (1, 32, 128)
NEED, WANT, ACTUAL = (1, 1_016, 160_000), (1, 1_500, 450_000), (1, 1_250, 292_500)

Call = Callable[[int], Awaitable[object]]

_BUDGETS = tuple(
    Budget(scope=scope, owner=owner, unit=unit, window=window, limit=MOST, tenant_id=tenant_id)
    for scope, owner, tenant_id in (("tenant", "12", 12), ("api_key", EACH, None), ("global", "", None))
    for unit, window in (("tokens", "day"), ("usd", "month"))
)
"""Six limits of one call."""


def main() -> None:
    """Measure memory, then Redis beside plain round trips."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with _redis() as (url, server):
        results = uvloop.run(_measure(url, server, calls))
    print(json.dumps({"bench": "budgets", "machine": measuring.machine(), "calls": calls, **results}, indent=2))


@contextlib.contextmanager
def _redis() -> Iterator[tuple[str, psutil.Process | None]]:
    url = os.environ.get("FRONTDESK_REDIS_URL")
    if url:
        yield url, None
        return
    with tempfile.TemporaryDirectory() as directory:
        port = measuring.free_port()
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", directory]
        with measuring.running(command, pathlib.Path(directory) / "log") as server:
            yield f"redis://127.0.0.1:{port}/0", server


async def _measure(url: str, server: psutil.Process | None, calls: int) -> dict[str, Any]:
    clock = SystemClock()
    memory = MemoryBudgets(clock)
    claims = _claims(clock.now_ns())
    in_memory = [await _driven(_call(memory, claims), calls, 1, None) for _ in range(5)]
    unlimited, limited = [
        [(await _driven(_engine_call(clock, budgets), calls, 1, None))["cpu_us"] for _ in range(5)]
        for budgets in ((), _BUDGETS)
    ]
    results: dict[str, Any] = {
        "limits": len(claims),
        "memory_cpu_us": min(result["cpu_us"] for result in in_memory),
        "engine_added_cpu_us": round(min(limited) - min(unlimited), 2),
        "redis": [],
    }
    shared = RedisBudgets(url, "bench", clock, instance=f"bench-{os.getpid()}", seeder=_no_sums)
    async with redis.asyncio.Redis.from_url(url, max_connections=2 * max(CONCURRENCIES)) as plain:
        await _until_answered(plain)
        await shared.reserve(b"first", claims, NEED, WANT)
        shared.settle(b"first", ACTUAL)
        for concurrency in CONCURRENCIES:
            added = await _driven(_call(shared, claims), calls, concurrency, server)
            round_trip = await _driven(lambda _: plain.get("fd:bench"), calls, concurrency, server)
            results["redis"].append({"concurrency": concurrency, "budgets": added, "redis_py_get": round_trip})
    await _check(shared, claims, 1 + len(CONCURRENCIES) * calls)
    await shared.aclose()
    return results


def _claims(now_ns: int) -> tuple[Claim, ...]:
    ends_at_ns = now_ns + 10 * 86_400 * 10**9
    names = [("tenant", "12"), ("api_key", "345"), ("global", "")]
    keys = [
        (counter_unit_key(counter_key(scope, owner, window, "Europe/Berlin", ends_at_ns // 10**9), unit), position)  # type: ignore[arg-type]
        for scope, owner in names
        for window, unit, position in (("day", "tokens", 1), ("month", "usd", 2))
    ]
    return tuple(Claim(key, position, MOST, ends_at_ns) for key, position in keys)


def _call(store: BudgetStore, claims: tuple[Claim, ...]) -> Call:
    async def call(number: int) -> None:
        reservation = number.to_bytes(16, "big")
        verdict = await store.reserve(reservation, claims, NEED, WANT)
        if verdict.refused >= 0:
            raise measuring.BenchError(f"a reservation was refused: {verdict}")
        store.settle(reservation, ACTUAL)

    return call


def _engine_call(clock: SystemClock, budgets: tuple[Budget, ...]) -> Call:
    """Give what the pipeline does for a call's budgets: plan, reservation, settlement, and what the client is told."""
    engine = Budgets(MemoryBudgets(clock))
    price = Price(input=150_000_000, output=600_000_000, cache_read=75_000_000, cache_write=150_000_000, source="bench")
    provider = Provider(name="openai", wire="openai", base_url="")
    target = Target(provider, Model(provider="openai", name="m", price=price), None)
    held: dict[str, tuple[Budget, ...]] = {}
    for budget in budgets:
        where = place(budget.scope, budget.owner, budget.tenant_id)
        held[where] = (*held.get(where, ()), budget)
    snapshot = Snapshot(
        version=1,
        operator_id=1,
        tenants={12: Tenant(id=12, name="t", slug="t")},
        api_keys={},
        providers={"openai": provider},
        models={},
        aliases={},
        bare_names={},
        budgets=held,
    )
    caller = Caller(tenant_id=12, request_id="r", api_key_id=345)
    request = Request(model="m", messages=(Message(role="user", content="Hello"),), max_tokens=500)

    async def call(number: int) -> None:
        reservation = await engine.reserve(
            snapshot,
            caller,
            target,
            request,
            input_tokens=1_000,
            reservation=number.to_bytes(16, "big"),
            now_ns=clock.now_ns(),
        )
        reservation.settle(ACTUAL)
        reservation.limits()

    return call


async def _driven(call: Call, calls: int, concurrency: int, server: psutil.Process | None) -> dict[str, float]:
    """Make the calls, so many at once; give CPU and latency of one."""
    numbers = iter(range(calls))
    latencies: list[float] = []

    async def work() -> None:
        for number in numbers:
            began = time.perf_counter()
            await call(number)
            latencies.append(time.perf_counter() - began)

    server_began = measuring.cpu_s(server) if server else 0.0
    began, began_cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    cpu_s, wall_s = time.process_time() - began_cpu, time.perf_counter() - began
    result = {
        "cpu_us": round(cpu_s / calls * 1e6, 2),
        "latency_us_p50": round(statistics.median(latencies) * 1e6, 1),
        "latency_us_p99": round(statistics.quantiles(latencies, n=100)[98] * 1e6, 1),
        "calls_per_s": round(calls / wall_s),
    }
    if server:
        result["redis_cpu_us"] = round((measuring.cpu_s(server) - server_began) / calls * 1e6, 1)
    return result


async def _no_sums() -> Mapping[str, tuple[int, int]]:
    return {}


async def _until_answered(client: redis.asyncio.Redis) -> None:
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(redis.ConnectionError):
                await client.ping()
                return
            await asyncio.sleep(0.02)


async def _check(store: RedisBudgets, claims: tuple[Claim, ...], calls: int) -> None:
    """Refuse figures of a measurement that miscounted."""
    for claim in claims:
        usage = await store.usage([claim.key])
        if usage != {claim.key: (calls * ACTUAL[claim.unit], 0)}:
            raise measuring.BenchError(f"{calls} calls made {usage}")


if __name__ == "__main__":
    main()
