"""Who may serve: alone, or beside others that share budgets and news through Redis.

Without Redis a server is the only one on its data directory and on its database: it counts budgets in its memory and
keeps conversations in order by itself. With Redis any number may, as long as all of them have it.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from django.conf import settings
from django.db import Error, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from frontdesk.server.listening import CannotServe

_KEY = 0x66_72_6F_6E_74  # "front"
"""Of PostgreSQL's advisory lock; any number that nobody else takes."""

logger = structlog.get_logger()


@contextmanager
def data_directory(path: Path, *, is_shared: bool) -> Iterator[None]:
    """Own the data directory, or share it with servers that share it too; CannotServe when others do not."""
    with (path / "serve.lock").open("w") as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            hint = (
                "was started without FRONTDESK_REDIS_URL: stop it first"
                if is_shared
                else "stop it first, set FRONTDESK_DATA_DIR, or give both the same FRONTDESK_REDIS_URL"
            )
            raise CannotServe(f"another Frontdesk serves the data directory {path}: {hint}") from error
        yield


class DatabaseClaim:
    """The same for a database on a server, by an advisory lock on a connection of its own.

    Call it on one thread. It lasts as long as that connection; `renew` takes it again after the database was away.
    """

    def __init__(self) -> None:
        """Prepare; nothing is locked."""
        self._wrapper: BaseDatabaseWrapper | None = None
        self._is_disputed = False

    def take(self) -> None:
        """Lock; CannotServe when another server does not allow it. On SQLite the data directory's lock says it all."""
        if connection.vendor != "postgresql":
            return
        if not self._lock():
            raise CannotServe(
                "another Frontdesk serves this database, and one of the two has no FRONTDESK_REDIS_URL: "
                "stop it first, or give both the same FRONTDESK_REDIS_URL"
            )

    def renew(self) -> None:
        """Lock again if the connection was lost meanwhile; a dispute is logged, as nobody can be refused any more."""
        if self._wrapper is None:
            return
        try:
            if self._wrapper.connection is not None and self._wrapper.is_usable():
                return
            self._wrapper.close()
            is_disputed = not self._lock()
        except Error:
            return  # still away
        if is_disputed and not self._is_disputed:
            logger.error("database_shared_without_redis")
        self._is_disputed = is_disputed

    def release(self) -> None:
        """Let the database go."""
        if self._wrapper is not None:
            self._wrapper.close()
            self._wrapper = None

    def _lock(self) -> bool:
        wrapper = self._wrapper or connections.create_connection("default")
        wrapper.inc_thread_sharing()
        self._wrapper = wrapper
        function = "pg_try_advisory_lock_shared" if settings.REDIS_URL else "pg_try_advisory_lock"
        with wrapper.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [_KEY])
            row = cursor.fetchone()
        return bool(row and row[0])
