"""Journals of dead processes: every call once, open intents interrupted, by one adopter, and gone afterwards."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import DataError, IntegrityError, OperationalError

from frontdesk.gateway.journal import directory as directories
from frontdesk.gateway.journal import segment
from frontdesk.gateway.journal.writer import JournalWriter
from frontdesk.usage import ledger, services
from frontdesk.usage.adopt import Adoption
from frontdesk.usage.drain import Drain
from frontdesk.usage.ledger import Batch
from frontdesk.usage.models import (
    JournalPosition,
    LLMModel,
    LLMProvider,
    ModelPrice,
    ProviderUsage,
    QuarantinedRecord,
)
from tests.fakes.calls import StillClock, call_id, intent, settled

WRITE_UNTIL_KILLED = """
import sys
from pathlib import Path
from frontdesk.gateway.journal.writer import JournalWriter
from tests.fakes.calls import StillClock, intent, settled

writer = JournalWriter.open(Path(sys.argv[1]), StillClock())
for number in range(100_000):
    writer.append(intent(number))
    if number % 10:
        writer.append(settled(intent(number)))
        print(number, flush=True)
    if number % 100 == 99:
        writer.rotate()
"""


def statuses() -> dict[int, str]:
    rows = ProviderUsage.objects.across_tenants().values_list("call_id", "status")
    numbers = {call_id(number): number for number in range(5_000)}
    return {numbers[key]: status for key, status in rows}


def leave_behind(root: Path, *, rotate: bool = False) -> JournalWriter:
    """Write the journal of a process that ends with call 2 open."""
    writer = JournalWriter.open(root, StillClock())
    writer.append(intent(1))
    writer.append(intent(2))
    if rotate:
        writer.rotate()
    writer.append(settled(intent(1)))
    return writer


@pytest.mark.parametrize("rotate", [False, True])
def test_a_dead_process_leaves_settled_and_interrupted_calls(root: Path, db: None, rotate: bool) -> None:
    leave_behind(root, rotate=rotate).close()

    assert services.drain_orphans(root) == Adoption(directories=1, rows=2, interrupted=1)

    assert statuses() == {1: "success", 2: "interrupted"}
    row = ProviderUsage.objects.across_tenants().get(pk=call_id(2))
    assert (row.uncached_input, row.output, row.usage_source) == (1_000, 0, "estimated")
    assert (row.cost_nano_usd, row.latency_ms, row.error_code) == (None, None, "interrupted")
    assert directories.listing(root) == []
    assert JournalPosition.objects.count() == 0


def test_a_living_process_keeps_its_journal(root: Path, writer: JournalWriter, db: None) -> None:
    writer.append(intent(1))

    assert services.drain_orphans(root) == Adoption()
    assert statuses() == {}
    assert len(segment.listing(writer.directory.path)) == 1


def test_an_interrupted_call_costs_its_input_at_the_price_of_its_time(root: Path, db: None) -> None:
    model = LLMModel.objects.create(
        provider=LLMProvider.objects.create(name="openai", display_name="OpenAI", wire="openai"), name="gpt-4o-mini"
    )
    for since, until, amount in ((2025, 2026, 900_000_000), (2026, 2027, 150_000_000), (2027, None, 7)):
        ModelPrice.objects.create(
            model=model,
            input_nano_usd_per_mtok=amount,
            output_nano_usd_per_mtok=0,
            cache_read_nano_usd_per_mtok=0,
            cache_write_nano_usd_per_mtok=0,
            source=f"prices of {since}",
            valid_from=datetime(since, 1, 1, tzinfo=UTC),
            valid_until=until and datetime(until, 1, 1, tzinfo=UTC),
        )
    leave_behind(root).close()

    services.drain_orphans(root)

    row = ProviderUsage.objects.across_tenants().get(pk=call_id(2))
    assert (row.cost_nano_usd, row.price_source) == (150_000, "prices of 2026, from 2026-01-01")


def test_what_was_drained_before_the_death_counts_once(root: Path, db: None) -> None:
    writer = leave_behind(root)
    Drain(writer).drain()
    writer.close()

    services.drain_orphans(root)

    assert statuses() == {1: "success", 2: "interrupted"}


def test_an_intent_in_a_part_that_was_already_drained_is_still_found(root: Path, db: None) -> None:
    writer = JournalWriter.open(root, StillClock())
    writer.append(intent(1))
    writer.append(settled(intent(2)))
    Drain(writer).drain()
    writer.close()

    services.drain_orphans(root)

    assert statuses() == {1: "interrupted", 2: "success"}


def test_an_adoption_that_broke_off_is_done_again_without_doubling(
    root: Path, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ledger.store
    batches: list[Batch] = []

    def away_at_the_second(batch: Batch) -> None:
        batches.append(batch)
        if len(batches) == 2:
            raise OperationalError("away")
        real(batch)

    leave_behind(root).close()
    monkeypatch.setattr(ledger, "store", away_at_the_second)
    with pytest.raises(OperationalError):
        services.drain_orphans(root)
    assert statuses() == {1: "success"}
    assert len(directories.listing(root)) == 1

    assert services.drain_orphans(root) == Adoption(directories=1, rows=2, interrupted=1)
    assert statuses() == {1: "success", 2: "interrupted"}
    assert services.drain_orphans(root) == Adoption()


def test_two_adopters_do_not_take_the_same_journal(root: Path, db: None) -> None:
    leave_behind(root).close()
    [path] = directories.listing(root)
    other = directories.ProcessDirectory.adopt(path)
    assert other is not None

    assert services.drain_orphans(root) == Adoption()
    other.release()
    assert services.drain_orphans(root).rows == 2


def test_a_torn_end_costs_only_the_record_that_was_never_acknowledged(root: Path, db: None) -> None:
    writer = leave_behind(root)
    writer.close()
    [path] = segment.listing(writer.directory.path)
    with path.open("ab") as file:
        file.write(b"\x30\x00\x00\x00\x11\x22")

    services.drain_orphans(root)

    assert statuses() == {1: "success", 2: "interrupted"}
    assert [aside.reason for aside in QuarantinedRecord.objects.all()] == ["damaged: 6 bytes"]


def test_a_settled_record_that_turns_up_later_replaces_the_interrupted_call(root: Path, db: None) -> None:
    leave_behind(root).close()
    services.drain_orphans(root)
    late = JournalWriter.open(root, StillClock())
    late.append(settled(intent(2)))
    late.close()

    services.drain_orphans(root)

    assert statuses() == {1: "success", 2: "success"}


def test_things_that_are_no_journals_are_left_alone(root: Path, db: None) -> None:
    (root / "notes").mkdir(parents=True)
    (root / "readme.txt").write_text("hello")

    assert services.drain_orphans(root) == Adoption()
    assert sorted(path.name for path in root.iterdir()) == ["notes", "readme.txt"]


def test_a_strangers_file_among_the_segments_outlives_the_adoption(root: Path, db: None) -> None:
    writer = leave_behind(root)
    writer.close()
    (writer.directory.path / "notes").mkdir()
    (writer.directory.path / "0000000009-00000000.new").touch()

    assert services.drain_orphans(root).rows == 2
    assert services.drain_orphans(root) == Adoption()

    assert [path.name for path in writer.directory.path.iterdir()] == ["notes"]


def test_a_journal_that_cannot_be_read_does_not_keep_the_others(root: Path, db: None) -> None:
    bad, good = leave_behind(root), JournalWriter.open(root, StillClock())
    good.append(settled(intent(5)))
    bad.close()
    good.close()
    [broken] = segment.listing(bad.directory.path)
    broken.unlink()
    broken.mkdir()

    assert services.drain_orphans(root) == Adoption(directories=1, rows=1)
    assert statuses() == {5: "success"}
    assert directories.listing(root) == [bad.directory.path]


@pytest.mark.parametrize("fault", [ValueError, OverflowError, DataError, IntegrityError])
def test_a_journal_that_cannot_be_replayed_stays_and_does_not_keep_the_others(
    root: Path, db: None, monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    bad, good = leave_behind(root), JournalWriter.open(root, StillClock())
    good.append(settled(intent(5)))
    bad.close()
    good.close()
    real = ledger.store

    def store(batch: Batch) -> None:
        if batch.directory == bad.directory.path.name:
            raise fault("what this orphan holds")
        real(batch)

    monkeypatch.setattr(ledger, "store", store)
    assert services.drain_orphans(root) == Adoption(directories=1, rows=1)
    assert directories.listing(root) == [bad.directory.path]
    monkeypatch.undo()

    assert services.drain_orphans(root) == Adoption(directories=1, rows=2, interrupted=1)
    assert statuses() == {1: "success", 2: "interrupted", 5: "success"}


def test_a_process_killed_at_work_loses_and_doubles_nothing(root: Path, db: None) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", WRITE_UNTIL_KILLED, str(root)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert child.stdout is not None
    acknowledged = [int(child.stdout.readline()) for _ in range(1_000)]
    os.kill(child.pid, signal.SIGKILL)
    acknowledged += [int(line) for line in child.stdout.read().splitlines()]
    child.wait()
    child.stdout.close()

    services.drain_orphans(root)

    found = statuses()
    last = max(found)
    assert [number for number in acknowledged if found.get(number) != "success"] == []
    assert sorted(found) == list(range(last + 1))
    # Every tenth call was left open; the very last may have been cut between its two records.
    assert [number for number in range(last) if found[number] == "interrupted"] == list(range(0, last, 10))
    assert ProviderUsage.objects.across_tenants().count() == last + 1
