"""One answer at a time in each conversation, first come first served."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MAX_WAIT_S = 30.0
"""How long a message waits for the ones before it; then it is answered beside them."""


class ConversationOrder:
    """Keeps the messages of each conversation in line; holds nothing for conversations that are quiet.

    Works within one process. Several processes may answer two messages of one conversation at once; both are stored
    and answered then, too.
    """

    def __init__(self, max_wait_s: float = MAX_WAIT_S) -> None:
        self._max_wait_s = max_wait_s
        self._lines: dict[tuple[int, int], _Line] = {}

    @asynccontextmanager
    async def place(self, tenant_id: int, conversation_id: int | None) -> AsyncIterator[None]:
        """Wait for the messages before this one; a new conversation (None) has none."""
        if conversation_id is None:
            yield
            return
        key = (tenant_id, conversation_id)
        line = self._lines.setdefault(key, _Line())
        line.members += 1
        has_turn = False
        try:
            has_turn = await self._wait(line.lock)
            yield
        finally:
            if has_turn:
                line.lock.release()
            line.members -= 1
            if not line.members:
                del self._lines[key]

    async def _wait(self, lock: asyncio.Lock) -> bool:
        try:
            return await asyncio.wait_for(lock.acquire(), self._max_wait_s)
        except TimeoutError:
            return False


class _Line:
    """Those who wait in one conversation."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.members = 0
