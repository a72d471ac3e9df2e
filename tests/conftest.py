"""What every test stands on: the cast, threads that end, and real servers. The environment is made in `tests.settings`.

Alice owns a tenant, Bob is her team mate, Mallory is another tenant.
"""

import asyncio
import itertools
from collections.abc import Iterator

import pytest

from tests.services import shared
from tests.services.postgres import Postgres
from tests.services.process import or_skip
from tests.services.redis import DATABASES, Redis

_redis_databases = itertools.cycle(range(1, DATABASES))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what drives the browser last: its driver keeps an event loop running in the main thread."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture
def alice_tenant(db: None):
    """The tenant of Alice and Bob."""
    from frontdesk.tenants import services

    return services.create_tenant("Alice's Flowers", "alice", business_name="Alice's Flowers")


@pytest.fixture
def mallory_tenant(db: None):
    """The tenant that must never see Alice's."""
    from frontdesk.tenants import services

    return services.create_tenant("Mallory's Mugs", "mallory")


@pytest.fixture
def database_threads() -> Iterator[None]:
    """End the database threads that the test started; the one of Django's asynchronous queries lives on."""
    from asgiref.sync import sync_to_async
    from django.db import connections

    from frontdesk.tenants import database

    yield
    database.shutdown()
    asyncio.run(sync_to_async(connections.close_all)())


@pytest.fixture(scope="session")
def postgres_server() -> Postgres:
    """The run's PostgreSQL, shared by all tests: not to be stopped (`tests.services.postgres.running` is)."""
    return or_skip(shared.postgres)


@pytest.fixture(scope="session")
def redis_server() -> Redis:
    """The run's Redis, shared by all tests: not to be stopped (`tests.services.redis.running` is)."""
    return or_skip(shared.redis)


@pytest.fixture(scope="module")
def postgres_url(postgres_server: Postgres) -> Iterator[str]:
    """The address of an empty PostgreSQL database, a module's own."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(scope="module")
def redis_url(redis_server: Redis) -> str:
    """The address of a Redis database that is a module's own, and empty at first."""
    database = next(_redis_databases)
    redis_server.flush(database)
    return redis_server.url(database)


@pytest.fixture
def redis_db(redis_server: Redis) -> str:
    """The address of a Redis database that is a test's own, and empty."""
    database = next(_redis_databases)
    redis_server.flush(database)
    return redis_server.url(database)
