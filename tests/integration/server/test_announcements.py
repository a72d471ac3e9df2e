"""News of the configuration over a real Redis: heard at once, missed while it is away, and looked for afterwards."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from frontdesk.server import announcements as announcements_module
from frontdesk.server.announcements import Announcements
from frontdesk.tenants import announcement
from tests.services import redis


class Heard:
    """Counts what was heard."""

    def __init__(self) -> None:
        self._news = asyncio.Semaphore(0)

    async def __call__(self) -> None:
        self._news.release()

    async def next(self) -> None:
        await asyncio.wait_for(self._news.acquire(), timeout=20)


@asynccontextmanager
async def listening(url: str, heard: Callable[[], Awaitable[None]]) -> AsyncIterator[Announcements]:
    announcements = Announcements(url, heard)
    task = asyncio.create_task(announcements.listen())
    try:
        yield announcements
    finally:
        task.cancel()
        await asyncio.wait([task])


async def failing(announcements: Announcements) -> None:
    for _ in range(2_000):
        if announcements.is_failing:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the loss was not noticed")


async def test_what_is_announced_is_heard(redis_db: str, settings) -> None:
    settings.REDIS_URL = redis_db
    heard = Heard()
    async with listening(redis_db, heard) as announcements:
        await heard.next()  # connected: something may have been missed before

        await asyncio.to_thread(announcement.announce, 7)

        await heard.next()
        assert not announcements.is_failing


async def test_a_redis_that_was_away_is_heard_again_and_what_was_missed_looked_for() -> None:
    heard = Heard()
    with redis.running() as server:
        async with listening(server.url(), heard) as announcements:
            await heard.next()
            await asyncio.to_thread(server.stop)
            await failing(announcements)

            await asyncio.to_thread(server.start)

            await heard.next()
            assert not announcements.is_failing


async def test_a_redis_that_hangs_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcements_module, "PING_S", 0.2)
    heard = Heard()
    with redis.running() as server:
        async with listening(server.url(), heard) as announcements:
            await heard.next()
            server.pause()

            await failing(announcements)
            server.resume()

            await heard.next()


async def test_without_redis_nothing_is_listened_to() -> None:
    announcements = Announcements("", Heard())

    await announcements.listen()

    assert not announcements.is_failing


def test_nothing_fails_where_redis_is_away(settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    announcement.announce(7)


@pytest.mark.django_db(transaction=True)
def test_several_changes_in_a_transaction_are_announced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import transaction

    from frontdesk.tenants.tenancy import bump_version, current_version

    told: list[int] = []
    monkeypatch.setattr(announcement, "announce", told.append)

    with transaction.atomic():
        bump_version()
        bump_version()
        assert told == []

    assert told == [current_version()]
