"""Holds the Snapshot in force and swaps it when the configuration's version moves."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from frontdesk.gateway.snapshot import Snapshot
from frontdesk.tenants import database

POLL_S = 1.0
FULL_READ_S = 60.0
"""A full read this often finds what moved without a version: expiry dates, edits by hand in the database."""

logger = structlog.get_logger()


class SnapshotHolder:
    """Fulfils `gateway.ports.SnapshotSource`. When it cannot be read, the last Snapshot stays in force."""

    def __init__(self, read: Callable[[], Snapshot], read_version: Callable[[], int]) -> None:
        """Read the first Snapshot at once; both functions run on a database thread afterwards."""
        self._read = read
        self._read_version = read_version
        self.is_failing = False
        """Whether the last look at the configuration failed; the Snapshot before it is in force."""
        self.prepare: Callable[[Snapshot, Snapshot], Awaitable[None]] | None = None
        """What is done between reading a Snapshot and putting it in force in place of the one before; never fails."""
        self._asked_at = float("-inf")
        self._asked: asyncio.Task[bool] | None = None
        self.current = read()
        self._seen_at = time.monotonic()

    @property
    def age_s(self) -> float:
        """Tell how long ago the configuration was last seen to be the one in force."""
        return time.monotonic() - self._seen_at

    async def refresh(self) -> None:
        """Look for changes now, because somebody says that there are some."""
        await self._refresh(force=False)

    async def keep_current(self) -> None:
        """Poll for changes until cancelled."""
        loop = asyncio.get_running_loop()
        read_at = loop.time()
        while True:
            await asyncio.sleep(POLL_S)
            is_due = loop.time() - read_at >= FULL_READ_S
            if await self._refresh(force=is_due):
                read_at = loop.time()

    async def refresh_for_unknown(self) -> None:
        """Look for changes now, because something unknown was asked for; all who ask meanwhile wait for the same look.

        At most once in a poll interval, so that wrong keys cannot keep the database busy.
        """
        loop = asyncio.get_running_loop()
        if self._asked is None or self._asked.done():
            if loop.time() - self._asked_at < POLL_S:
                return
            self._asked_at = loop.time()
            self._asked = loop.create_task(self._refresh(force=False))
        await asyncio.shield(self._asked)

    async def _refresh(self, *, force: bool) -> bool:
        asked_at = time.monotonic()
        try:
            snapshot = await database.run(self._changed, force)
        except Exception:
            # Whatever it is (a database that is away, a row that cannot be read), the next look must still come.
            if not self.is_failing:
                logger.exception("snapshot_not_refreshed")
            self.is_failing = True
            return False
        self.is_failing = False
        self._seen_at = asked_at
        if snapshot is None or snapshot.version < self.current.version:
            return False
        if self.prepare is not None:
            await self.prepare(self.current, snapshot)
            if snapshot.version < self.current.version:
                return False  # another look was faster meanwhile
        self.current = snapshot
        return True

    def _changed(self, force: bool) -> Snapshot | None:
        if not force and self._read_version() == self.current.version:
            return None
        return self._read()
