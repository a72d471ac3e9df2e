"""The journal becomes rows: each call once, its status only forward, whatever is replayed or refused."""

import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from django.db import OperationalError, connection

from frontdesk.gateway.journal import record as records
from frontdesk.gateway.journal import segment
from frontdesk.gateway.journal.record import CallStatus, Intent, Settled
from frontdesk.gateway.journal.writer import JournalWriter
from frontdesk.gateway.messages import Usage
from frontdesk.usage import adopt, audit, ledger
from frontdesk.usage.drain import Drain
from frontdesk.usage.ledger import Batch, Entry
from frontdesk.usage.models import JournalPosition, ProviderUsage, QuarantinedRecord
from tests.fakes.calls import StillClock, call_id, intent, settled


def rows() -> list[ProviderUsage]:
    return list(ProviderUsage.objects.across_tenants().order_by("call_id"))


def store(*calls: Settled) -> None:
    ledger.store(
        Batch(
            directory="d",
            segment="s",
            end_offset=1,
            entries=tuple(Entry(call, number) for number, call in enumerate(calls)),
        )
    )


def test_a_settled_call_becomes_a_row_with_all_that_is_known_of_it(writer: JournalWriter, drain: Drain) -> None:
    writer.append(intent(1))
    writer.append(settled(intent(1)))

    assert drain.drain() == 1

    [row] = rows()
    assert {field.name: getattr(row, field.name) for field in row._meta.fields} == {
        "call_id": call_id(1),
        "created_at": datetime(2026, 9, 21, 14, 13, 20, 1000, tzinfo=UTC),
        "request_id": "request-1",
        "client_request_id": "",
        "tenant_id": 1,
        "api_key_id": 7,
        "widget_id": None,
        "conversation_id": None,
        "turn_id": None,
        "user_id": None,
        "subject_type": "",
        "subject_id": "",
        "operation": "chat",
        "provider": "openai",
        "model": "gpt-4o-mini",
        "served_model": "gpt-4o-mini-2024-07-18",
        "credential_id": "c1",
        "is_streamed": False,
        "position": 0,
        "max_tokens": 500,
        "temperature": 0.7,
        "status": "success",
        "uncached_input": 60,
        "cache_read": 40,
        "cache_write": 0,
        "output": 50,
        "reasoning": 0,
        "usage_source": "provider",
        "cost_nano_usd": 45_000,
        "price_source": "genai-prices 0.2.3",
        "latency_ms": 812,
        "first_token_ms": 240,
        "finish": "stop",
        "native_finish": "stop",
        "error_class": "",
        "error_code": "",
        "error_message": "",
        "upstream_status": None,
    }
    assert (row.input_tokens, row.output_tokens, row.total_tokens) == (100, 50, 150)
    assert row.estimated_cost == Decimal("0.000045")


def test_a_row_is_found_by_its_key_as_django_writes_it(writer: JournalWriter, drain: Drain) -> None:
    writer.append(settled(intent(1)))
    drain.drain()

    row = ProviderUsage.objects.across_tenants().get(pk=call_id(1))

    assert ProviderUsage.objects.for_tenant(1).filter(created_at=row.created_at).count() == 1
    assert ProviderUsage.objects.for_tenant(2).count() == 0


def test_an_intent_alone_makes_no_row_while_its_process_lives(writer: JournalWriter, drain: Drain) -> None:
    writer.append(intent(1))

    assert drain.drain() == 0
    assert rows() == []


def test_draining_goes_on_where_it_stopped(writer: JournalWriter, drain: Drain) -> None:
    writer.append(settled(intent(1)))
    assert drain.drain() == 1
    writer.append(settled(intent(2)))

    assert drain.drain() == 1
    assert drain.drain() == 0
    assert [row.call_id for row in rows()] == [call_id(1), call_id(2)]


def test_the_position_is_in_the_database_so_that_a_new_drain_knows_it(writer: JournalWriter, drain: Drain) -> None:
    writer.append(settled(intent(1)))
    drain.drain()

    assert Drain(writer).drain() == 0
    position = JournalPosition.objects.get(directory=writer.directory.path.name)
    assert (position.segment, position.offset) == (writer.live_segment.name, writer.live_segment.stat().st_size)


def test_closed_segments_are_deleted_after_their_rows_are_in_and_the_live_one_never(
    writer: JournalWriter, drain: Drain
) -> None:
    writer.append(intent(1))
    writer.append(settled(intent(2)))
    writer.rotate()
    writer.append(settled(intent(1)))
    writer.rotate()

    assert drain.drain() == 2
    assert segment.listing(writer.directory.path) == [writer.live_segment]
    assert [row.status for row in rows()] == ["success", "success"]


def test_a_segment_stays_while_the_database_refuses_it(
    writer: JournalWriter, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(batch: Batch) -> None:
        raise OperationalError("the database is away")

    writer.append(settled(intent(1)))
    writer.rotate()
    monkeypatch.setattr(ledger, "store", away)
    with pytest.raises(OperationalError):
        drain.drain()
    monkeypatch.undo()
    assert len(segment.listing(writer.directory.path)) == 2

    assert drain.drain() == 1
    assert len(segment.listing(writer.directory.path)) == 1


def test_rows_and_position_are_stored_together_or_not_at_all(
    writer: JournalWriter, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*rows: object, **how: object) -> None:
        raise OperationalError("the database went away in the middle")

    writer.append(settled(intent(1)))
    monkeypatch.setattr(JournalPosition.objects, "bulk_create", away)
    with pytest.raises(OperationalError):
        drain.drain()

    assert rows() == []


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ("interrupted", "success", "success"),
        ("interrupted", "failed", "failed"),
        ("interrupted", "cancelled", "cancelled"),
        ("success", "interrupted", "success"),
        ("cancelled", "interrupted", "cancelled"),
        ("success", "failed", "success"),
        ("failed", "success", "failed"),
        ("cached", "interrupted", "cached"),
        ("credits_exhausted", "interrupted", "credits_exhausted"),
    ],
)
@pytest.mark.parametrize("is_one_batch", [True, False])
def test_a_status_only_moves_forward(
    db: None, first: CallStatus, second: CallStatus, kept: CallStatus, is_one_batch: bool
) -> None:
    calls = [settled(intent(1), first, output=1, cost=1), settled(intent(1), second, output=2, cost=2)]
    for batch in [calls] if is_one_batch else [[call] for call in calls]:
        store(*batch)

    [row] = rows()
    number = 2 if kept == second else 1
    assert (row.status, row.output, row.cost_nano_usd) == (kept, number, number)


def test_the_same_records_twice_count_once(db: None) -> None:
    calls = [settled(intent(number)) for number in range(5)]
    store(*calls)
    store(*calls, *calls)

    assert [(row.call_id, row.cost_nano_usd) for row in rows()] == [(call_id(n), 45_000) for n in range(5)]


def test_a_record_that_no_database_takes_is_set_aside_and_the_others_are_kept(db: None) -> None:
    poison = settled(intent(3, tenant_id=2**63))
    calls = [settled(intent(number)) for number in range(8)]
    calls[3] = poison

    store(*calls)
    store(*calls)

    assert [row.call_id for row in rows()] == [call_id(n) for n in range(8) if n != 3]
    [aside] = QuarantinedRecord.objects.all()
    assert (aside.source, aside.reason.partition(":")[0]) == ("d/s@3", "refused by the database")
    assert records.decode(bytes(aside.payload)) == poison


def test_damage_is_reported_once_and_what_follows_it_is_kept(writer: JournalWriter, drain: Drain) -> None:
    writer.append(settled(intent(1)))
    start = writer.live_segment.stat().st_size
    writer.append(settled(intent(2)))
    end = writer.live_segment.stat().st_size
    writer.append(settled(intent(3)))
    with writer.live_segment.open("r+b") as file:
        file.seek(start + 20)
        file.write(b"\xff\xff\xff")

    assert drain.drain() == 2
    JournalPosition.objects.all().delete()
    Drain(writer).drain()

    assert [row.call_id for row in rows()] == [call_id(1), call_id(3)]
    [aside] = QuarantinedRecord.objects.all()
    where = f"{writer.directory.path.name}/{writer.live_segment.name}@{start}"
    assert (aside.source, aside.reason) == (where, f"damaged: {end - start} bytes")
    assert len(aside.payload) == end - start


def test_texts_are_cut_to_what_every_database_takes(db: None) -> None:
    call = msgspec.structs.replace(
        settled(intent(1, model="m" * 500, client_request_id="a\0b" + "c" * 500)), error_message="e" * 5_000
    )
    store(call)

    [row] = rows()
    assert (row.model, row.client_request_id) == ("m" * 200, "ab" + "c" * 197)
    assert row.error_message == "e" * 2_000


def test_every_text_is_cut_to_the_width_of_its_column(db: None) -> None:
    limits = {name: limit for name, limit in records.TEXT_LIMITS.items() if name not in {"session_key", "ip_key"}}
    names = set(limits)
    long = dict.fromkeys(names, "x" * 3_000)
    caller, of, call = intent(1).caller, intent(1), settled(intent(1))
    of = msgspec.structs.replace(
        of,
        caller=msgspec.structs.replace(caller, **_of(caller, long)),
        **_of(of, long),
    )
    store(msgspec.structs.replace(call, intent=of, **_of(call, long)))

    [row] = rows()
    assert {name: len(getattr(row, name)) for name in names} == limits
    widths = {field.name: field.max_length for field in ProviderUsage._meta.fields if field.name in names}
    assert widths == {**limits, "error_message": None}


def _of(record: msgspec.Struct, texts: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in texts.items() if name in record.__struct_fields__}


@pytest.mark.parametrize("beyond", [2**63, 2**64, 2**80])
def test_a_number_that_no_database_takes_costs_its_excess_and_not_the_row(db: None, beyond: int) -> None:
    call = msgspec.structs.replace(
        settled(msgspec.structs.replace(intent(1), max_tokens=beyond), cost=beyond),
        usage=Usage(beyond, -beyond - 1, beyond, beyond, beyond),
        latency_ms=beyond,
        first_token_ms=beyond,
    )
    store(call)

    [row] = rows()
    most = 2**63 - 1
    assert (row.max_tokens, row.latency_ms, row.first_token_ms) == (most, most, most)
    assert (row.uncached_input, row.cache_read, row.cache_write) == (most, -most, most)
    assert (row.output, row.reasoning, row.cost_nano_usd) == (most, most, 10**15)
    assert QuarantinedRecord.objects.count() == 0


def test_rows_with_impossible_numbers_do_not_keep_a_ledger_from_being_summed(db: None) -> None:
    huge = Usage(2**63, 2**63, 2**63, 2**63, 2**63)
    store(*[msgspec.structs.replace(settled(intent(number), cost=2**63), usage=huge) for number in range(100)])

    found = audit.examine(1)

    assert (found.calls, found.cost_nano_usd) == (100, 100 * 10**15)
    assert [finding.kind for finding in found.findings] == ["absurd_values"]


def test_an_upsert_never_hides_a_broken_row(db: None) -> None:
    nameless: Intent = msgspec.structs.replace(intent(1), provider=None)  # type: ignore[arg-type]  # the point
    store(settled(nameless))

    assert rows() == []
    assert [aside.reason for aside in QuarantinedRecord.objects.all()] == ["refused by the database: IntegrityError"]


@pytest.mark.django_db(transaction=True)
def test_the_thread_moves_what_was_appended_and_flush_waits_for_it(root: Path, writer: JournalWriter) -> None:
    drain = Drain(writer)
    drain.start()
    for number in range(3):
        writer.append(settled(intent(number)))
    assert drain.flush()
    assert [row.call_id for row in rows()] == [call_id(0), call_id(1), call_id(2)]

    writer.append(settled(intent(3)))
    drain.stop()

    assert len(rows()) == 4
    assert not drain.is_failing


@pytest.mark.django_db(transaction=True)
def test_the_thread_outlives_a_database_that_is_away(writer: JournalWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ledger.store
    answers = iter([OperationalError("away"), OperationalError("away"), RuntimeError("a fault of our own")])

    def moody(batch: Batch) -> None:
        fault = next(answers, None)
        if fault is not None:
            raise fault
        real(batch)

    monkeypatch.setattr(ledger, "store", moody)
    writer.append(settled(intent(1)))
    drain = Drain(writer)
    drain.start()

    assert drain.flush(timeout_s=20)
    drain.stop()
    assert [row.call_id for row in rows()] == [call_id(1)]
    assert not drain.is_failing


def test_the_connection_is_left_usable_after_a_refused_batch(db: None) -> None:
    store(settled(intent(3, tenant_id=2**63)))
    store(settled(intent(4)))

    assert [row.call_id for row in rows()] == [call_id(4)]
    assert connection.needs_rollback is False


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_whole_directory", [True, False])
def test_a_journal_that_was_removed_is_failing_and_never_called_flushed(
    writer: JournalWriter, is_whole_directory: bool
) -> None:
    drain = Drain(writer)
    drain.start()
    writer.append(settled(intent(1)))
    assert drain.flush()
    assert not drain.is_failing
    if is_whole_directory:
        shutil.rmtree(writer.directory.path)
    else:
        writer.live_segment.unlink()
    assert drain.is_failing

    writer.append(settled(intent(2)))

    assert not drain.flush(timeout_s=0.5)
    drain.stop(flush=False)
    assert drain.is_failing
    assert [row.call_id for row in rows()] == [call_id(1)]


@pytest.mark.django_db(transaction=True)
def test_the_threads_own_journal_is_drained_beside_an_orphan_that_cannot_be(
    root: Path, writer: JournalWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    orphan = JournalWriter.open(root, StillClock())
    orphan.append(intent(9))
    orphan.close()

    def broken(of: Intent) -> Settled:
        raise ValueError("a fault in what the orphan holds")

    monkeypatch.setattr(adopt, "interrupted", broken)
    writer.append(settled(intent(1)))
    drain = Drain(writer)
    drain.start()

    assert drain.flush()
    drain.stop()
    assert [row.call_id for row in rows()] == [call_id(1)]
    assert orphan.directory.path.exists()
