"""The budget store on Redis among several processes, and when processes and Redis itself die."""

import asyncio
import contextlib
import pathlib
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

import pytest
import redis.asyncio

from frontdesk.gateway.ports import Claim, StoreUnavailable
from frontdesk.gateway.stores.redis import RedisBudgets
from tests.contract.budget_stores import HASTY, ONE, TOKENS, claim, race, redis_budgets, spent
from tests.fakes.calls import StillClock
from tests.services.process import or_skip
from tests.services.redis import Redis

Opened = Callable[..., RedisBudgets]
ROOT = pathlib.Path(__file__).parents[2]
PATIENCE_S = 20


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """A Redis that may be stopped and paused."""
    server = or_skip(Redis)
    yield server
    server.close()


@pytest.fixture
async def opened() -> AsyncIterator[Callable[..., RedisBudgets]]:
    """Make stores that are closed at the end."""
    async with contextlib.AsyncExitStack() as stack:

        def make(url: str, **options: object) -> RedisBudgets:
            store = redis_budgets(url, **{"pace": HASTY, **options})
            stack.push_async_callback(store.aclose)
            return store

        yield make


class Ledger:
    """A seeder that counts how often it is asked, and may fail."""

    def __init__(self, sums: Mapping[str, int]) -> None:
        self.sums = sums
        self.asked = 0
        self.error: Exception | None = None

    async def __call__(self) -> Mapping[str, tuple[int, int]]:
        self.asked += 1
        await asyncio.sleep(0.02)
        if self.error is not None:
            raise self.error
        return {key: (settled, claim(key).ends_at_ns) for key, settled in self.sums.items()}


Started = Callable[[str, int, int], subprocess.Popen[bytes]]


@pytest.fixture
def started(redis_db: str) -> Iterator[Started]:
    """Start processes of their own on the test's Redis database; what still runs at the end is killed."""
    with contextlib.ExitStack() as stack:

        def start(mode: str, count: int, limit: int) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", "tests.contract.budget_stores", redis_db, mode, str(count), str(limit)]
            process = stack.enter_context(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE))
            stack.callback(process.kill)
            return process

        yield start


async def printed(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    return int(await asyncio.to_thread(process.stdout.readline))


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await is_so():  # noqa: ASYNC110 (another process, or Redis, makes it so)
            await asyncio.sleep(0.02)


async def sent(url: str, *command: str) -> None:
    async with redis.asyncio.Redis.from_url(url) as client:
        await client.execute_command(*command)


async def test_four_processes_admit_the_limit_exactly(opened: Opened, started: Started, redis_db: str) -> None:
    processes = [started("race", 200, 500) for _ in range(4)]

    admitted = [await printed(process) for process in processes]
    codes = [await asyncio.to_thread(process.wait) for process in processes]

    assert (sum(admitted), codes) == (500, [0] * 4)
    store = opened(redis_db)
    assert await store.usage(["race", "race-t"]) == {"race": (500, 0), "race-t": (50_000, 0)}


async def test_what_a_killed_process_held_is_given_back(opened: Opened, started: Started, redis_db: str) -> None:
    store = opened(redis_db)
    await store.reserve(b"mine", (claim("race", 10),), ONE, ONE)
    process = started("hold", 7, 10)
    assert await printed(process) == 7
    assert await spent(store, "race") == (0, 8)

    process.kill()
    await until(lambda: reserved_is(store, 1))

    assert store.live_processes == 1
    assert await race(store, 20, 10) == 9


async def reserved_is(store: RedisBudgets, amount: int) -> bool:
    return (await spent(store, "race"))[1] == amount


async def test_processes_that_live_are_counted_and_one_that_leaves_is_not(opened: Opened, redis_db: str) -> None:
    first, second = opened(redis_db), opened(redis_db)
    await second.reserve(b"1", (claim("a"),), ONE, ONE)
    await first.ping()
    both = first.live_processes

    await second.aclose()
    await until(lambda: _is(lambda: first.live_processes == 1))

    assert both == 2
    assert await spent(first, "a") == (0, 0)


async def _is(condition: Callable[[], bool]) -> bool:
    return condition()


async def test_a_process_thought_dead_takes_nothing_twice(opened: Opened, redis_db: str) -> None:
    store, sleeper = opened(redis_db), opened(redis_db, pace=type(HASTY)(beat_s=60))
    await sleeper.reserve(b"1", (claim("race"),), ONE, ONE)
    await store.ping()
    await until(lambda: reserved_is(store, 0))

    sleeper.settle(b"1", ONE)
    await sleeper.ping()
    before = await spent(store, "race")
    await sleeper.reserve(b"2", (claim("race"),), ONE, ONE)
    sleeper.settle(b"2", ONE)

    assert before == (0, 0)
    assert await spent(sleeper, "race") == (1, 0)


async def test_an_empty_redis_is_filled_from_the_ledger_once(opened: Opened, redis_db: str) -> None:
    ledger = Ledger({"a": 8, "t": 90})
    stores = [opened(redis_db, seeder=ledger) for _ in range(3)]
    claims = (claim("a", 10), claim("t", 1_000, TOKENS))

    verdicts = await asyncio.gather(
        *(store.reserve(b"%d-%d" % (n, m), claims, ONE, ONE) for n, store in enumerate(stores) for m in range(5))
    )

    assert sum(verdict.refused < 0 for verdict in verdicts) == 2
    assert ledger.asked == 1
    assert await stores[0].usage(["a", "t"]) == {"a": (8, 2), "t": (90, 200)}


async def test_counters_that_redis_lost_are_filled_again(opened: Opened, redis_db: str) -> None:
    ledger = Ledger({"race": 0})
    store = opened(redis_db, seeder=ledger)
    assert await race(store, 6, 10) == 6
    await store.reserve(b"open", (claim("race", 10),), ONE, ONE)
    ledger.sums = {"race": 6}

    await sent(redis_db, "FLUSHDB")
    await sent(redis_db, "SCRIPT", "FLUSH")
    admitted = await race(store, 20, 10, key="race")
    store.settle(b"open", ONE)
    settled = await spent(store, "race")
    await store.raise_to({"race": (11, claim("race").ends_at_ns)})

    assert (admitted, ledger.asked) == (3, 2)
    assert settled == (10, 0)
    assert await spent(store, "race") == (11, 0)


async def test_what_is_in_flight_when_redis_loses_everything_still_counts(opened: Opened, redis_db: str) -> None:
    store = opened(redis_db)
    claims = (claim("race", 10), claim("t", 950, TOKENS))
    for number in range(10):
        await store.reserve(b"before-%d" % number, claims, (1, 10, 0), ONE)

    await sent(redis_db, "FLUSHDB")
    verdicts = [await store.reserve(b"after-%d" % number, claims, ONE, ONE) for number in range(10)]
    held = await store.usage(["race", "t"])
    for number in range(10):
        store.settle(b"before-%d" % number, (1, 90, 0))
        store.settle(b"after-%d" % number, ONE)

    assert [verdict.refused for verdict in verdicts] == [0] * 10
    assert held == {"race": (0, 10), "t": (0, 950)}
    assert await store.usage(["race", "t"]) == {"race": (10, 0), "t": (900, 0)}


async def test_what_other_processes_have_in_flight_counts_again_soon(opened: Opened, redis_db: str) -> None:
    store, other = opened(redis_db), opened(redis_db)
    for number in range(3):
        await other.reserve(b"other-%d" % number, (claim("race", 10),), ONE, ONE)

    await sent(redis_db, "FLUSHDB")
    await store.reserve(b"mine", (claim("race", 10),), ONE, ONE)
    await until(lambda: reserved_is(store, 4))
    other.settle(b"other-0", ONE)
    await other.ping()

    assert await spent(store, "race") == (1, 3)


async def test_a_process_thought_dead_takes_back_what_it_holds(opened: Opened, redis_db: str) -> None:
    store, sleeper = opened(redis_db), opened(redis_db, pace=type(HASTY)(beat_s=2.5))
    await sleeper.reserve(b"1", (claim("race"),), ONE, ONE)
    await store.ping()
    await until(lambda: reserved_is(store, 0))

    await until(lambda: reserved_is(store, 1))
    sleeper.settle(b"1", ONE)
    await sleeper.ping()

    assert await spent(store, "race") == (1, 0)


async def test_a_settlement_waits_until_its_reservation_is_taken_again(opened: Opened, redis_db: str) -> None:
    store = opened(redis_db)
    await store.reserve(b"1", (claim("race"),), ONE, ONE)
    await sent(redis_db, "FLUSHDB")

    restored = asyncio.create_task(store._restore([b"1"]))
    await asyncio.sleep(0)
    store.settle(b"1", ONE)
    await restored

    assert await spent(store, "race") == (1, 0)


@pytest.mark.parametrize("is_raised", [False, True])
async def test_a_clock_behind_that_of_redis_does_not_lose_counters(
    opened: Opened, redis_db: str, is_raised: bool
) -> None:
    clock = StillClock()  # months behind
    store, ends_at_ns = opened(redis_db, clock=clock), clock.now_ns() + 30 * 10**9
    if is_raised:
        await store.raise_to({"race": (1, ends_at_ns)})

    verdicts = [
        await store.reserve(b"%d" % number, (Claim("race", 0, 3, ends_at_ns),), ONE, ONE) for number in range(20)
    ]

    assert sum(verdict.refused < 0 for verdict in verdicts) == 3 - is_raised
    assert 300_000 < await lifetime_ms(redis_db, "race") <= 330_000


async def test_a_counter_lives_a_minute_at_least(opened: Opened, redis_db: str) -> None:
    await opened(redis_db).reserve(b"1", (claim("a", ends_in_ns=-(10**13)),), ONE, ONE)

    assert 0 < await lifetime_ms(redis_db, "a") <= 60_000


async def lifetime_ms(url: str, key: str) -> int:
    async with redis.asyncio.Redis.from_url(url) as client:
        return int(await client.pttl(f"fd:tests:c:{key}"))


async def test_nothing_is_allowed_while_the_ledger_cannot_be_asked(opened: Opened, redis_db: str) -> None:
    ledger = Ledger({})
    ledger.error = RuntimeError("no database")
    clock = StillClock()
    store = opened(redis_db, seeder=ledger, clock=clock)

    for number in range(5):
        with pytest.raises(StoreUnavailable):
            await store.reserve(b"%d" % number, (claim("a"),), ONE, ONE)
    asked, held = ledger.asked, await spent(store, "a")
    ledger.error = None
    clock.seconds = 1
    verdict = await store.reserve(b"again", (claim("a"),), ONE, ONE)

    assert (asked, held) == (1, (0, 0))
    assert verdict.refused == -1
    assert await spent(store, "a") == (0, 1)


async def test_redis_restarted_is_met_with_a_new_connection(opened: Opened, own_redis: Redis) -> None:
    ledger = Ledger({"race": 4})
    store = opened(own_redis.url(), seeder=ledger)
    await race(store, 4, 10)

    own_redis.stop()
    own_redis.start()

    assert await race(store, 20, 10) == 6


@pytest.mark.parametrize("how", ["stopped", "paused"])
async def test_redis_away_is_told_at_once_and_settlements_arrive_when_it_is_back(
    opened: Opened, own_redis: Redis, how: str
) -> None:
    store = opened(own_redis.url(), seeder=Ledger({"a": 0}))
    await store.reserve(b"before", (claim("a", 10),), ONE, ONE)
    loop = asyncio.get_running_loop()
    own_redis.pause() if how == "paused" else own_redis.stop()

    waits, away_until = [], loop.time() + 2
    store.settle(b"before", ONE)
    number = 0
    while loop.time() < away_until:
        number, asked_at = number + 1, loop.time()
        with pytest.raises(StoreUnavailable):
            await store.reserve(b"away-%d" % number, (claim("a", 10),), ONE, ONE)
        waits.append(loop.time() - asked_at)
        await asyncio.sleep(0.01)
    was_failing, was_alive = store.is_failing, await store.ping()
    own_redis.resume() if how == "paused" else own_redis.start()
    await until(store.ping)
    await until(lambda: held_is(store, 0))

    assert (was_failing, was_alive, store.is_failing) == (True, False, False)
    assert max(waits) < 1.5
    assert number > 20
    assert await spent(store, "a") == ((1, 0) if how == "paused" else (0, 0))
    assert (await store.reserve(b"after", (claim("a", 10),), ONE, ONE)).refused == -1


async def held_is(store: RedisBudgets, amount: int) -> bool:
    with contextlib.suppress(StoreUnavailable):
        return (await spent(store, "a"))[1] == amount
    return False


async def test_a_reservation_that_redis_took_after_its_release_is_given_back(opened: Opened, redis_db: str) -> None:
    store = opened(redis_db)
    await store.reserve(b"1", (claim("race"),), ONE, ONE)

    store._held.clear()  # As if the answer had never come, and the release had overtaken the reservation.
    await until(lambda: reserved_is(store, 0))

    assert await spent(store, "race") == (0, 0)


async def test_errors_and_logs_do_not_tell_the_password(
    opened: Opened, own_redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    url = own_redis.url().replace("redis://:", "redis://:wrong-secret-")
    store = opened(url)

    with pytest.raises(StoreUnavailable) as raised:
        await store.reserve(b"1", (claim("a"),), ONE, ONE)

    assert "secret" not in f"{raised.value!r}{raised.value.__cause__!r}{caplog.text}"


async def test_closing_sends_the_last_settlements(opened: Opened, redis_db: str) -> None:
    store, other = opened(redis_db), opened(redis_db)
    for number in range(600):
        await store.reserve(b"%d" % number, (claim("a"),), ONE, ONE)

    for number in range(600):
        store.settle(b"%d" % number, ONE)
    await store.aclose()

    assert await spent(other, "a") == (600, 0)
    with pytest.raises(StoreUnavailable):
        await store.reserve(b"late", (claim("a"),), ONE, ONE)
