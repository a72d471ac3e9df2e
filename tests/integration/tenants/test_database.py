"""Asynchronous code on the database threads."""

import asyncio
import sqlite3
import threading
import time

import pytest
from django.db import DatabaseError, connection

from frontdesk.tenants import database, services
from frontdesk.tenants.models import Tenant

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("database_threads")]


async def test_reads_and_writes_are_done_on_another_thread():
    tenant = await database.run(services.create_tenant, "Alice", slug="alice")

    found = await database.run(lambda: (threading.current_thread().name, Tenant.objects.get(slug="alice").pk))

    assert found[0].startswith("database")
    assert found[1] == tenant.pk


async def test_threads_are_bounded():
    async def name() -> str:
        return await database.run(lambda: threading.current_thread().name)

    names = await asyncio.gather(*[name() for _ in range(100)])

    assert len(set(names)) <= 8


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="SQLite has one writer")
async def test_turns_have_a_single_thread_of_their_own():
    names = await asyncio.gather(*[database.run_turn(lambda: threading.current_thread().name) for _ in range(20)])

    assert len(set(names)) == 1
    assert names[0].startswith("turn")


async def test_concurrent_writers_meet_no_locked_database():
    tenant = await database.run(services.create_tenant, "Alice", "alice")

    await asyncio.gather(
        *[database.run(services.create_api_key, tenant, f"key {n}", ["gateway:call"]) for n in range(60)],
        *[database.run_turn(services.create_api_key, tenant, f"turn {n}", ["gateway:call"]) for n in range(60)],
    )

    assert await database.run(lambda: tenant.apikey_set.count()) == 120


async def test_error_reaches_the_caller_and_the_next_call_works():
    with pytest.raises(DatabaseError):
        await database.run(lambda: connection.cursor().execute("SELECT nonsense"))

    assert await database.run(lambda: Tenant.objects.filter(slug="nobody").count()) == 0


async def test_pools_start_again_after_a_shutdown():
    await database.run(lambda: Tenant.objects.count())

    database.shutdown()

    assert await database.run(lambda: Tenant.objects.filter(slug="nobody").count()) == 0


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no server that could end connections")
async def test_a_restarted_server_costs_no_call():
    def end_the_others() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid, 1000)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid != pg_backend_pid()"
            )
            return cursor.fetchone()[0]

    await asyncio.gather(*[database.run(Tenant.objects.count) for _ in range(30)])
    await database.run_turn(Tenant.objects.count)
    ended = await database.run(end_the_others)

    counts = await asyncio.gather(*[database.run(Tenant.objects.count) for _ in range(30)])

    assert ended >= 1
    assert len(set(counts)) == 1
    assert await database.run_turn(Tenant.objects.count) == counts[0]


async def test_shutdown_closes_the_connection_of_every_thread():
    opened = []

    def open_one() -> None:
        connection.ensure_connection()
        opened.append(connection.connection)
        time.sleep(0.01)  # so that each of the threads takes part

    await asyncio.gather(*[database.run(open_one) for _ in range(40)])
    database.shutdown()

    assert len({id(each) for each in opened}) > 1
    assert [each for each in opened if not _is_closed(each)] == []


def _is_closed(connected) -> bool:
    if connection.vendor != "sqlite":
        return connected.closed
    try:
        connected.total_changes  # noqa: B018 (asked for its error)
    except sqlite3.ProgrammingError:
        return True
    return False
