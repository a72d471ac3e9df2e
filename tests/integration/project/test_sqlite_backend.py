"""The SQLite backend: threads of one process write side by side and never meet a locked database."""

import threading

import pytest
from django.db import connection, transaction
from django.db.utils import IntegrityError, OperationalError

from frontdesk.tenants import services
from frontdesk.tenants.models import ApiKey, Tenant

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'sqlite'", reason="SQLite's own"),
]

THREADS, ROWS = 8, 40


def in_threads(work, count=THREADS):
    errors = []

    def guarded(number):
        try:
            work(number)
        except Exception as error:  # noqa: BLE001 (whatever it is, the test reports it)
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=guarded, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def pragma(name):
    with connection.cursor() as cursor:
        return cursor.execute(f"PRAGMA {name}").fetchone()[0]


def test_connection_has_the_chosen_pragmas():
    assert [pragma(name) for name in ("journal_mode", "synchronous", "cache_size", "mmap_size", "temp_store")] == [
        "wal", 1, -4000, 134217728, 2
    ]  # fmt: skip
    assert (pragma("journal_size_limit"), pragma("foreign_keys")) == (67108864, 1)


def test_autocommit_and_transactional_writers_side_by_side_lose_nothing():
    tenant = services.create_tenant("Alice", "alice")

    def write(number):
        for row in range(ROWS):
            digest = f"{number}-{row}".encode()
            if row % 2:
                ApiKey(tenant=tenant, name="autocommit", digest=digest).save_base(force_insert=True)
            else:
                with transaction.atomic():
                    list(ApiKey.objects.for_tenant(tenant)[:1])
                    ApiKey.objects.create(tenant=tenant, name="atomic", digest=digest)

    assert in_threads(write) == []
    assert ApiKey.objects.for_tenant(tenant).count() == THREADS * ROWS


def test_read_then_write_transactions_count_exactly():
    tenant = services.create_tenant("Alice", "alice")

    def increment(_number):
        for _ in range(ROWS):
            with transaction.atomic():
                row = Tenant.objects.get(pk=tenant.pk)
                row.name = str(int(row.name) + 1) if row.name.isdigit() else "1"
                row.save()

    assert in_threads(increment) == []
    assert Tenant.objects.get(pk=tenant.pk).name == str(THREADS * ROWS)


def test_lock_is_free_after_commit_rollback_error_and_close():
    lock = connection.write_lock

    with transaction.atomic():
        services.create_tenant("Alice", "alice")
        assert lock.is_held
    assert not lock.is_held
    with pytest.raises(RuntimeError), transaction.atomic():
        services.create_tenant("Bob", "bob")
        raise RuntimeError
    assert not lock.is_held
    with pytest.raises(IntegrityError):
        Tenant(name="again", slug="alice").save_base(force_insert=True)
    assert not lock.is_held
    connection.cursor().execute("BEGIN IMMEDIATE")
    assert lock.is_held
    connection.close()
    assert not lock.is_held


def test_savepoints_keep_the_lock_until_the_end():
    with transaction.atomic():
        with pytest.raises(RuntimeError), transaction.atomic():
            services.create_tenant("Alice", "alice")
            raise RuntimeError
        assert connection.write_lock.is_held
        services.create_tenant("Bob", "bob")

    assert not connection.write_lock.is_held
    assert list(Tenant.objects.filter(is_operator=False).values_list("slug", flat=True)) == ["bob"]


def test_readers_do_not_wait_for_a_writer():
    seen = []
    with transaction.atomic():
        services.create_tenant("Alice", "alice")
        errors = in_threads(lambda _: seen.append(Tenant.objects.filter(slug="alice").count()), count=2)

    assert (errors, seen) == ([], [0, 0])


def test_rows_of_returning_are_read_before_the_lock_is_given_back():
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tenants_configversion (id, version) VALUES (11, 1), (12, 2), (13, 3), (14, 4) RETURNING id"
        )
        assert not connection.write_lock.is_held
        assert not connection.connection.in_transaction
        assert cursor.fetchone() == (11,)
        assert cursor.fetchmany(2) == [(12,), (13,)]
        assert cursor.fetchall() == [(14,)]
        assert cursor.fetchone() is None


def test_writer_that_waits_too_long_is_told(monkeypatch):
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 0.05)
    assert connection.write_lock.acquire(timeout_s=1)
    try:
        with pytest.raises(OperationalError, match="another thread has been writing"):
            Tenant.objects.update(name="x")
    finally:
        connection.write_lock.release()
