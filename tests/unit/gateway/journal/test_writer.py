"""The journal's writer: what it returned from is on disk, and what it refused left nothing there."""

import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from frontdesk.gateway.errors import JournalUnavailable
from frontdesk.gateway.journal import directory as directories
from frontdesk.gateway.journal import segment
from frontdesk.gateway.journal.directory import ProcessDirectory
from frontdesk.gateway.journal.record import Record
from frontdesk.gateway.journal.segment import Damage
from frontdesk.gateway.journal.writer import JournalWriter
from frontdesk.gateway.messages import Usage
from tests.fakes.calls import StillClock, intent, settled


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[JournalWriter]:
    writer = JournalWriter.open(tmp_path / "journal", StillClock())
    yield writer
    writer.close()


@pytest.fixture
def no_probe() -> Iterator[None]:
    """Keep the writer's own thread from finding out that a disk takes bytes again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("frontdesk.gateway.journal.writer.FLUSH_INTERVAL_S", 60.0)
        yield


def on_disk(directory: Path) -> list[list[Record | Damage]]:
    """List what each segment holds."""
    return [[item for item, _ in segment.read_from(path, 0, is_live=False)] for path in segment.listing(directory)]


def refusing(monkeypatch: pytest.MonkeyPatch, answer: Callable[[int, bytes], int]) -> None:
    """Let the disk answer writes of records with what `answer` does."""
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        return (
            answer(descriptor, data)
            if threading.current_thread() is threading.main_thread()
            else real(descriptor, data)
        )

    monkeypatch.setattr(os, "write", write)


def test_records_are_on_disk_in_their_order_when_append_returns(writer: JournalWriter) -> None:
    first, second = intent(1), intent(2)
    for record in (first, second, settled(second), settled(first)):
        writer.append(record)

    assert on_disk(writer.directory.path) == [[first, second, settled(second), settled(first)]]
    assert writer.health().open_intents == 0


def test_a_record_is_written_with_one_call(writer: JournalWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        sizes.append(len(data))
        return real(descriptor, data)

    refusing(monkeypatch, write)
    writer.append(intent(1))

    assert len(sizes) == 1


def test_rotation_carries_the_open_intents_over(writer: JournalWriter) -> None:
    done, waiting = intent(1), intent(2)
    for record in (done, waiting, settled(done)):
        writer.append(record)

    writer.rotate()
    writer.append(settled(waiting))

    assert on_disk(writer.directory.path) == [[done, waiting, settled(done)], [waiting, settled(waiting)]]
    assert writer.live_segment == segment.listing(writer.directory.path)[-1]


def test_a_failed_rotation_leaves_the_old_segment_live(writer: JournalWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    first = intent(1)
    writer.append(first)
    real = os.write
    refusing(monkeypatch, lambda descriptor, data: real(descriptor, data[:5]))

    with pytest.raises(OSError, match="could not be written whole"):
        writer.rotate()
    monkeypatch.undo()
    writer.append(settled(first))

    assert on_disk(writer.directory.path) == [[first, settled(first)]]
    assert sorted(path.suffix for path in writer.directory.path.iterdir()) == ["", ".journal"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_refused_record_leaves_nothing_and_refuses_the_call(
    no_probe: None, writer: JournalWriter, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(descriptor: int, data: bytes) -> int:
        raise OSError(code, os.strerror(code))

    writer.append(intent(1))
    refusing(monkeypatch, refuse)
    with pytest.raises(JournalUnavailable) as refused:
        writer.append(intent(2))
    health = writer.health()
    monkeypatch.undo()

    assert (refused.value.http_status, refused.value.code) == (503, "journal_unavailable")
    assert (health.is_writable, health.open_intents) == (False, 1)
    assert os.strerror(code) in health.last_error
    assert on_disk(writer.directory.path) == [[intent(1)]]


def test_a_short_write_is_taken_back(writer: JournalWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    writer.append(intent(1))
    size = writer.live_segment.stat().st_size
    refusing(monkeypatch, lambda descriptor, data: real(descriptor, data[:10]))

    with pytest.raises(JournalUnavailable):
        writer.append(intent(2))
    monkeypatch.undo()

    assert writer.live_segment.stat().st_size == size
    writer.append(intent(3))
    assert on_disk(writer.directory.path) == [[intent(1), intent(3)]]
    assert writer.health().is_writable


def test_what_could_not_be_taken_back_is_taken_back_before_the_next_record(
    writer: JournalWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stuck(descriptor: int, length: int) -> None:
        raise OSError(errno.EIO, "stuck")

    real = os.write
    refusing(monkeypatch, lambda descriptor, data: real(descriptor, data[:10]))
    monkeypatch.setattr(os, "ftruncate", stuck)
    with pytest.raises(JournalUnavailable):
        writer.append(intent(1))
    monkeypatch.undo()

    writer.append(intent(2))

    assert on_disk(writer.directory.path) == [[intent(2)]]


def test_a_settled_record_that_was_refused_is_written_when_the_disk_takes_it(
    no_probe: None, writer: JournalWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "full")

    writer.append(intent(1))
    refusing(monkeypatch, refuse)
    with pytest.raises(JournalUnavailable):
        writer.append(settled(intent(1)))
    assert writer.health().open_intents == 1
    monkeypatch.undo()

    writer.close()

    assert on_disk(writer.directory.path) == [[intent(1), settled(intent(1))]]


def test_a_record_too_long_for_the_journal_is_refused_without_closing_it(writer: JournalWriter) -> None:
    with pytest.raises(JournalUnavailable, match="more than the journal can hold"):
        writer.append(intent(1, client_request_id="x" * 300_000))

    assert writer.health().is_writable
    assert on_disk(writer.directory.path) == [[]]


def test_threads_may_append_at_once(writer: JournalWriter) -> None:
    def work(start: int) -> None:
        for number in range(start, start + 200):
            writer.append(intent(number))
            writer.append(settled(intent(number)))

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 1000, 2000, 3000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    [written] = on_disk(writer.directory.path)
    expected = [
        record
        for start in (0, 1000, 2000, 3000)
        for n in range(start, start + 200)
        for record in (intent(n), settled(intent(n)))
    ]
    assert sorted(written, key=repr) == sorted(expected, key=repr)
    assert writer.health().bytes == writer.live_segment.stat().st_size


def test_a_segment_is_rotated_when_it_is_a_minute_old(tmp_path: Path) -> None:
    clock = StillClock()
    writer = JournalWriter.open(tmp_path / "journal", clock)
    writer.append(intent(1))
    clock.seconds = 60.0
    writer.append(settled(intent(1)))

    while len(segment.listing(writer.directory.path)) < 2:
        assert writer.progress.wait(10)
        writer.progress.clear()
    writer.close()

    assert on_disk(writer.directory.path) == [[intent(1), settled(intent(1))], []]


def test_a_forked_child_may_not_write_its_parents_journal(
    writer: JournalWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(JournalUnavailable, match="closed"):
        writer.append(intent(1))
    monkeypatch.undo()

    assert on_disk(writer.directory.path) == [[]]


def test_a_closed_journal_takes_nothing(writer: JournalWriter) -> None:
    writer.close()

    with pytest.raises(JournalUnavailable, match="closed"):
        writer.append(intent(1))
    assert on_disk(writer.directory.path) == [[]]


def test_a_directory_is_adopted_only_when_its_owner_is_gone(tmp_path: Path) -> None:
    root = tmp_path / "journal"
    owner = JournalWriter.open(root, StillClock())
    [path] = directories.listing(root)

    assert ProcessDirectory.adopt(path) is None
    owner.close()
    adopted = ProcessDirectory.adopt(path)
    assert adopted is not None
    assert ProcessDirectory.adopt(path) is None
    adopted.remove()
    assert ProcessDirectory.adopt(path) is None
    assert directories.listing(root) == []


def test_a_lock_on_a_directory_that_was_removed_meanwhile_is_worth_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "0190"
    path.mkdir()
    (path / "lock").touch()
    real = os.open

    def open_then_lose(name: Path, flags: int) -> int:
        descriptor = real(name, flags)
        (path / "lock").unlink()
        return descriptor

    monkeypatch.setattr(os, "open", open_then_lose)

    assert ProcessDirectory.adopt(path) is None


def full(descriptor: int, data: bytes) -> int:
    raise OSError(errno.ENOSPC, "full")


def test_what_is_owed_is_written_with_the_next_record_that_the_disk_takes(
    no_probe: None, writer: JournalWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = [intent(number) for number in range(3)]
    for call in calls:
        writer.append(call)
    refusing(monkeypatch, full)
    for call in calls[:2]:
        with pytest.raises(JournalUnavailable):
            writer.append(settled(call))
    monkeypatch.undo()

    writer.append(settled(calls[2]))

    assert on_disk(writer.directory.path) == [
        [*calls, settled(calls[2]), settled(calls[0]), settled(calls[1])],
    ]
    assert (writer.health().open_intents, writer.health().is_writable) == (0, True)


def test_a_record_that_went_in_is_not_refused_because_an_owed_one_was(
    no_probe: None, writer: JournalWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.append(intent(1))
    refusing(monkeypatch, full)
    with pytest.raises(JournalUnavailable):
        writer.append(settled(intent(1)))
    monkeypatch.undo()
    answers = iter([os.write, full])
    refusing(monkeypatch, lambda descriptor, data: next(answers)(descriptor, data))

    writer.append(intent(2))

    health = writer.health()
    monkeypatch.undo()
    assert (health.open_intents, health.is_writable) == (2, False)
    writer.append(settled(intent(2)))
    assert on_disk(writer.directory.path) == [[intent(1), intent(2), settled(intent(2)), settled(intent(1))]]


def test_a_settled_record_too_long_for_the_journal_is_written_with_its_texts_cut(writer: JournalWriter) -> None:
    writer.append(intent(1, client_request_id="x" * 200_000))
    whole = settled(intent(1, client_request_id="x" * 200_000))

    writer.append(replace(whole, served_model="m" * 300_000, native_finish="\U0001f600" * 300_000))

    cut = replace(
        settled(intent(1, client_request_id="x" * 200)), served_model="m" * 200, native_finish="\U0001f600" * 100
    )
    assert on_disk(writer.directory.path)[0][1] == cut
    assert writer.health().open_intents == 0


def test_a_settled_record_with_what_no_journal_can_write_is_written_with_the_nearest(writer: JournalWriter) -> None:
    writer.append(intent(1))
    usage = Usage(2**80, -(2**80), 5, 0, 0)

    writer.append(replace(settled(intent(1), cost=2**80), usage=usage, native_finish="a\ud800b"))

    cut = replace(settled(intent(1), cost=2**63 - 1), usage=Usage(2**63 - 1, 1 - 2**63, 5, 0, 0), native_finish="a?b")
    assert on_disk(writer.directory.path) == [[intent(1), cut]]


def test_an_intent_that_cannot_be_written_is_refused(writer: JournalWriter) -> None:
    for broken in (replace(intent(1), max_tokens=2**64), intent(1, client_request_id="\ud800")):
        with pytest.raises(JournalUnavailable, match="cannot be written"):
            writer.append(broken)

    assert on_disk(writer.directory.path) == [[]]
    assert (writer.health().is_writable, writer.health().open_intents) == (True, 0)


def test_a_settled_record_that_was_cut_is_owed_as_any_other(
    no_probe: None, writer: JournalWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.append(intent(1))
    refusing(monkeypatch, full)
    with pytest.raises(JournalUnavailable):
        writer.append(replace(settled(intent(1)), served_model="m" * 300_000))
    monkeypatch.undo()

    writer.append(intent(2))

    assert on_disk(writer.directory.path) == [
        [intent(1), intent(2), replace(settled(intent(1)), served_model="m" * 200)]
    ]


@pytest.mark.parametrize("is_whole_directory", [True, False])
def test_a_journal_that_was_removed_is_not_writable(writer: JournalWriter, is_whole_directory: bool) -> None:
    writer.append(intent(1))
    assert not writer.is_removed
    if is_whole_directory:
        shutil.rmtree(writer.directory.path)
    else:
        writer.live_segment.unlink()

    health = writer.health()

    assert writer.is_removed
    assert not health.is_writable
    assert "removed" in health.last_error


def test_a_journal_that_was_moved_away_is_not_writable(writer: JournalWriter) -> None:
    writer.directory.path.rename(writer.directory.path.with_name("elsewhere"))

    assert writer.is_removed
    assert not writer.health().is_writable


def test_a_closed_journal_is_not_called_removed(writer: JournalWriter) -> None:
    writer.close()

    assert not writer.is_removed
    assert (writer.health().is_writable, writer.health().last_error) == (False, "")


def test_calls_go_on_while_a_new_segment_is_created(writer: JournalWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open
    waited: list[bool] = []

    def slow_open(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_EXCL:
            request = threading.Thread(target=lambda: [writer.append(r) for r in (settled(intent(1)), intent(3))])
            request.start()
            request.join(5)
            waited.append(request.is_alive())
        return real(path, flags, mode)

    writer.append(intent(1))
    writer.append(intent(2))
    monkeypatch.setattr(os, "open", slow_open)

    writer.rotate()

    monkeypatch.undo()
    assert waited == [False]
    assert on_disk(writer.directory.path) == [
        [intent(1), intent(2), settled(intent(1)), intent(3)],
        [intent(2), intent(3)],
    ]


def test_a_journal_that_was_removed_refuses_calls_until_it_is_back(writer: JournalWriter) -> None:
    place, elsewhere = writer.directory.path, writer.directory.path.with_name("elsewhere")
    place.rename(elsewhere)
    with pytest.raises(JournalUnavailable, match="removed"):
        for number in range(1_000_000):  # taken until the writer's thread looks
            writer.append(intent(number))

    elsewhere.rename(place)
    writer.append(intent(1_000_000))

    assert on_disk(place)[0][-1] == intent(1_000_000)
    assert writer.health().is_writable
