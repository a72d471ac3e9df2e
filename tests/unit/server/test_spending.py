"""Limits that are new count what their window has spent before they hold."""

from frontdesk.gateway.budgets.engine import Budgets
from frontdesk.gateway.budgets.terms import Budget
from frontdesk.gateway.snapshot import Snapshot
from frontdesk.gateway.stores.memory import MemoryBudgets
from frontdesk.server.spending import Spending
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


async def test_other_changes_ask_the_ledger_nothing(database_threads: None) -> None:
    store, read = MemoryBudgets(StillClock()), []
    after = Snapshot(
        version=2, operator_id=2, tenants={}, api_keys={}, providers={}, models={}, aliases={}, bare_names={}
    )  # fmt: skip

    await spending(store, read).prepare(BEFORE, after)

    assert read == []
