"""The only writer of the ledger: settled records of calls become rows, in batches, by one upsert on the call id.

A row's status only moves forward (`changes.STATUS_RANKS`), so that replaying a journal any number of times, in any
order, ends in the same ledger, and in the same counters of budgets, which grow in the same transaction by what a row
is more than the one it replaces. What no database can take is set aside in QuarantinedRecord; the rest goes on.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

import msgspec
import structlog
from django.db import DataError, IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper

from frontdesk.gateway.journal import record as records
from frontdesk.gateway.journal.record import MAX_COST_NANO_USD, MAX_INTEGER, TEXT_LIMITS, Settled
from frontdesk.gateway.journal.segment import Damage
from frontdesk.usage import changes, copying
from frontdesk.usage.budgets import counters
from frontdesk.usage.changes import FINAL_RANK, STATUS_RANKS
from frontdesk.usage.models import JournalPosition, ProviderUsage, QuarantinedRecord

UNKNOWN_LATENCY_MS = -1
"""Stands in a record for a latency that nobody measured; NULL in its row."""

_STATEMENT_ROWS = (100, 10, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WITHOUT_ZONE = _EPOCH.replace(tzinfo=None)
_REFUSED = (DataError, IntegrityError, OverflowError, ValueError, TypeError)
"""What a database (or its driver) raises about the values of a row, as opposed to its own condition."""

Value = str | int | float | bool | UUID | datetime | None

logger = structlog.get_logger()


class Entry(msgspec.Struct, frozen=True):
    """A settled record with the place in the journal it was read from."""

    settled: Settled
    offset: int


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of one segment: what becomes rows, what was damaged, and how far it reaches."""

    directory: str
    segment: str
    end_offset: int
    entries: Sequence[Entry] = ()
    damages: Sequence[Damage] = ()


def store(batch: Batch) -> None:
    """Write a batch's rows, what they add to budgets' counters, and the journal's new position in one transaction.

    OperationalError leaves nothing.
    """
    with transaction.atomic():
        _write_and_count(batch.entries, f"{batch.directory}/{batch.segment}")
        for damage in batch.damages:
            _quarantine(
                f"{batch.directory}/{batch.segment}@{damage.start}",
                f"{damage.reason}: {damage.end - damage.start} bytes",
                damage.sample,
            )
        JournalPosition.objects.bulk_create(
            [JournalPosition(directory=batch.directory, segment=batch.segment, offset=batch.end_offset)],
            update_conflicts=True,
            unique_fields=["directory"],
            update_fields=["segment", "offset"],
        )


def _write_and_count(entries: Sequence[Entry], source: str) -> None:
    if not entries:
        return
    counters.lock()
    zones = counters.zones_of(entry.settled.intent.caller.tenant_id for entry in entries)
    before = changes.before([entry.settled.intent.call_id for entry in entries])
    written = _write(entries, source)
    counters.add(changes.between(before, (entry.settled for entry in written)), zones)


def _write(entries: Sequence[Entry], source: str) -> Sequence[Entry]:
    """Write rows; give those that are no further trouble, without what was set aside."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                _upsert_on_sqlite(cursor, entries)
            else:
                rows = (_row(entry.settled, _uuid, _time) for entry in _last_words(entries))
                copying.upsert(ProviderUsage._meta.db_table, _COLUMNS, rows, _on_conflict_sql())
    except _REFUSED as error:
        if len(entries) > 1:
            middle = len(entries) // 2
            return (*_write(entries[:middle], source), *_write(entries[middle:], source))
        # The error's own text may quote the row, so only its kind is kept.
        _quarantine(
            f"{source}@{entries[0].offset}",
            f"refused by the database: {type(error).__name__}",
            records.encode(entries[0].settled),
        )
        return ()
    return entries


def _last_words(entries: Sequence[Entry]) -> Iterable[Entry]:
    """Keep what would be left if they were written one by one: of each call the first of the highest rank."""
    kept: dict[bytes, Entry] = {}
    for entry in entries:
        other = kept.setdefault(entry.settled.intent.call_id, entry)
        if STATUS_RANKS.get(other.settled.status, FINAL_RANK) < STATUS_RANKS.get(entry.settled.status, FINAL_RANK):
            kept[entry.settled.intent.call_id] = entry
    return kept.values()


def _quarantine(source: str, reason: str, payload: bytes) -> None:
    _, is_new = QuarantinedRecord.objects.get_or_create(source=source, defaults={"reason": reason, "payload": payload})
    if is_new:
        logger.error("journal_record_quarantined", source=source, reason=reason)


def _uuid(call_id: bytes) -> Value:
    return UUID(bytes=call_id)


def _time(at_ns: int) -> Value:
    return _EPOCH + timedelta(microseconds=at_ns // 1000)


def _text_time(at_ns: int) -> Value:
    """Write a time as Django does where the database has no type for it: without its zone, which is UTC."""
    return str(_EPOCH_WITHOUT_ZONE + timedelta(microseconds=at_ns // 1000))


def _row(settled: Settled, as_key: Callable[[bytes], Value], as_time: Callable[[int], Value]) -> tuple[Value, ...]:
    intent, usage, caller = settled.intent, settled.usage, settled.intent.caller
    return (
        as_key(intent.call_id),
        as_time(intent.at_ns),
        _text(caller.request_id, TEXT_LIMITS["request_id"]),
        _text(caller.client_request_id, TEXT_LIMITS["client_request_id"]),
        caller.tenant_id,
        caller.api_key_id,
        caller.widget_id,
        caller.conversation_id,
        caller.turn_id,
        caller.user_id,
        _text(caller.subject_type, TEXT_LIMITS["subject_type"]),
        _text(caller.subject_id, TEXT_LIMITS["subject_id"]),
        _text(caller.operation, TEXT_LIMITS["operation"]),
        _text(intent.provider, TEXT_LIMITS["provider"]),
        _text(intent.model, TEXT_LIMITS["model"]),
        _text(settled.served_model, TEXT_LIMITS["served_model"]),
        _text(intent.credential_id, TEXT_LIMITS["credential_id"]),
        intent.is_streamed,
        intent.position,
        _integer(intent.max_tokens),
        intent.temperature,
        settled.status,
        _integer(usage.uncached_input),
        _integer(usage.cache_read),
        _integer(usage.cache_write),
        _integer(usage.output),
        _integer(usage.reasoning),
        usage.source,
        _integer(settled.cost_nano_usd, MAX_COST_NANO_USD),
        _text(settled.price_source, TEXT_LIMITS["price_source"]),
        None if settled.latency_ms == UNKNOWN_LATENCY_MS else _integer(settled.latency_ms),
        _integer(settled.first_token_ms),
        _text(settled.finish, TEXT_LIMITS["finish"]),
        _text(settled.native_finish, TEXT_LIMITS["native_finish"]),
        _text(settled.error_class, TEXT_LIMITS["error_class"]),
        _text(settled.error_code, TEXT_LIMITS["error_code"]),
        _text(settled.error_message, TEXT_LIMITS["error_message"]),
        settled.upstream_status,
    )


_COLUMNS = (
    "call_id", "created_at", "request_id", "client_request_id", "tenant_id", "api_key_id", "widget_id",
    "conversation_id", "turn_id", "user_id", "subject_type", "subject_id", "operation", "provider", "model",
    "served_model", "credential_id", "is_streamed", "position", "max_tokens", "temperature", "status",
    "uncached_input", "cache_read", "cache_write", "output", "reasoning", "usage_source", "cost_nano_usd",
    "price_source", "latency_ms", "first_token_ms", "finish", "native_finish", "error_class", "error_code",
    "error_message", "upstream_status",
)  # fmt: skip
"""The columns in the order of `_row`."""


def _text(value: str, limit: int) -> str:
    """Make a text that every database takes: PostgreSQL knows no NUL and refuses what is too long."""
    return value[:limit].replace("\0", "") if value else value


def _integer(value: int | None, most: int = MAX_INTEGER) -> int | None:
    """Make an integer that every database takes: clients and providers may claim any number of tokens."""
    if value is None or -most <= value <= most:
        return value
    return max(-most, min(value, most))


def _upsert_on_sqlite(cursor: CursorWrapper, entries: Sequence[Entry]) -> None:
    """Hand many rows over in one statement; a few sizes only, so that the driver finds each statement prepared.

    Python gives its lock up once a statement. With one statement a row, the event loop beside this thread lost it
    thousands of times a second, which cost a request more than its row does.
    """
    rows = [_row(entry.settled, bytes.hex, _text_time) for entry in entries]
    start = 0
    for size in _STATEMENT_ROWS:
        while len(rows) - start >= size:
            values = [value for row in rows[start : start + size] for value in row]
            with connection.wrap_database_errors:  # Django's own execute would search the statement for each %s
                sqlite3.Cursor.execute(cursor.cursor, _upsert_sql(size).replace("%s", "?"), values)
            start += size


@lru_cache(maxsize=4)
def _upsert_sql(rows: int) -> str:
    """Write the statement that upserts so many rows at once."""
    quote = connection.ops.quote_name
    names = ", ".join(quote(name) for name in _COLUMNS)
    row = f"({', '.join(['%s'] * len(_COLUMNS))})"
    return (
        f"INSERT INTO {quote(ProviderUsage._meta.db_table)} ({names}) VALUES {', '.join([row] * rows)} "  # noqa: S608
        f"{_on_conflict_sql()}"
    )


def _on_conflict_sql() -> str:
    """Write what becomes of a row that is there already: it is replaced by one of a higher rank."""
    quote = connection.ops.quote_name
    table, status = quote(ProviderUsage._meta.db_table), quote("status")
    key, *others = (quote(name) for name in _COLUMNS)
    updates = ", ".join(f"{name} = excluded.{name}" for name in others)
    return (
        f"ON CONFLICT ({key}) DO UPDATE SET {updates} "
        f"WHERE {_rank_sql(f'{table}.{status}')} < {_rank_sql(f'excluded.{status}')}"
    )


def _rank_sql(column: str) -> str:
    cases = " ".join(f"WHEN '{status}' THEN {rank}" for status, rank in STATUS_RANKS.items())
    return f"CASE {column} {cases} ELSE {FINAL_RANK} END"
