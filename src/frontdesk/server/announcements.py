"""Hears on Redis that the configuration has moved, and has it read at once; without Redis nothing is heard."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from frontdesk.tenants.announcement import CHANNEL

PING_S = 5.0
"""How long Redis may be silent before it is asked whether it is there."""
TIMEOUT_S = 2.0
FIRST_BACKOFF_S = 0.1
LONGEST_BACKOFF_S = 5.0

logger = structlog.get_logger()


class Announcements:
    """Listens until cancelled; connects again whenever the connection is lost."""

    def __init__(self, url: str, when_heard: Callable[[], Awaitable[None]]) -> None:
        """Take Redis' address and what to do; an empty address means that there is no Redis."""
        self._url = url
        self._when_heard = when_heard
        self.is_failing = False
        """Whether there is a Redis that cannot be reached now."""

    async def listen(self) -> None:
        """Listen until cancelled. What was missed while Redis was away is looked for as soon as it is back."""
        backoff_s = FIRST_BACKOFF_S
        while self._url:
            try:
                async with asyncio.timeout(None) as limit:
                    await self._hear(limit)
            except Exception as error:  # noqa: BLE001
                # Whatever it is means the same: configuration is found by polling until Redis can be heard again.
                backoff_s = FIRST_BACKOFF_S if not self.is_failing else min(2 * backoff_s, LONGEST_BACKOFF_S)
                self._failed(error)
            await asyncio.sleep(backoff_s)

    async def _hear(self, limit: asyncio.Timeout) -> None:
        redis: Any = importlib.import_module("redis.asyncio")  # an extra: present where a Redis is configured
        loop = asyncio.get_running_loop()
        limit.reschedule(loop.time() + TIMEOUT_S)
        async with (
            redis.Redis.from_url(self._url, socket_connect_timeout=TIMEOUT_S) as client,
            client.pubsub() as channel,
        ):
            await channel.subscribe(CHANNEL)
            is_asked = False
            while True:
                limit.reschedule(loop.time() + PING_S + TIMEOUT_S)
                message = await channel.get_message(timeout=PING_S)
                if message is None:
                    if is_asked:
                        raise TimeoutError("Redis does not answer")
                    is_asked = True
                    await channel.ping()
                    continue
                is_asked = False
                self._succeeded()
                if message["type"] in ("subscribe", "message"):
                    limit.reschedule(None)
                    await self._when_heard()

    def _failed(self, error: Exception) -> None:
        if not self.is_failing:
            logger.warning("redis_lost", error=type(error).__name__)
        self.is_failing = True

    def _succeeded(self) -> None:
        if self.is_failing:
            logger.info("redis_back")
        self.is_failing = False
