"""Budget counters in this process's memory: for one process, and for rates while the shared store is away."""

import heapq
import threading
from collections.abc import Iterable, Mapping, Sequence

from frontdesk.gateway.budgets.terms import MOST, Amounts
from frontdesk.gateway.clock import Clock
from frontdesk.gateway.ports import Claim, Verdict

KEPT_NS = 5 * 60 * 1_000_000_000
"""How long a counter is kept after its window ended, for calls that began in it."""
_PURGED_AT_ONCE = 4


class _Counter:
    __slots__ = ("reserved", "settled")

    def __init__(self) -> None:
        self.settled = 0
        self.reserved = 0


_Holding = list[tuple[_Counter, int, int]]
"""What a reservation holds: counter, unit, amount."""


class MemoryBudgets:
    """A BudgetStore for one process.

    May be used from any thread: each operation holds a lock, which costs 0.1 µs and never waits for anything. Counters
    are purged a few at a time when new ones come, so that nothing is done on calls that only count.
    """

    is_failing = False
    live_processes = 1

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counters: dict[str, _Counter] = {}
        self._ends: list[tuple[int, str]] = []
        self._held: dict[bytes, _Holding] = {}

    async def reserve(self, reservation: bytes, claims: Sequence[Claim], need: Amounts, want: Amounts) -> Verdict:
        """Reserve against all claims, or against none; a reservation that was held is given back in either case."""
        with self._lock:
            if reservation in self._held:
                self._give_back(reservation)
            counters = self._counters
            refused = -1
            left: list[int] = []
            held: _Holding = []
            for claim in claims:
                counter = counters.get(claim.key)
                if counter is None:
                    counter = self._born(claim.key, claim.ends_at_ns)
                unit = claim.unit
                remaining = claim.limit - counter.settled - counter.reserved
                if remaining < 0:
                    remaining = 0
                if remaining < need[unit] and refused < 0:
                    refused = len(left)
                left.append(remaining)
                wanted = want[unit]
                held.append((counter, unit, wanted if wanted < remaining else remaining))
            if refused < 0:
                for counter, _, amount in held:
                    counter.reserved += amount
                self._held[reservation] = held
            return Verdict(refused, tuple(left))

    def settle(self, reservation: bytes, actual: Amounts) -> None:
        """Put what was really spent in place of what was reserved; an unknown reservation changes nothing."""
        with self._lock:
            for counter, unit, amount in self._held.pop(reservation, ()):
                counter.reserved -= amount
                settled = counter.settled + actual[unit]
                counter.settled = settled if settled < MOST else MOST

    def seed(self, sums: Mapping[str, tuple[int, int]]) -> None:
        """Raise settled sums to at least these, by `budgets.terms.counter_unit_key`: (settled, ends_at_ns)."""
        with self._lock:
            for key, (settled, ends_at_ns) in sums.items():
                if ends_at_ns + KEPT_NS > self._clock.now_ns():
                    counter = self._counters.get(key) or self._born(key, ends_at_ns)
                    counter.settled = max(counter.settled, min(settled, MOST))

    async def raise_to(self, sums: Mapping[str, tuple[int, int]]) -> None:
        """Do the same as `seed`, as a store that is shared does it; see `RedisBudgets.raise_to`."""
        self.seed(sums)

    async def usage(self, keys: Iterable[str]) -> dict[str, tuple[int, int]]:
        """Tell (settled, reserved) of each counter that exists."""
        with self._lock:
            found = ((key, self._counters.get(key)) for key in keys)
            return {key: (counter.settled, counter.reserved) for key, counter in found if counter is not None}

    async def ping(self) -> bool:
        """Tell that the store answers."""
        return True

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""

    def _give_back(self, reservation: bytes) -> None:
        for counter, _, amount in self._held.pop(reservation):
            counter.reserved -= amount

    def _born(self, key: str, ends_at_ns: int) -> _Counter:
        """Make a counter, and let go of some whose time is over: so there are never many more than live ones."""
        counter = self._counters[key] = _Counter()
        heapq.heappush(self._ends, (ends_at_ns + KEPT_NS, key))
        now_ns = self._clock.now_ns()
        for _ in range(_PURGED_AT_ONCE):
            if self._ends[0][0] > now_ns or self._ends[0][1] == key:
                break
            del self._counters[heapq.heappop(self._ends)[1]]
        return counter
