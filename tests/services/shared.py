"""The servers that a test run shares: each starts when first asked for, and ends with the run."""

import atexit
import functools

from tests.services.postgres import Postgres
from tests.services.redis import Redis


@functools.cache
def postgres() -> Postgres:
    """Give the run's PostgreSQL; ServiceMissing where it is not installed."""
    server = Postgres()
    atexit.register(server.close)
    return server


@functools.cache
def redis() -> Redis:
    """Give the run's Redis; ServiceMissing where it is not installed."""
    server = Redis()
    atexit.register(server.close)
    return server
