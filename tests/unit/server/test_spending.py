"""Limits that are new count what their window has spent before they hold."""

from typing import Any

import pytest

from frontdesk.gateway.budgets.engine import Budgets
from frontdesk.gateway.budgets.terms import Budget
from frontdesk.gateway.snapshot import Snapshot, Tenant
from frontdesk.gateway.stores.memory import MemoryBudgets
from frontdesk.server.spending import Spending, sharers
from tests.fakes.calls import NOON_NS, StillClock

KEY = "tenant:5:day:UTC:1789948800:requests"
BEFORE = Snapshot(
    version=1, operator_id=1, tenants={}, api_keys={}, providers={}, models={}, aliases={}, bare_names={}
)  # fmt: skip
LIMITED = Budget(scope="tenant", owner="5", tenant_id=5, unit="requests", window="day", limit=9)


def spending(store: MemoryBudgets, read: list[int]) -> Spending:
    def sums() -> dict[str, tuple[int, int]]:
        read.append(1)
        return {KEY: (7, NOON_NS + 10**15)}

    return Spending(store, Budgets(store), sums)


async def test_a_new_limit_finds_what_was_spent(database_threads: None) -> None:
    store, read = MemoryBudgets(StillClock()), []
    after = Snapshot(
        version=2, operator_id=1, tenants={}, api_keys={}, providers={}, models={}, aliases={}, bare_names={},
        budgets={"tenant:5": (LIMITED,)},
    )  # fmt: skip

    await spending(store, read).prepare(BEFORE, after)

    assert await store.usage([KEY]) == {KEY: (7, 0)}


def in_zones(*zones: str) -> Snapshot:
    tenants = {number: Tenant(id=number, name="T", zone=zone) for number, zone in enumerate(zones, start=5)}
    return Snapshot(
        version=1, operator_id=5, tenants=tenants, api_keys={}, providers={}, models={}, aliases={}, bare_names={},
        budgets={"tenant:5": (LIMITED,)},
    )  # fmt: skip


@pytest.mark.parametrize("after", [("Asia/Tokyo", "UTC"), ("UTC", "Asia/Tokyo"), ("UTC", "UTC", "Asia/Tokyo")])
async def test_windows_of_a_new_zone_find_what_was_spent(database_threads: None, after: tuple[str, ...]) -> None:
    store, read = MemoryBudgets(StillClock()), []

    await spending(store, read).prepare(in_zones("UTC", "UTC"), in_zones(*after))

    assert await store.usage([KEY]) == {KEY: (7, 0)}


async def test_a_tenant_that_goes_asks_the_ledger_nothing(database_threads: None) -> None:
    store, read = MemoryBudgets(StillClock()), []

    await spending(store, read).prepare(in_zones("UTC", "Asia/Tokyo"), in_zones("UTC"))

    assert read == []


@pytest.mark.parametrize(("alive", "started", "shared"), [(1, 4, 4), (6, 4, 6), (1, 1, 1)])
def test_rates_are_shared_by_the_processes_started_or_seen(alive: int, started: int, shared: int) -> None:
    store = MemoryBudgets(StillClock())
    store.live_processes = alive

    assert sharers(store, started) == shared


async def test_a_process_that_never_met_redis_takes_its_part_of_the_rates(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"workers": 4})

    made = Spending.of_process(StillClock(), "tests", dict)

    assert made.budgets._processes() == 4


async def test_other_changes_ask_the_ledger_nothing(database_threads: None) -> None:
    store, read = MemoryBudgets(StillClock()), []
    after = Snapshot(
        version=2, operator_id=2, tenants={}, api_keys={}, providers={}, models={}, aliases={}, bare_names={}
    )  # fmt: skip

    await spending(store, read).prepare(BEFORE, after)

    assert read == []
