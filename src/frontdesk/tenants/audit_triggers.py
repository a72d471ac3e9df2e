"""Triggers by which the database itself refuses to change or remove audit events, whoever asks.

A migration that rebuilds the table loses them on SQLite and must install them again; a test looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "tenants_auditevent"
MESSAGE = "audit events are only added"

_SQLITE = (
    *(
        f"CREATE TRIGGER IF NOT EXISTS {TABLE}_no_{verb} BEFORE {verb.upper()} ON {TABLE} "
        f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
        for verb in ("update", "delete")
    ),
    # REPLACE removes the row in its way without any trigger for deletions.
    f"CREATE TRIGGER IF NOT EXISTS {TABLE}_no_replace BEFORE INSERT ON {TABLE} "  # noqa: S608  # made of constants
    f"WHEN EXISTS (SELECT 1 FROM {TABLE} WHERE id = NEW.id) "
    f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END",
)
_POSTGRESQL = (
    f"CREATE OR REPLACE FUNCTION {TABLE}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'restrict_violation'; END $$",
    f"DROP TRIGGER IF EXISTS {TABLE}_final ON {TABLE}",
    # An upsert is an update to it, and there is no REPLACE: nothing is needed for inserts.
    # For the statement, not for each row: so that even one that would touch no row is refused, and TRUNCATE too.
    f"CREATE TRIGGER {TABLE}_final BEFORE UPDATE OR DELETE OR TRUNCATE ON {TABLE} "
    f"FOR EACH STATEMENT EXECUTE FUNCTION {TABLE}_refuse()",
)
_REMOVE = {
    "sqlite": tuple(f"DROP TRIGGER IF EXISTS {TABLE}_no_{verb}" for verb in ("update", "delete", "replace")),
    "postgresql": (f"DROP TRIGGER IF EXISTS {TABLE}_final ON {TABLE}",),
}
_INSTALL = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}


def install(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place; a second time changes nothing."""
    _execute(connection, _INSTALL.get(connection.vendor, ()))


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away."""
    _execute(connection, _REMOVE.get(connection.vendor, ()))


@contextmanager
def lifted(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Let the block empty the table; for test databases, which are emptied between tests."""
    remove(connection)
    try:
        yield
    finally:
        install(connection)


def _execute(connection: BaseDatabaseWrapper, statements: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
