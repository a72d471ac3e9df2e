"""The writer of this process's journal: one `os.write` per record on the caller's thread, the rest beside it.

What `append` returned from survives the death of the process at once, and a power cut after the next fsync
(at most 50 ms later). Files are made, synced and closed on the flusher thread, while requests go on: a request
waits for no fsync, and at a rotation for one write and one rename at most, which take as long as an append or two.
"""

import errno
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

import msgspec
import structlog

from frontdesk.gateway.clock import Clock, uuid7
from frontdesk.gateway.errors import JournalUnavailable
from frontdesk.gateway.journal import record as records
from frontdesk.gateway.journal import segment
from frontdesk.gateway.journal.directory import PROBE_NAME, ProcessDirectory, UnfinishedSegment, sync_directory
from frontdesk.gateway.journal.record import Intent, Record

ROTATE_BYTES = 64 << 20
ROTATE_AGE_S = 60.0
FLUSH_INTERVAL_S = 0.05
PROBE_INTERVAL_S = 1.0
PROBE_BYTES = 1 << 16
REMOVED = "The journal's live file was removed from the data directory; put it back or restart Frontdesk."

logger = structlog.get_logger()


class JournalHealth(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the journal: `bytes` lies on disk, `last_error` is empty when nothing is wrong."""

    is_writable: bool
    last_error: str
    bytes: int
    open_intents: int


class JournalWriter:
    """Fulfils `ports.Journal` with files in a directory of its own.

    Any thread may call it; a forked child may not. `progress` is set whenever there is something new to read.
    """

    def __init__(self, directory: ProcessDirectory, clock: Clock) -> None:
        self.directory = directory
        self.progress = threading.Event()
        self._clock = clock
        self._process_id = os.getpid()
        self._lock = threading.Lock()
        self._closing_lock = threading.Lock()
        """Held around whatever closes or syncs a file, so that no file is closed while it is being synced."""
        self._open: dict[bytes, bytes] = {}
        """The payloads of the intents that have no settled record yet, by call id."""
        self._owed: dict[bytes, bytes] = {}
        """The payloads of settled records that the disk refused. While there are any, there is an error."""
        self._error = ""
        self._is_torn = self._is_dirty = self._is_closed = False
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._begin(directory.begin_segment())
        sync_directory(directory.path)
        self._flusher = threading.Thread(target=self._flush_forever, name="journal-flusher", daemon=True)
        self._flusher.start()

    @classmethod
    def open(cls, root: Path, clock: Clock) -> Self:
        """Make a process directory under the root and start writing. OSError when it cannot be written."""
        directory = ProcessDirectory.create(root, uuid7(clock.now_ns()))
        try:
            return cls(directory, clock)
        except OSError:
            directory.remove()
            raise

    @property
    def live_segment(self) -> Path:
        """Tell the file that is being written."""
        return self._path

    @property
    def is_removed(self) -> bool:
        """Tell whether the file that is being written is gone from its place, so that nobody will ever read it."""
        with self._lock:
            return self._is_removed()

    def append(self, record: Record) -> None:
        """Write one record, in a few µs. JournalUnavailable, and nothing written, when it does not go in whole.

        A settled record that the disk refused is kept and written as soon as it can be, so that a call that was
        paid for reaches the ledger although its reply could not be sent. For the same reason one that is too long
        is written with its texts cut (`records.TEXT_LIMITS`), where an intent is refused.
        """
        payload = _payload(record)
        with self._lock:
            if self._is_closed or self._process_id != os.getpid():
                raise JournalUnavailable("The journal of this process is closed; restart Frontdesk.")
            if isinstance(record, Intent):
                self._write(payload)
                self._open[record.call_id] = payload
            else:
                call_id = record.intent.call_id
                if call_id in self._open:
                    self._owed[call_id] = payload
                self._write(payload)
                self._open.pop(call_id, None)
                self._owed.pop(call_id, None)
            if self._owed:
                with suppress(JournalUnavailable):  # this record is written; the probe goes on with the others
                    self._pay_owed()

    def rotate(self) -> None:
        """Start a new segment with the open intents; sync and close the old one. OSError if the disk refuses."""
        with self._closing_lock:
            if self._is_closed:
                return
            fresh = self.directory.begin_segment()
            with self._lock:
                old = self._descriptor
                self._begin(fresh)
            try:
                os.fsync(old)
            finally:
                os.close(old)
            sync_directory(self.directory.path)
        self.progress.set()

    def health(self) -> JournalHealth:
        """Tell whether the journal can be written, and how much lies in it."""
        with self._lock:
            error = REMOVED if self._is_removed() else self._error
            is_writable = not (error or self._is_closed)
            open_intents = len(self._open)
        return JournalHealth(
            is_writable=is_writable, last_error=error, bytes=self.directory.size_bytes(), open_intents=open_intents
        )

    def close(self) -> None:
        """Sync the live file, stop the thread and release the directory. Calling it again does nothing."""
        self._stopping.set()
        self._wake.set()
        self._flusher.join()
        with self._closing_lock, self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            with suppress(JournalUnavailable):
                self._pay_owed()
            try:
                os.fsync(self._descriptor)
            finally:
                os.close(self._descriptor)
                self.directory.release()

    def _write(self, payload: bytes) -> None:
        """Append one record to the live file, or leave the file as it was. The lock is held."""
        if self._error and self._is_removed():
            raise JournalUnavailable(REMOVED)
        data = segment.frame(payload, self._seed)
        try:
            if self._is_torn:
                os.ftruncate(self._descriptor, self._size)
                self._is_torn = False
            written = os.write(self._descriptor, data)
            if written != len(data):
                raise OSError(errno.ENOSPC, f"only {written} of {len(data)} bytes could be written")
        except OSError as error:
            self._take_back()
            self._failed(error)
            raise JournalUnavailable(
                "The journal cannot be written, so no call can be made; the operator must free disk space."
            ) from error
        self._size += written
        if self._error:
            self._recovered()
        if not self._is_dirty:
            self._is_dirty = True
            self._wake.set()

    def _take_back(self) -> None:
        self._is_torn = True
        with suppress(OSError):  # tried again before the next record
            os.ftruncate(self._descriptor, self._size)
            self._is_torn = False

    def _failed(self, error: OSError) -> None:
        if not self._error:
            logger.error("journal_unwritable", directory=str(self.directory.path), reason=str(error))
            self._wake.set()
        self._error = str(error)

    def _recovered(self) -> None:
        logger.info("journal_writable_again", directory=str(self.directory.path))
        self._error = ""

    def _begin(self, fresh: UnfinishedSegment) -> None:
        """Go over to a new file, which starts with the open intents. The lock is held; OSError changes nothing."""
        self._size = self._initial_size = fresh.publish(self._open.values())
        self._descriptor, self._path, self._seed = fresh.descriptor, fresh.path, fresh.seed
        self._born_s = self._clock.monotonic()
        self._is_torn = False

    def _is_removed(self) -> bool:
        if self._is_closed:
            return False
        try:
            return not os.path.samestat(self._path.stat(), os.fstat(self._descriptor))
        except OSError:  # gone, or out of everybody's reach
            return True

    def _flush_forever(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(self._patience_s())
            self._wake.clear()
            self._stopping.wait(FLUSH_INTERVAL_S)
            try:
                self._flush()
                if self._is_rotation_due():
                    self.rotate()
            except OSError as error:
                with self._lock:
                    self._failed(error)
                self._stopping.wait(PROBE_INTERVAL_S)
            if self._error:
                self._probe()

    def _flush(self) -> None:
        with self._lock:
            is_dirty, self._is_dirty = self._is_dirty, False
        if is_dirty:
            self.progress.set()
            with self._closing_lock:
                os.fsync(self._descriptor)
            if self.is_removed:
                raise FileNotFoundError(errno.ENOENT, REMOVED)

    def _patience_s(self) -> float:
        if self._error:
            return PROBE_INTERVAL_S
        if not self._holds_more_than_intents():
            return ROTATE_AGE_S
        return max(0.0, self._born_s + ROTATE_AGE_S - self._clock.monotonic())

    def _is_rotation_due(self) -> bool:
        if self._size >= ROTATE_BYTES:
            return True
        return self._holds_more_than_intents() and self._clock.monotonic() >= self._born_s + ROTATE_AGE_S

    def _holds_more_than_intents(self) -> bool:
        return self._size > self._initial_size

    def _pay_owed(self) -> None:
        for call_id, payload in tuple(self._owed.items()):
            self._write(payload)
            self._open.pop(call_id, None)
            del self._owed[call_id]

    def _probe(self) -> None:
        """Find out whether the disk takes bytes again, beside the live file; then write what is owed."""
        path = self.directory.path / PROBE_NAME
        try:
            path.write_bytes(bytes(PROBE_BYTES))
            with self._lock:
                self._pay_owed()
                if self._error and not self._is_removed():
                    self._recovered()
        except (OSError, JournalUnavailable):
            logger.debug("journal_still_unwritable", directory=str(self.directory.path))
        finally:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _payload(record: Record) -> bytes:
    """Encode a record. Of a settled one what cannot be written is cut: its call was made and must be accounted for."""
    try:
        payload = records.encode(record)
    except (OverflowError, UnicodeEncodeError) as error:
        if isinstance(record, Intent):
            raise JournalUnavailable("The call's record holds a number or a text that cannot be written.") from error
        return records.encode(records.fitted(record))
    if len(payload) <= segment.MAX_PAYLOAD_BYTES:
        return payload
    if isinstance(record, Intent):
        raise JournalUnavailable(f"The call's record takes {len(payload)} bytes, more than the journal can hold.")
    return records.encode(records.fitted(record))
