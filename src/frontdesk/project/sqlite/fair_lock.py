"""A lock that serves its waiters in the order they came.

SQLite lets one connection write; the others sleep and try again, and the unlucky one gives up with "database is
locked". Here the threads of a process queue up instead, so each waits only for those before it.
"""

import threading
from collections import deque
from functools import cache


class FairLock:
    """A first-come, first-served mutual exclusion; not reentrant, may be released by another thread."""

    def __init__(self) -> None:
        self._state = threading.Lock()
        self._is_held = False
        self._waiters: deque[threading.Lock] = deque()

    @property
    def is_held(self) -> bool:
        """Tell whether anyone holds the lock."""
        return self._is_held

    @property
    def waiting(self) -> int:
        """Count those who wait."""
        return len(self._waiters)

    def acquire(self, timeout_s: float) -> bool:
        """Take the lock, waiting for those who came before; False if it did not come in time."""
        with self._state:
            if not self._is_held:
                self._is_held = True
                return True
            ticket = threading.Lock()
            ticket.acquire()
            self._waiters.append(ticket)
        if ticket.acquire(timeout=timeout_s):
            return True
        with self._state:
            if ticket in self._waiters:
                self._waiters.remove(ticket)
                return False
        return True  # it was handed over in the moment of giving up

    def release(self) -> None:
        """Hand the lock to the longest waiting, or free it."""
        with self._state:
            if self._waiters:
                self._waiters.popleft().release()
            else:
                self._is_held = False


@cache
def lock_for(database_name: str) -> FairLock:
    """Give the process's write lock of a database file."""
    return FairLock()
