"""The writer of this process's journal: one `os.write` per record on the caller's thread, the rest beside it.

What `append` returned from survives the death of the process at once, and a power cut after the next fsync
(at most 50 ms later). Rotation happens on the flusher thread alone, so that no request ever waits for a disk.
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
from frontdesk.gateway.journal.directory import (
    PROBE_NAME,
    UNFINISHED_SUFFIX,
    ProcessDirectory,
    sync_directory,
)
from frontdesk.gateway.journal.record import Intent, Record, Settled

ROTATE_BYTES = 64 << 20
ROTATE_AGE_S = 60.0
FLUSH_INTERVAL_S = 0.05
PROBE_INTERVAL_S = 1.0
PROBE_BYTES = 1 << 16

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
        self._open: dict[bytes, Intent] = {}
        self._owed: dict[bytes, Settled] = {}
        self._error = ""
        self._is_torn = self._is_dirty = self._is_closed = False
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._descriptor, self._path, self._seed, self._size = self._new_segment()
        self._initial_size = self._size
        self._born_s = clock.monotonic()
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

    def append(self, record: Record) -> None:
        """Write one record, in a few µs. JournalUnavailable, and nothing written, when it does not go in whole.

        A settled record that the disk refused is kept and written as soon as it can be, so that a call that was
        paid for reaches the ledger although its reply could not be sent.
        """
        payload = records.encode(record)
        if len(payload) > segment.MAX_PAYLOAD_BYTES:
            raise JournalUnavailable(f"The call's record takes {len(payload)} bytes, more than the journal can hold.")
        with self._lock:
            if self._is_closed or self._process_id != os.getpid():
                raise JournalUnavailable("The journal of this process is closed; restart Frontdesk.")
            if isinstance(record, Intent):
                self._write(payload)
                self._open[record.call_id] = record
            else:
                call_id = record.intent.call_id
                if call_id in self._open:
                    self._owed[call_id] = record
                self._write(payload)
                self._open.pop(call_id, None)
                self._owed.pop(call_id, None)

    def rotate(self) -> None:
        """Start a new segment with the open intents; sync and close the old one. OSError if the disk refuses."""
        with self._closing_lock:
            with self._lock:
                if self._is_closed:
                    return
                old = self._descriptor
                self._descriptor, self._path, self._seed, self._size = self._new_segment()
                self._initial_size = self._size
                self._born_s = self._clock.monotonic()
                self._is_torn = False
            try:
                os.fsync(old)
            finally:
                os.close(old)
            sync_directory(self.directory.path)
        self.progress.set()

    def health(self) -> JournalHealth:
        """Tell whether the journal can be written, and how much lies in it."""
        with self._lock:
            return JournalHealth(
                is_writable=not (self._error or self._is_closed),
                last_error=self._error,
                bytes=self.directory.size_bytes(),
                open_intents=len(self._open),
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
        self._error = str(error)
        self._wake.set()

    def _recovered(self) -> None:
        logger.info("journal_writable_again", directory=str(self.directory.path))
        self._error = ""

    def _new_segment(self) -> tuple[int, Path, int, int]:
        """Make a file that holds the header and the open intents; it gets its name when it is whole."""
        path = self.directory.next_segment()
        seed = segment.seed_of(path)
        frames = [segment.frame(records.encode(intent), seed) for intent in self._open.values()]
        content = segment.MAGIC + b"".join(frames)
        hidden = path.with_suffix(UNFINISHED_SUFFIX)
        descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            if os.write(descriptor, content) != len(content):
                raise OSError(errno.ENOSPC, "a new journal segment could not be written whole")
            # A reader takes every file but the last as complete: the name must not show before the file is sure.
            hidden.rename(path)
        except OSError:
            os.close(descriptor)
            hidden.unlink(missing_ok=True)
            raise
        return descriptor, path, seed, len(content)

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
        for settled in tuple(self._owed.values()):
            self._write(records.encode(settled))
            self._open.pop(settled.intent.call_id, None)
            del self._owed[settled.intent.call_id]

    def _probe(self) -> None:
        """Find out whether the disk takes bytes again, beside the live file; then write what is owed."""
        path = self.directory.path / PROBE_NAME
        try:
            path.write_bytes(bytes(PROBE_BYTES))
            with self._lock:
                self._pay_owed()
                if self._error:
                    self._recovered()
        except (OSError, JournalUnavailable):
            logger.debug("journal_still_unwritable", directory=str(self.directory.path))
        finally:
            with suppress(OSError):
                path.unlink(missing_ok=True)
