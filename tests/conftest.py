"""What every test stands on: the cast, and threads that end. The environment is made in `tests.settings`.

Alice owns a tenant, Bob is her team mate, Mallory is another tenant.
"""

from collections.abc import Iterator

import pytest


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
    """End the database threads that the test started."""
    from frontdesk.tenants import database

    yield
    database.shutdown()
