"""Uses of keys are stored together and seldom, and a database that fails loses no request."""

import asyncio
from datetime import UTC, datetime

import pytest
from django.db import OperationalError

from frontdesk.server.key_uses import STORED_EVERY_NS, KeyUses

AT_NS = 1_790_000_000 * 1_000_000_000
AT = datetime.fromtimestamp(1_790_000_000, UTC)

pytestmark = pytest.mark.usefixtures("database_threads")


async def settled(uses: KeyUses) -> None:
    if uses._storing is not None:
        await asyncio.wait([uses._storing])


async def test_uses_are_stored_together_and_not_each():
    stored = []
    uses = KeyUses(stored.append)

    uses.note(1, AT_NS)
    uses.note(2, AT_NS)
    await settled(uses)
    uses.note(1, AT_NS + STORED_EVERY_NS)
    await settled(uses)
    uses.note(2, AT_NS + STORED_EVERY_NS + 1)
    await settled(uses)

    later = datetime.fromtimestamp(1_790_000_030, UTC)
    assert stored == [{1: AT, 2: AT}, {1: later, 2: later}]


async def test_a_database_that_fails_is_asked_again_later():
    asked = []

    def fail(times: object) -> None:
        asked.append(times)
        raise OperationalError("gone")

    uses = KeyUses(fail)
    uses.note(1, AT_NS)
    await settled(uses)
    uses.note(1, AT_NS + 2 * STORED_EVERY_NS)
    await settled(uses)

    assert len(asked) == 2
