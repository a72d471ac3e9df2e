"""Django's SQLite backend, whose writers queue up fairly: the threads of one process never meet a locked database.

The process-wide write lock is held from the first statement that may write until SQLite is out of the transaction:
from BEGIN IMMEDIATE to COMMIT or ROLLBACK, or around one statement in autocommit mode. Reads never wait.
"""

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeVar

from django.db.backends.sqlite3 import base

from frontdesk.project.sqlite.fair_lock import FairLock, lock_for

_READING = frozenset({"SELECT", "PRAGMA", "EXPLAIN", "VALUES"})
_WAL_ATTEMPTS = 100
_WAL_PAUSE_S = 0.05
_DEFAULT_TIMEOUT_S = 20.0

R = TypeVar("R")


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that holds the database's write lock while it is in a transaction that may write."""

    _holds_write_lock = False

    @property
    def write_lock(self) -> FairLock:
        """Give the lock that all writers of this database in this process share."""
        return lock_for(str(self.settings_dict["NAME"]))

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect, and switch the file to write-ahead logging; the first switch needs the file for itself."""
        connection = super().get_new_connection(conn_params)
        for attempts_left in reversed(range(_WAL_ATTEMPTS)):
            try:
                connection.execute("PRAGMA journal_mode=WAL").fetchone()
                break
            except self.Database.OperationalError:
                if not attempts_left:
                    connection.close()
                    raise
                time.sleep(_WAL_PAUSE_S)
        return connection

    def create_cursor(self, name: str | None = None) -> Any:
        """Make a cursor that takes the write lock when it needs to."""
        cursor = self.connection.cursor(factory=LockingCursor)
        cursor.wrapper = self
        return cursor

    def writing(self, execute: Callable[[], R]) -> R:
        """Run a statement that may write under the lock, and keep the lock while a transaction is open after it."""
        self._take_write_lock()
        try:
            return execute()
        finally:
            self.settle_write_lock()

    def _take_write_lock(self) -> None:
        if self._holds_write_lock:
            return
        timeout_s = float(self.settings_dict["OPTIONS"].get("timeout", _DEFAULT_TIMEOUT_S))
        if not self.write_lock.acquire(timeout_s):
            raise self.Database.OperationalError(
                f"database is locked: another thread has been writing for {timeout_s:g} s"
            )
        self._holds_write_lock = True

    def settle_write_lock(self) -> None:
        """Give the lock back unless SQLite is in a transaction."""
        if self._holds_write_lock and not (self.connection is not None and self.connection.in_transaction):
            self._holds_write_lock = False
            self.write_lock.release()

    def _commit(self) -> Any:
        try:
            return super()._commit()  # type: ignore[misc]  # private in Django
        finally:
            self.settle_write_lock()

    def _rollback(self) -> Any:
        try:
            return super()._rollback()  # type: ignore[misc]  # private in Django
        finally:
            self.settle_write_lock()

    def _close(self) -> Any:
        try:
            return super()._close()  # type: ignore[misc]  # private in Django
        finally:
            if self._holds_write_lock:  # closing ended the transaction, whatever it was
                self._holds_write_lock = False
                self.write_lock.release()


class LockingCursor(base.SQLiteCursorWrapper):
    """Takes the write lock around statements that may write.

    In autocommit mode the rows of a RETURNING are read at once: SQLite stays in its transaction until they are.
    """

    wrapper: DatabaseWrapper
    _rows: Iterator[Any] | None = None

    def execute(self, query: str, params: Any = None) -> Any:
        """Run one statement."""
        self._rows = None
        if _first_word(query) in _READING:
            return super().execute(query, params)
        return self.wrapper.writing(lambda: self._write(query, params))

    def _write(self, query: str, params: Any) -> Any:
        result = super().execute(query, params)
        if self.description is not None:
            self._rows = iter(super().fetchall())
        return result

    def executemany(self, query: str, param_list: Any) -> Any:
        """Run one statement for each set of values."""
        self._rows = None
        return self.wrapper.writing(lambda: super(LockingCursor, self).executemany(query, param_list))

    def fetchone(self) -> Any:
        """Give the next row, or None."""
        return super().fetchone() if self._rows is None else next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Give the next rows."""
        count = self.arraysize if size is None else size
        if self._rows is None:
            return list(super().fetchmany(count))
        return list(islice(self._rows, count))

    def fetchall(self) -> list[Any]:
        """Give the rows that are left."""
        return list(super().fetchall()) if self._rows is None else list(self._rows)

    def __next__(self) -> Any:
        return super().__next__() if self._rows is None else next(self._rows)


def _first_word(query: str) -> str:
    return query.lstrip(" \t\r\n(")[:8].split(None, 1)[0].upper() if query.strip() else ""
