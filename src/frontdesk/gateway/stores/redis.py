"""Budget counters in Redis, shared by all processes: one script for a reservation with all its limits, one to settle.

What Redis holds can be lost at any time: a marker tells that the counters were filled from the ledger, and where it is
missing they are filled again before anything is allowed, and each process reserves again what it holds. A process that
dies gives back what it held: all processes say now and then that they live, and each looks for those that have fallen
silent.
"""

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import structlog

from frontdesk.gateway.budgets.terms import MOST, Amounts
from frontdesk.gateway.clock import Clock
from frontdesk.gateway.ports import Claim, StoreUnavailable, Verdict
from frontdesk.gateway.stores import scripts
from frontdesk.gateway.stores.batches import Batches, Pace
from frontdesk.gateway.stores.link import Command, RedisLink

Seeder = Callable[[], Awaitable[Mapping[str, tuple[int, int]]]]
"""Gives what the ledger knows of each counter: (settled, ends_at_ns) by `budgets.terms.counter_unit_key`."""

_KEPT_MS = 5 * 60 * 1_000
"""How long a counter is kept after its window ended, for calls that began in it."""
_LEAST_LIFE_MS = 60 * 1_000
_RAISED_AT_ONCE = 200
_RESTORED_AT_ONCE = 200
_READ_AT_ONCE = 200
_SEED_AGAIN_S = 1.0
_LOOK_AGAIN_S = 0.05
_NOTHING: Amounts = (0, 0, 0)

_RESERVE, _SETTLE, _BEAT, _RAISE = map(scripts.digest, (scripts.RESERVE, scripts.SETTLE, scripts.BEAT, scripts.RAISE))
_RESTORE = scripts.digest(scripts.RESTORE)

_Holding = tuple[Sequence[Claim], Amounts, Sequence[int]]
"""What a reservation was allowed: its claims, what it wanted of each unit, and what each claim had left."""

logger = structlog.get_logger()


class RedisBudgets:
    """A BudgetStore for any number of processes. Belongs to the event loop that first asks; close it there.

    `is_failing` is whether the last exchange failed; meanwhile reservations are refused at once, and settlements are
    kept and sent when Redis is back.
    """

    def __init__(
        self, url: str, process_id: str, clock: Clock, *, instance: str, seeder: Seeder, pace: Pace | None = None
    ) -> None:
        """Take Redis' address, and `instance`, which tells this installation's keys from others'. ValueError for a URL.

        `process_id` may come again after a restart: a random part is added to it.
        """
        self._pace = pace or Pace()
        self._clock = clock
        self._seeder = seeder
        prefix = f"fd:{instance}:"
        self._process = f"{process_id}-{secrets.token_hex(4)}"
        self._counters = prefix + "c:"
        self._marker, self._lock, self._processes = prefix + "seeded", prefix + "seeding", prefix + "processes"
        self._opens = prefix + "open:"
        self._open = self._opens + self._process
        self._held: dict[bytes, _Holding | None] = {}
        """What this process has reserved; None until Redis has answered."""
        self._restoring: dict[bytes, Amounts | None] = {}
        """What is being reserved again, with its settlement if that came meanwhile: it must not go first."""
        self._restorer: asyncio.Task[None] | None = None
        self._seeding: asyncio.Task[None] | None = None
        self._seed_after = 0.0
        self.live_processes = 1
        """How many processes were alive at the last beat."""
        link = RedisLink(url, scripts=scripts.TEXTS, timeout_s=self._pace.timeout_s)
        self._batches = Batches(link, self._pace, beat=self._beat(), heard=self._heard)

    @property
    def is_failing(self) -> bool:
        """Tell whether Redis did not answer when it was last asked."""
        return self._batches.is_failing

    async def reserve(self, reservation: bytes, claims: Sequence[Claim], need: Amounts, want: Amounts) -> Verdict:
        """Reserve against all claims, or against none; a reservation that was held is given back in either case."""
        if not self._batches.is_asking:
            self.settle(reservation, _NOTHING)
            raise StoreUnavailable("Redis does not answer, or is asked too much.")
        command: list[str | bytes | int] = ["EVALSHA", _RESERVE, 3 + len(claims), self._marker, self._open]
        command.append(self._processes)
        command += [self._counters + claim.key for claim in claims]
        command += (reservation, self._process, *need, *want)
        for claim in claims:
            command += (claim.unit, claim.limit, self._life_ms(claim.ends_at_ns))
        self._held[reservation] = None
        self._restoring.pop(reservation, None)
        try:
            answer = await self._seeded(tuple(command))
        except BaseException:
            # Also when cancelled: Redis may have reserved, or may yet.
            self.settle(reservation, _NOTHING)
            raise
        verdict = Verdict(answer[0], tuple(answer[1:]))
        if verdict.refused >= 0:
            self._held.pop(reservation, None)
        elif reservation in self._held:
            self._held[reservation] = (claims, want, verdict.left)
        return verdict

    def settle(self, reservation: bytes, actual: Amounts) -> None:
        """Put what was really spent in place of what was reserved; an unknown reservation changes nothing.

        Redis learns it some milliseconds later, together with others, or when it is back.
        """
        if reservation not in self._held:
            return
        del self._held[reservation]
        if reservation in self._restoring:
            self._restoring[reservation] = actual
        else:
            self._send_settlement(reservation, actual)

    def _send_settlement(self, reservation: bytes, actual: Amounts) -> None:
        self._batches.keep(reservation, ("EVALSHA", _SETTLE, 1, self._open, reservation, *actual, MOST))

    async def raise_to(self, sums: Mapping[str, tuple[int, int]]) -> None:
        """Raise settled sums to at least the ledger's: it may know of calls that Redis lost. StoreUnavailable.

        Give sums that were read some seconds ago: what the ledger has and no settlement has brought yet would be
        counted twice.
        """
        now_ns = self._clock.now_ns()
        pairs: list[tuple[str, int, int]] = []
        for key, (settled, ends_at_ns) in sums.items():
            if ends_at_ns + _KEPT_MS * 1_000_000 > now_ns:
                pairs.append((self._counters + key, min(settled, MOST), self._life_ms(ends_at_ns)))
        for start in range(0, len(pairs), _RAISED_AT_ONCE):
            some = pairs[start : start + _RAISED_AT_ONCE]
            arguments = itertools.chain.from_iterable((settled, life_ms) for _, settled, life_ms in some)
            await self._batches.ask(("EVALSHA", _RAISE, len(some), *(key for key, _, _ in some), *arguments))

    async def usage(self, keys: Iterable[str]) -> dict[str, tuple[int, int]]:
        """Tell (settled, reserved) of each counter that exists. StoreUnavailable."""
        wanted = list(keys)
        found = {}
        for start in range(0, len(wanted), _READ_AT_ONCE):
            some = wanted[start : start + _READ_AT_ONCE]
            answers = [self._batches.ask(("HMGET", self._counters + key, "s", "r")) for key in some]
            for key, (settled, reserved) in zip(some, await asyncio.gather(*answers), strict=True):
                if settled is not None or reserved is not None:
                    found[key] = (int(settled or 0), int(reserved or 0))
        return found

    async def ping(self) -> bool:
        """Tell whether Redis answers."""
        try:
            await self._batches.ask(("PING",))
        except StoreUnavailable:
            return False
        return True

    async def aclose(self) -> None:
        """Send the last settlements, give back what is still held, and leave the living processes."""
        if self._seeding is not None:
            self._seeding.cancel()
            await asyncio.gather(self._seeding, return_exceptions=True)
        if self._restorer is not None:
            await asyncio.gather(self._restorer, return_exceptions=True)
        await self._batches.aclose(self._beat(leaving=True))

    def _beat(self, *, leaving: bool = False) -> Command:
        silence_ms = round(self._pace.silence_s * 1_000)
        return ("EVALSHA", _BEAT, 1, self._processes, self._process, silence_ms, self._opens, int(leaving))

    def _heard(self, answer: tuple[int, list[bytes]]) -> None:
        """Take the answer to a beat: how many live, and which reservations Redis holds for this process.

        One that nobody here has any more was sent on a connection that broke, and reached Redis after its release.
        Settlements go before the beat in a batch and reservations after it, so none that lives is taken for such. One
        that Redis does not hold was lost there, or given back when this process seemed dead: it is reserved again.
        """
        self.live_processes, held = answer
        for reservation in held:
            if not (reservation in self._held or reservation in self._restoring or self._batches.keeps(reservation)):
                self._send_settlement(reservation, _NOTHING)
        known = set(held)
        lost = [reservation for reservation, holding in self._held.items() if holding and reservation not in known]
        if lost and (self._restorer is None or self._restorer.done()):
            self._restorer = asyncio.create_task(self._restore(lost), name="redis-restoring")

    async def _restore(self, reservations: Sequence[bytes]) -> None:
        """Reserve again what Redis has lost; what does not arrive is found missing at the next beat."""
        for start in range(0, len(reservations), _RESTORED_AT_ONCE):
            asked: dict[bytes, asyncio.Future[int]] = {}
            try:
                for reservation in reservations[start : start + _RESTORED_AT_ONCE]:
                    holding = self._held.get(reservation)
                    if holding is not None and reservation not in self._restoring:
                        asked[reservation] = self._batches.ask(self._restoration(reservation, *holding))
                        self._restoring[reservation] = None
                await asyncio.gather(*asked.values())
            except StoreUnavailable:
                return
            finally:
                for reservation in asked:
                    actual = self._restoring.pop(reservation, None)
                    if actual is not None:
                        self._send_settlement(reservation, actual)

    def _restoration(self, reservation: bytes, claims: Sequence[Claim], want: Amounts, left: Sequence[int]) -> Command:
        keys = [self._counters + claim.key for claim in claims]
        command: list[str | bytes | int] = ["EVALSHA", _RESTORE, 2 + len(keys), self._open, self._processes, *keys]
        command += (reservation, self._process)
        for claim, remaining in zip(claims, left, strict=True):
            command += (claim.unit, min(want[claim.unit], remaining), self._life_ms(claim.ends_at_ns))
        return tuple(command)

    def _life_ms(self, ends_at_ns: int) -> int:
        """Tell how long from now a counter is to be kept, by this process's clock, whatever that of Redis says."""
        return max(_LEAST_LIFE_MS, (ends_at_ns - self._clock.now_ns()) // 1_000_000 + _KEPT_MS)

    async def _seeded(self, command: Command) -> list[int]:
        """Ask for a reservation, and fill the counters first where Redis does not have them."""
        answer: list[int] = await self._batches.ask(command)
        if answer[0] != scripts.UNSEEDED:
            return answer
        if self._seeding is None or self._seeding.done():
            if self._clock.monotonic() < self._seed_after:
                raise StoreUnavailable("Redis has lost the counters, and the ledger could not be asked.")
            self._seeding = asyncio.create_task(self._seed(), name="redis-seeding")
            self._seeding.add_done_callback(_look_at)
        await asyncio.shield(self._seeding)
        answer = await self._batches.ask(command)
        if answer[0] == scripts.UNSEEDED:
            raise StoreUnavailable("Redis has lost the counters again.")
        return answer

    async def _seed(self) -> None:
        """Fill the counters from the ledger, or wait for the process that does; before that, reserve what is held."""
        try:
            async with asyncio.timeout(self._pace.seeding_s):
                await self._restore([*self._held])
                while not await self._batches.ask(("EXISTS", self._marker)):
                    lease_ms = round(self._pace.seeding_s * 1_000)
                    if await self._batches.ask(("SET", self._lock, self._process, "NX", "PX", lease_ms)):
                        await self._fill()
                        return
                    await asyncio.sleep(_LOOK_AGAIN_S)
        except TimeoutError as error:
            self._seed_after = self._clock.monotonic() + _SEED_AGAIN_S
            raise StoreUnavailable("Redis has lost the counters, and filling them takes too long.") from error

    async def _fill(self) -> None:
        try:
            sums = await self._seeder()
        except Exception as error:  # Whatever the owner of the ledger raises, the store cannot be asked now.
            logger.exception("budget_seeding_failed")
            self._seed_after = self._clock.monotonic() + _SEED_AGAIN_S
            raise StoreUnavailable("Redis has lost the counters, and the ledger could not be asked.") from error
        else:
            await self.raise_to(sums)
            await self._batches.ask(("SET", self._marker, 1))
            logger.info("budgets_seeded", counters=len(sums))
        finally:
            await self._batches.ask(("DEL", self._lock))


def _look_at(task: asyncio.Task[None]) -> None:
    """Look at a task's error even when nobody waits for it any more."""
    if not task.cancelled():
        task.exception()
