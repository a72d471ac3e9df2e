"""Batches of commands: what goes out together, what is refused, and what is kept until it arrives."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from redis.exceptions import ResponseError

from frontdesk.gateway.ports import StoreUnavailable
from frontdesk.gateway.stores.batches import Batches, Pace
from frontdesk.gateway.stores.link import Command, LinkBroken

BEAT: Command = ("BEAT",)
PACE = Pace(retry_s=0, settle_s=0)


class FakeLink:
    """Answers each command with its second word, when it is let; fails while `error` is set."""

    def __init__(self) -> None:
        self.batches: list[list[Command]] = []
        self.error: Exception | None = None
        self.answers: dict[Command, Any] = {}
        self.open = asyncio.Event()
        self.open.set()
        self.is_closed = False

    async def exchange(self, commands: Sequence[Command]) -> list[Any]:
        self.batches.append(list(commands))
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return [self.answers.get(command, command[-1]) for command in commands]

    async def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
def heard() -> list[Any]:
    return []


@pytest.fixture
async def batches(link: FakeLink, heard: list[Any]) -> AsyncIterator[Batches]:
    made = Batches(link, PACE, beat=BEAT, heard=heard.append)  # type: ignore[arg-type]
    yield made
    await made.aclose(("BYE",))


async def turns(count: int = 20) -> None:
    """Let the other tasks run."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if is_so():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to be")


async def test_what_is_asked_in_one_turn_goes_out_together_after_the_beat(
    batches: Batches, link: FakeLink, heard: list[Any]
) -> None:
    answers = await asyncio.gather(*(batches.ask(("GET", number)) for number in range(3)))

    assert answers == [0, 1, 2]
    assert link.batches == [[BEAT, ("GET", 0), ("GET", 1), ("GET", 2)]]
    assert heard == ["BEAT"]


async def test_what_is_asked_meanwhile_goes_out_with_the_next(batches: Batches, link: FakeLink) -> None:
    link.open.clear()
    first = batches.ask(("GET", 1))
    await turns()
    later = [batches.ask(("GET", 2)), batches.ask(("GET", 3))]
    await turns()

    link.open.set()
    await asyncio.gather(first, *later)

    assert link.batches == [[BEAT, ("GET", 1)], [("GET", 2), ("GET", 3)]]


async def test_a_batch_is_bounded(batches: Batches, link: FakeLink) -> None:
    await asyncio.gather(*(batches.ask(("GET", number)) for number in range(600)))

    assert [len(batch) for batch in link.batches] == [257, 256, 88]


async def test_what_nobody_waits_for_any_more_is_not_sent(batches: Batches, link: FakeLink) -> None:
    batches.ask(("GET", 1)).cancel()
    await batches.ask(("GET", 2))

    assert link.batches == [[BEAT, ("GET", 2)]]


async def test_kept_commands_go_before_what_is_asked(batches: Batches, link: FakeLink) -> None:
    await batches.ask(("PING",))

    batches.keep(b"1", ("SETTLE", 1))
    batches.keep(b"1", ("SETTLE", 2))
    await batches.ask(("GET", 1))

    assert link.batches[1:] == [[("SETTLE", 2), ("GET", 1)]]
    assert not batches.keeps(b"1")


async def test_kept_commands_go_without_company_too(batches: Batches, link: FakeLink) -> None:
    await batches.ask(("PING",))

    batches.keep(b"1", ("SETTLE", 1))
    await until(lambda: len(link.batches) == 2)

    assert link.batches[1:] == [[("SETTLE", 1)]]


async def test_too_many_waiting_are_refused(batches: Batches, link: FakeLink) -> None:
    link.open.clear()
    waiting = [batches.ask(("GET", number)) for number in range(4_096)]

    with pytest.raises(StoreUnavailable):
        batches.ask(("GET", -1))
    link.open.set()

    assert await asyncio.gather(*waiting) == list(range(4_096))
    assert not batches.is_failing


async def test_a_broken_link_refuses_all_and_keeps_what_must_arrive(batches: Batches, link: FakeLink) -> None:
    await batches.ask(("PING",))
    link.error = LinkBroken("ConnectionError", hung=False)
    batches.keep(b"1", ("SETTLE", 1))
    asked = batches.ask(("GET", 1))

    with pytest.raises(StoreUnavailable):
        await asked
    with pytest.raises(StoreUnavailable):
        batches.ask(("GET", 2))
    was_failing = batches.is_failing
    link.error = None
    await until(lambda: not batches.is_failing)

    assert was_failing
    assert link.batches[-1] == [("SETTLE", 1), BEAT]
    assert await batches.ask(("GET", 3)) == 3


async def test_an_error_for_one_command_refuses_it_and_answers_the_others(batches: Batches, link: FakeLink) -> None:
    link.answers = {("GET", 1): ResponseError("OOM")}

    answers = await asyncio.gather(batches.ask(("GET", 1)), batches.ask(("GET", 2)), return_exceptions=True)

    assert [type(answers[0]), answers[1]] == [StoreUnavailable, 2]


async def test_an_unforeseen_error_does_not_end_the_owner(batches: Batches, link: FakeLink) -> None:
    link.error = TypeError("a command that cannot be packed")
    with pytest.raises(StoreUnavailable):
        await batches.ask(("GET", 1))

    link.error = None
    await until(lambda: not batches.is_failing)

    assert await batches.ask(("GET", 2)) == 2


async def test_closing_sends_what_is_kept_and_the_farewell_and_takes_nothing_more(
    batches: Batches, link: FakeLink
) -> None:
    await batches.ask(("PING",))
    batches.keep(b"1", ("SETTLE", 1))

    await batches.aclose(("BYE",))

    assert [command for batch in link.batches for command in batch][-3:] == [("SETTLE", 1), ("PING",), ("BYE",)]
    assert link.is_closed
    with pytest.raises(StoreUnavailable):
        batches.ask(("GET", 1))
