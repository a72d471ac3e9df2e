"""Tells the serving processes at once that the configuration has moved, where there is Redis.

Only the version's number travels. Without Redis, or while it is away, each process finds out by itself within a second,
so what goes wrong here is logged and nothing else.
"""

import importlib
from typing import Any

import structlog
from django.conf import settings

CHANNEL = "frontdesk:configuration"
_TIMEOUT_S = 0.25

logger = structlog.get_logger()


def announce(version: int) -> None:
    """Publish the configuration's version on Redis, if there is one; never fails, and takes half a second at most."""
    url = settings.REDIS_URL
    if not url:
        return
    redis: Any = importlib.import_module("redis")  # an extra: present where a Redis is configured
    try:
        with redis.Redis.from_url(
            url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, single_connection_client=True
        ) as client:
            client.publish(CHANNEL, version)
    except (redis.RedisError, OSError) as error:
        logger.warning("configuration_not_announced", error=type(error).__name__)
