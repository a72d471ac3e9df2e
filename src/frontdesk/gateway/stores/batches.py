"""Sends what many tasks ask of Redis together: one owner task, one batch of commands at a time.

What is asked while a batch is under way goes out with the next, so the busier the process, the larger the batches. It
knows when Redis fails and when it is back, and keeps the commands that must arrive until then; what commands mean is
not its business.
"""

import asyncio
import contextlib
import dataclasses
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import structlog

from frontdesk.gateway.ports import StoreUnavailable
from frontdesk.gateway.stores.link import Command, LinkBroken, RedisLink

_MOST_AT_ONCE = 256
_MOST_WAITING = 4_096
_MOST_KEPT = 100_000

logger = structlog.get_logger()


@dataclasses.dataclass(frozen=True)
class Pace:
    """How long things take and may take."""

    timeout_s: float = 1.0
    """For one exchange with Redis; connecting is part of it."""
    retry_s: float = 0.25
    """How long Redis is left alone after a failure; meanwhile whoever asks is refused at once."""
    settle_s: float = 0.005
    """How long a command that nobody waits for may wait for company."""
    beat_s: float = 10.0
    """How often a process says that it is alive, and looks for silent ones."""
    silence_s: float = 30.0
    """After which silence a process is taken for dead."""
    seeding_s: float = 5.0
    """How long asking for sums and writing them may take."""


@dataclasses.dataclass(slots=True, eq=False)
class _Ask:
    command: Command
    answer: asyncio.Future[Any]


class Batches:
    """A queue to Redis and its owner task. Belongs to the event loop that first asks."""

    def __init__(self, link: RedisLink, pace: Pace, *, beat: Command, heard: Callable[[Any], None]) -> None:
        """Take the command that goes first on every connection and each `beat_s`, and who is told its answer."""
        self._link = link
        self._pace = pace
        self._beat = beat
        self._heard = heard
        self._asks: deque[_Ask] = deque()
        self._kept: dict[bytes, Command] = {}
        self._wake = asyncio.Event()
        self._owner: asyncio.Task[None] | None = None
        self._beat_timer: asyncio.TimerHandle | None = None
        self._kept_timer: asyncio.TimerHandle | None = None
        self._is_beat_due = True
        self._failures = 0
        self._is_closed = False

    @property
    def is_failing(self) -> bool:
        """Tell whether the last batch failed."""
        return self._failures > 0

    @property
    def is_asking(self) -> bool:
        """Tell whether commands are taken: not while Redis fails, or too many wait."""
        return not (self._failures or self._is_closed or len(self._asks) >= _MOST_WAITING)

    def ask(self, command: Command) -> asyncio.Future[Any]:
        """Queue a command; the future gets its answer or StoreUnavailable. StoreUnavailable if not `is_asking`."""
        if self._owner is None:
            self._start()
        if not self.is_asking:
            raise StoreUnavailable("Redis does not answer, or is asked too much.")
        ask = _Ask(command, asyncio.get_running_loop().create_future())
        self._asks.append(ask)
        self._wake.set()
        return ask.answer

    def keep(self, key: bytes, command: Command) -> None:
        """Send a command soon, and again until it arrives; of several with one key only the last."""
        if len(self._kept) >= _MOST_KEPT and key not in self._kept:
            logger.error("redis_command_dropped", kept=len(self._kept))
            return
        self._kept[key] = command
        if self._kept_timer is None and self._owner is not None and not self._is_closed:
            self._kept_timer = self._owner.get_loop().call_later(self._pace.settle_s, self._wake.set)

    def keeps(self, key: bytes) -> bool:
        """Tell whether a command with this key has not been sent yet."""
        return key in self._kept

    async def aclose(self, farewell: Command) -> None:
        """Send what is kept and a last command, if Redis answers; then close."""
        if self._owner is None:
            return
        with contextlib.suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(4 * self._pace.timeout_s):
                while self._kept:
                    await self.ask(("PING",))
                await self.ask(farewell)
        self._is_closed = True
        self._owner.cancel()
        await asyncio.gather(self._owner, return_exceptions=True)
        for timer in (self._beat_timer, self._kept_timer):
            if timer is not None:
                timer.cancel()
        self._refuse([*self._asks])
        self._asks.clear()
        await self._link.close()

    def _start(self) -> None:
        self._owner = asyncio.get_running_loop().create_task(self._run(), name="redis-batches")
        self._be_due()

    def _be_due(self) -> None:
        """Let the beat go with the next batch, which is now; and again later."""
        self._is_beat_due = True
        self._wake.set()
        self._beat_timer = asyncio.get_running_loop().call_later(self._pace.beat_s, self._be_due)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._failures:
                # The first time at once: it may have been one lost connection, or this process that stood still.
                await asyncio.sleep(self._pace.retry_s if self._failures > 1 else 0)
                self._is_beat_due = True
            if self._kept_timer is not None:
                self._kept_timer.cancel()
                self._kept_timer = None
            try:
                await self._round()
            except Exception:  # The owner must live on, whatever is wrong with one batch.
                logger.exception("redis_batch_failed")
                self._fail("unexpected")
            if self._asks or self._kept:
                self._wake.set()

    async def _round(self) -> None:
        """Send one batch: what is kept, the beat, what was asked; in this order, see `RedisBudgets`."""
        kept = [(key, self._kept.pop(key)) for key in _first(self._kept, _MOST_AT_ONCE)]
        asks = [self._asks.popleft() for _ in range(min(len(self._asks), _MOST_AT_ONCE))]
        asks = [ask for ask in asks if not ask.answer.done()]
        beats = [self._beat] if self._is_beat_due else []
        commands = [*(command for _, command in kept), *beats, *(ask.command for ask in asks)]
        if not commands:
            return
        try:
            answers = await self._link.exchange(commands)
        except BaseException as error:
            self._put_back(kept)
            self._refuse(asks)
            if not isinstance(error, LinkBroken):
                raise
            self._fail(str(error))
            return
        self._is_beat_due = False
        self._deliver(kept, beats, asks, answers)

    def _deliver(
        self, kept: list[tuple[bytes, Command]], beats: list[Command], asks: list[_Ask], answers: list[Any]
    ) -> None:
        errors = [answer for answer in answers if isinstance(answer, Exception)]
        lost = [item for item, answer in zip(kept, answers, strict=False) if isinstance(answer, Exception)]
        self._put_back(lost)
        first = len(kept) + len(beats)
        for ask, answer in zip(asks, answers[first:], strict=True):
            if isinstance(answer, Exception):
                self._refuse([ask])
            elif not ask.answer.done():
                ask.answer.set_result(answer)
        if errors:
            self._fail(str(errors[0])[:100])
            return
        if beats:
            self._heard(answers[len(kept)])
        if self._failures:
            self._failures = 0
            logger.info("redis_is_back")

    def _fail(self, reason: str) -> None:
        if not self._failures:
            logger.warning("redis_fails", reason=reason)
        self._failures += 1
        self._refuse([*self._asks])
        self._asks.clear()
        self._wake.set()

    def _put_back(self, kept: list[tuple[bytes, Command]]) -> None:
        for key, command in kept:
            self._kept.setdefault(key, command)

    def _refuse(self, asks: list[_Ask]) -> None:
        for ask in asks:
            if not ask.answer.done():
                ask.answer.set_exception(StoreUnavailable("Redis does not answer."))
                ask.answer.exception()  # Looked at: whoever asked may have gone.


def _first(keys: Iterable[bytes], most: int) -> list[bytes]:
    return [key for key, _ in zip(keys, range(most), strict=False)]
