"""What every budget store must do: in memory and on a real Redis."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from frontdesk.gateway.budgets.terms import MOST, Amounts
from frontdesk.gateway.clock import SystemClock
from frontdesk.gateway.stores.memory import MemoryBudgets
from tests.contract.budget_stores import NOTHING, ONE, REQUESTS, TOKENS, USD, Store, claim, race, redis_budgets, spent

MINUTE_NS = 60 * 10**9


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    made = (
        MemoryBudgets(SystemClock())
        if request.param == "memory"
        else redis_budgets(request.getfixturevalue("redis_db"))
    )
    yield made
    await made.aclose()


async def test_reserves_against_all_claims_and_tells_what_was_left(store: Store) -> None:
    claims = (claim("a", 10), claim("b", 1_000, TOKENS), claim("c", 5_000, USD))

    verdict = await store.reserve(b"1", claims, ONE, ONE)

    assert (verdict.refused, verdict.left) == (-1, (10, 1_000, 5_000))
    assert await store.usage(["a", "b", "c", "d"]) == {"a": (0, 1), "b": (0, 100), "c": (0, 1_000)}


async def test_reserves_nothing_if_one_claim_refuses(store: Store) -> None:
    claims = (claim("a", 10), claim("b", 99, TOKENS), claim("c", 999, USD))

    verdict = await store.reserve(b"1", claims, ONE, ONE)

    assert (verdict.refused, verdict.left) == (1, (10, 99, 999))
    assert [await spent(store, key) for key in "abc"] == [(0, 0)] * 3


async def test_takes_what_is_left_where_that_is_less_than_wanted_but_enough(store: Store) -> None:
    claims = (claim("t", 150, TOKENS),)

    first = await store.reserve(b"1", claims, (1, 10, 0), (1, 120, 0))
    second = await store.reserve(b"2", claims, (1, 10, 0), (1, 120, 0))
    third = await store.reserve(b"3", claims, (1, 10, 0), (1, 120, 0))

    assert [(verdict.refused, verdict.left) for verdict in (first, second, third)] == [
        (-1, (150,)),
        (-1, (30,)),
        (0, (0,)),
    ]
    assert await spent(store, "t") == (0, 150)


@pytest.mark.parametrize(("actual", "settled"), [(40, 40), (100, 100), (250, 250), (0, 0)])
async def test_settling_puts_what_was_spent_in_place_of_what_was_reserved(
    store: Store, actual: int, settled: int
) -> None:
    await store.reserve(b"1", (claim("t", 200, TOKENS),), ONE, ONE)

    store.settle(b"1", (1, actual, 0))

    assert await spent(store, "t") == (settled, 0)


async def test_settling_what_is_unknown_or_settled_changes_nothing(store: Store) -> None:
    await store.reserve(b"1", (claim("a", 10),), ONE, ONE)
    store.settle(b"1", ONE)
    store.settle(b"1", NOTHING)
    before = await spent(store, "a")

    store.settle(b"1", ONE)
    store.settle(b"2", ONE)

    assert before == await spent(store, "a") == (1, 0)


async def test_reserving_again_replaces_what_is_held(store: Store) -> None:
    await store.reserve(b"1", (claim("old", 10), claim("t", 100, TOKENS)), ONE, ONE)

    verdict = await store.reserve(b"1", (claim("new", 10), claim("t", 100, TOKENS)), (1, 100, 0), (1, 100, 0))

    assert (verdict.refused, verdict.left) == (-1, (10, 100))
    assert await store.usage(["old", "new", "t"]) == {"old": (0, 0), "new": (0, 1), "t": (0, 100)}


async def test_a_refusal_gives_back_what_the_reservation_held_before(store: Store) -> None:
    await store.reserve(b"1", (claim("a", 1),), ONE, ONE)

    verdict = await store.reserve(b"1", (claim("a", 1), claim("none", 0)), ONE, ONE)
    store.settle(b"1", ONE)

    assert (verdict.refused, verdict.left) == (1, (1, 0))
    assert await spent(store, "a") == (0, 0)


async def test_a_limit_of_zero_refuses_whatever_needs_something(store: Store) -> None:
    refused = await store.reserve(b"1", (claim("a", 0),), ONE, ONE)
    allowed = await store.reserve(b"2", (claim("t", 0, TOKENS),), (1, 0, 0), ONE)
    store.settle(b"2", (1, 7, 0))

    assert (refused.refused, allowed.refused, allowed.left) == (0, -1, (0,))
    assert await spent(store, "t") == (7, 0)


async def test_a_limit_below_what_is_spent_leaves_nothing_and_a_higher_one_the_rest(store: Store) -> None:
    await store.reserve(b"1", (claim("a", 10),), (5, 0, 0), (5, 0, 0))
    store.settle(b"1", (5, 0, 0))

    lowered = await store.reserve(b"2", (claim("a", 3),), ONE, ONE)
    raised = await store.reserve(b"3", (claim("a", 6),), ONE, ONE)

    assert (lowered.refused, lowered.left) == (0, (0,))
    assert (raised.refused, raised.left) == (-1, (1,))


async def test_counts_up_to_the_largest_limit_exactly(store: Store) -> None:
    claims = (claim("c", MOST, USD),)
    await store.reserve(b"1", claims, (0, 0, MOST - 3), (0, 0, MOST - 3))

    verdict = await store.reserve(b"2", claims, (0, 0, 3), (0, 0, MOST))
    store.settle(b"1", (0, 0, MOST - 4))

    assert verdict.left == (3,)
    assert await spent(store, "c") == (MOST - 4, 3)


async def test_a_sum_stops_at_the_largest_limit(store: Store) -> None:
    for reservation in (b"1", b"2"):
        await store.reserve(reservation, (claim("c", MOST, USD),), NOTHING, NOTHING)

    store.settle(b"1", (0, 0, MOST))
    store.settle(b"2", (0, 0, MOST))

    assert await spent(store, "c") == (MOST, 0)


async def test_many_claims_and_hostile_names_are_counted_apart(store: Store) -> None:
    keys = [f"session:{number}:\r\n$0 {{*}} \x00 ü" for number in range(60)]

    verdict = await store.reserve(b"\x00\r\n" * 5, [claim(key, 10) for key in keys], ONE, ONE)

    assert verdict.left == (10,) * 60
    assert await store.usage(keys) == dict.fromkeys(keys, (0, 1))


async def test_a_call_without_claims_is_allowed(store: Store) -> None:
    verdict = await store.reserve(b"1", (), ONE, ONE)
    store.settle(b"1", ONE)

    assert (verdict.refused, verdict.left) == (-1, ())


async def test_a_counter_is_kept_five_minutes_after_its_window(store: Store) -> None:
    await store.reserve(b"1", (claim("late", 10, ends_in_ns=-4 * MINUTE_NS),), ONE, ONE)
    for number in range(3):
        await store.reserve(b"n%d" % number, (claim(f"new-{number}"),), ONE, ONE)

    store.settle(b"1", ONE)

    assert await store.usage(["late"]) == {"late": (1, 0)}


async def test_sums_of_the_ledger_raise_and_never_lower(store: Store) -> None:
    ends_at_ns = claim("a").ends_at_ns
    for reservation in (b"1", b"2"):
        await store.reserve(reservation, (claim("a"), claim("b")), (3, 0, 0), (3, 0, 0))
    store.settle(b"1", (3, 0, 0))
    await spent(store, "a")

    await store.raise_to({"a": (2, ends_at_ns), "b": (9, ends_at_ns), "c": (4, ends_at_ns), "old": (1, 1)})

    assert await store.usage(["a", "b", "c", "old"]) == {"a": (3, 3), "b": (9, 3), "c": (4, 0)}


async def test_answers_and_counts_itself_alive(store: Store) -> None:
    assert await store.ping()
    assert not store.is_failing
    assert store.live_processes == 1


async def test_two_hundred_at_once_are_admitted_up_to_the_limit_exactly(store: Store) -> None:
    admitted = await race(store, 200, 73)

    assert admitted == 73
    assert await store.usage(["race", "race-t"]) == {"race": (73, 0), "race-t": (7_300, 0)}


async def test_a_cancelled_reservation_leaves_nothing(store: Store) -> None:
    tasks = [asyncio.create_task(store.reserve(b"%d" % n, (claim("a"),), ONE, ONE)) for n in range(20)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()

    done = await asyncio.gather(*tasks, return_exceptions=True)
    held = sum(not isinstance(verdict, BaseException) for verdict in done)
    await store.ping()

    assert await spent(store, "a") == (0, held)


class Oracle:
    """The same arithmetic without counters: all sums are made anew from what was ever reserved and settled."""

    def __init__(self) -> None:
        self.held: dict[int, dict[str, int]] = {}
        self.settled: list[dict[str, int]] = []

    def sums(self, key: str) -> tuple[int, int]:
        return sum(part.get(key, 0) for part in self.settled), sum(part.get(key, 0) for part in self.held.values())

    def reserve(self, number: int, limits: list[int], need: Amounts, want: Amounts) -> tuple[int, tuple[int, ...]]:
        self.held.pop(number, None)
        left = tuple(max(0, limit - sum(self.sums("abc"[unit]))) for unit, limit in enumerate(limits))
        refused = next((unit for unit in (REQUESTS, TOKENS, USD) if left[unit] < need[unit]), -1)
        if refused < 0:
            self.held[number] = {"abc"[unit]: min(want[unit], left[unit]) for unit in (REQUESTS, TOKENS, USD)}
        return refused, left

    def settle(self, number: int, actual: Amounts) -> None:
        if self.held.pop(number, None) is not None:
            self.settled.append(dict(zip("abc", actual, strict=True)))


amounts = st.tuples(st.integers(0, 2), st.integers(0, 60), st.integers(0, MOST // 64))
limits = st.lists(st.integers(0, 5) | st.integers(0, 200) | st.just(MOST), min_size=3, max_size=3)
steps = st.lists(st.tuples(st.sampled_from(["reserve", "settle"]), st.integers(0, 3), limits, amounts, amounts))


@pytest.fixture
def names() -> Iterator[str]:
    return (f"example-{number}-" for number in itertools.count())


@given(steps=steps)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_order_of_steps_counts_as_the_oracle_does(store: Store, names: Iterator[str], steps: list) -> None:
    name, oracle = next(names), Oracle()

    for action, number, bounds, need, want in steps:
        reservation = f"{name}{number}".encode()
        if action == "settle":
            store.settle(reservation, want)
            oracle.settle(number, want)
        else:
            claims = [claim(f"{name}{key}", bounds[unit], unit) for unit, key in enumerate("abc")]
            verdict = await store.reserve(reservation, claims, need, want)
            assert (verdict.refused, verdict.left) == oracle.reserve(number, bounds, need, want)

    assert [await spent(store, f"{name}{key}") for key in "abc"] == [oracle.sums(key) for key in "abc"]
    for number in range(4):
        store.settle(f"{name}{number}".encode(), NOTHING)


@given(steps=st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=120), limit=st.integers(0, 12))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_calls_of_a_fixed_size_never_pass_the_limit(
    store: Store, names: Iterator[str], steps: list, limit: int
) -> None:
    name = next(names)

    for is_reserve, number in steps:
        if is_reserve:
            await store.reserve(f"{name}{number}".encode(), (claim(name, limit),), ONE, ONE)
        else:
            store.settle(f"{name}{number}".encode(), ONE)
        assert sum(await spent(store, name)) <= limit
