"""When keys were last used: noted in memory for each request, stored a few times a minute, all keys at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import structlog
from django.db import DatabaseError

from frontdesk.tenants import api_keys, database

STORED_EVERY_NS = 30 * 1_000_000_000

logger = structlog.get_logger()


class KeyUses:
    """The last use of each key since what was noted was stored. A process that is killed forgets half a minute."""

    __slots__ = ("_last_used_ns", "_store", "_stored_at_ns", "_storing")

    def __init__(self, store: Callable[[Mapping[int, datetime]], None] = api_keys.note_uses) -> None:
        """Take the function that stores the times by key id, on a database thread."""
        self._store = store
        self._last_used_ns: dict[int, int] = {}
        self._stored_at_ns = 0
        self._storing: asyncio.Task[None] | None = None

    def note(self, key_id: int, now_ns: int) -> None:
        """Note a use; when the last storing is a while ago, begin another beside the request."""
        self._last_used_ns[key_id] = now_ns
        if now_ns - self._stored_at_ns > STORED_EVERY_NS and (self._storing is None or self._storing.done()):
            self._stored_at_ns = now_ns
            self._storing = asyncio.get_running_loop().create_task(self._store_all())

    async def _store_all(self) -> None:
        noted, self._last_used_ns = self._last_used_ns, {}
        times = {key_id: datetime.fromtimestamp(ns // 1_000_000_000, UTC) for key_id, ns in noted.items()}
        try:
            await database.run(self._store, times)
        except DatabaseError:
            # Only a time that people look at: the next use is stored when the database is back.
            logger.warning("key_uses_not_stored", keys=len(times), exc_info=True)
