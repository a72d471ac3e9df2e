"""The memory store beyond what every store does: old counters go, and threads may come in between."""

import asyncio
import threading
from collections.abc import Iterator

from frontdesk.gateway.ports import Claim
from frontdesk.gateway.stores.memory import KEPT_NS, MemoryBudgets
from tests.fakes.calls import NOON_NS

ONE = (1, 0, 0)


class SetClock:
    """A Clock that is set by hand."""

    def __init__(self) -> None:
        self.ns = NOON_NS

    def now_ns(self) -> int:
        return self.ns

    def monotonic(self) -> float:
        return self.ns / 1e9


async def test_counters_of_past_windows_are_let_go_when_new_ones_come() -> None:
    clock = SetClock()
    store = MemoryBudgets(clock)
    minutes = [Claim(f"minute-{number}", 0, 5, NOON_NS + number * 60 * 10**9) for number in range(1_000)]

    for number, claim in enumerate(minutes):
        clock.ns = claim.ends_at_ns - 1
        await store.reserve(b"%d" % number, (claim,), ONE, ONE)
        store.settle(b"%d" % number, ONE)

    kept = await store.usage([claim.key for claim in minutes])
    assert list(kept) == [claim.key for claim in minutes[-6:]]
    assert len(store._counters) == len(store._ends) == 6


async def test_a_call_that_outlives_its_counter_settles_without_harm() -> None:
    clock = SetClock()
    store = MemoryBudgets(clock)
    await store.reserve(b"1", (Claim("old", 0, 5, NOON_NS),), ONE, ONE)

    clock.ns = NOON_NS + KEPT_NS + 1
    await store.reserve(b"2", (Claim("new", 0, 5, clock.ns + 1),), ONE, ONE)
    store.settle(b"1", ONE)

    assert await store.usage(["old", "new"]) == {"new": (0, 1)}


async def test_sums_of_past_windows_are_not_taken() -> None:
    store = MemoryBudgets(SetClock())

    store.seed({"past": (3, NOON_NS - KEPT_NS), "late": (4, NOON_NS - KEPT_NS + 1), "now": (5, NOON_NS + 1)})

    assert await store.usage(["past", "late", "now"]) == {"late": (4, 0), "now": (5, 0)}


class Interrupted(list[Claim]):
    """Claims that let another thread reserve after the first of them was looked at."""

    def __init__(self, claims: list[Claim], other: threading.Thread) -> None:
        super().__init__(claims)
        self.other = other

    def __iter__(self) -> Iterator[Claim]:
        yield self[0]
        self.other.start()
        self.other.join(0.05)  # With the store as it should be, it waits for this one.
        yield from self[1:]


def test_a_thread_that_comes_in_between_waits_and_sees_what_is_left() -> None:
    store = MemoryBudgets(SetClock())
    claims = [Claim(key, 0, 1, NOON_NS + 1) for key in "ab"]
    refused: dict[bytes, int] = {}

    def reserve(reservation: bytes, claims: list[Claim]) -> None:
        refused[reservation] = asyncio.run(store.reserve(reservation, claims, ONE, ONE)).refused

    other = threading.Thread(target=reserve, args=(b"2", claims))
    reserve(b"1", Interrupted(claims, other))
    other.join()

    assert refused == {b"1": -1, b"2": 0}
    assert asyncio.run(store.usage("ab")) == {"a": (0, 1), "b": (0, 1)}
