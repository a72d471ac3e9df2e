"""Who may serve beside whom: servers without Redis are alone on their data and on their database."""

from pathlib import Path

import pytest

from frontdesk.server import claims
from frontdesk.server.claims import DatabaseClaim
from frontdesk.server.listening import CannotServe


def test_a_server_alone_refuses_any_other(tmp_path: Path) -> None:
    with (
        claims.data_directory(tmp_path, is_shared=False),
        pytest.raises(CannotServe, match="another Frontdesk serves the data directory"),
        claims.data_directory(tmp_path, is_shared=False),
    ):
        pass


def test_servers_with_redis_share_a_data_directory(tmp_path: Path) -> None:
    with claims.data_directory(tmp_path, is_shared=True), claims.data_directory(tmp_path, is_shared=True):
        pass


def test_a_server_with_redis_refuses_to_join_one_without(tmp_path: Path) -> None:
    with (
        claims.data_directory(tmp_path, is_shared=False),
        pytest.raises(CannotServe, match="was started without FRONTDESK_REDIS_URL"),
        claims.data_directory(tmp_path, is_shared=True),
    ):
        pass


def test_the_data_directory_is_free_again_afterwards(tmp_path: Path) -> None:
    with claims.data_directory(tmp_path, is_shared=False):
        pass

    with claims.data_directory(tmp_path, is_shared=False):
        pass


@pytest.fixture
def claim(db: None, settings):
    """Makes claims as servers with and without Redis do, and gives them up after the test."""
    made: list[DatabaseClaim] = []

    def make(*, redis: bool) -> DatabaseClaim:
        settings.REDIS_URL = "redis://127.0.0.1:1/0" if redis else ""
        made.append(DatabaseClaim())
        return made[-1]

    yield make
    for each in made:
        each.release()


@pytest.fixture
def postgres_only() -> None:
    from django.db import connection

    if connection.vendor != "postgresql":
        pytest.skip("the lock is PostgreSQL's")


@pytest.mark.parametrize(("first", "second"), [(False, False), (False, True), (True, False)])
def test_a_database_is_shared_by_servers_with_redis_only(claim, postgres_only: None, first: bool, second: bool) -> None:
    claim(redis=first).take()

    with pytest.raises(CannotServe, match="another Frontdesk serves this database"):
        claim(redis=second).take()


def test_servers_with_redis_share_a_database(claim, postgres_only: None) -> None:
    claim(redis=True).take()
    claim(redis=True).take()


def test_a_claim_is_taken_again_after_its_connection_was_lost(claim, postgres_only: None) -> None:
    lost = claim(redis=False)
    lost.take()
    assert lost._wrapper is not None
    lost._wrapper.connection.close()

    lost.renew()

    with pytest.raises(CannotServe):
        claim(redis=False).take()


def test_on_sqlite_there_is_nothing_to_lock(claim) -> None:
    from django.db import connection

    if connection.vendor == "sqlite":
        claim(redis=False).take()
        claim(redis=False).take()
