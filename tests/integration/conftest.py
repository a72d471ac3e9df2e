"""What the tests on a database share."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _tables_can_be_emptied() -> Iterator[None]:
    """Let Django empty the tables after a test that committed: the database refuses to remove audit events."""
    from django.db.backends.base.operations import BaseDatabaseOperations

    from frontdesk.tenants import audit_triggers

    empty = BaseDatabaseOperations.execute_sql_flush

    def lift_and_empty(self: BaseDatabaseOperations, statements: list[str]) -> None:
        with audit_triggers.lifted(self.connection):
            empty(self, statements)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseDatabaseOperations, "execute_sql_flush", lift_and_empty)
        yield
