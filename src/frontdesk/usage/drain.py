"""The journal's reader thread in a serving process: what the writer appended becomes rows, four times a second.

It owns the deletion of segments: only after the commit of their last row, and never the live one. The same thread
adopts the journals of dead processes, so that a process has one writer to the ledger.
"""

import errno
import threading
import time
from collections import deque
from pathlib import Path

import structlog
from django.db import DatabaseError, InterfaceError, connections

from frontdesk.gateway.journal.writer import JournalWriter
from frontdesk.usage import adopt, ledger, replay
from frontdesk.usage.models import JournalPosition

ADOPTION_INTERVAL_S = 5.0
GATHER_S = 0.25
FIRST_BACKOFF_S = 0.1
LONGEST_BACKOFF_S = 5.0

logger = structlog.get_logger()


class Drain:
    """Moves one writer's journal into the ledger, from `start` to `stop`. Survives a database that is away."""

    def __init__(self, writer: JournalWriter) -> None:
        self._writer = writer
        self._directory = writer.directory
        self._segment = ""
        self._offset = 0
        self._is_position_known = False
        self._is_failing = False
        self._backoff_s = FIRST_BACKOFF_S
        self._adopt_at = 0.0
        self._waiting: deque[threading.Event] = deque()
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal-drain", daemon=True)

    @property
    def is_failing(self) -> bool:
        """Tell whether calls do not reach the ledger: the last attempt failed, or the journal was removed."""
        return self._is_failing or self._writer.is_removed

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Wait until everything appended before is in the ledger; False if it did not get there in time."""
        done = threading.Event()
        self._waiting.append(done)
        self._hurry.set()
        self._writer.progress.set()
        return done.wait(timeout_s)

    def stop(self, *, flush: bool = True) -> None:
        """End the thread, by default after one last pass; what could not be written stays in the journal."""
        if flush and self._thread.is_alive():
            self.flush()
        self._stopping.set()
        self._hurry.set()
        self._writer.progress.set()
        if self._thread.ident is not None:
            self._thread.join()

    def drain(self) -> int:
        """Move what is in the journal now into the ledger, on the caller's thread; tell how many rows that were."""
        self._find_position()
        rows = 0
        paths = self._directory.segments()
        for path in paths:
            is_live = path is paths[-1]
            if path.name >= self._segment:
                rows += self._drain_segment(path, is_live=is_live)
            if not is_live:
                path.unlink(missing_ok=True)
        return rows

    def _find_position(self) -> None:
        if not self._is_position_known:
            position = JournalPosition.objects.filter(directory=self._directory.path.name).first()
            if position is not None:
                self._segment, self._offset = position.segment, position.offset
            self._is_position_known = True

    def _drain_segment(self, path: Path, *, is_live: bool) -> int:
        rows = 0
        offset = self._offset if path.name == self._segment else 0
        for batch in replay.batches(path, offset, is_live=is_live):
            ledger.store(batch)
            self._segment, self._offset = batch.segment, batch.end_offset
            rows += len(batch.entries)
        return rows

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._pass()
                if self._is_failing:
                    self._stopping.wait(self._backoff_s)
                else:
                    self._pause()
                    self._writer.progress.wait(max(0.0, self._adopt_at - time.monotonic()))
        finally:
            connections.close_all()

    def _pause(self) -> None:
        """Let rows gather, unless somebody waits for them: a pass costs as much as fifty rows."""
        if not self._waiting:
            self._hurry.wait(GATHER_S)
            self._hurry.clear()

    def _pass(self) -> None:
        self._writer.progress.clear()
        waiting = tuple(self._waiting)
        try:
            self._adopt()
            self.drain()
            self._require_journal()
        except (DatabaseError, InterfaceError, OSError) as error:
            self._failed(error)
            return
        except Exception:
            logger.exception("journal_drain_broken")
            self._failed(None)
            return
        self._succeeded()
        for _ in waiting:
            self._waiting.popleft().set()

    def _require_journal(self) -> None:
        """Raise FileNotFoundError when what is appended now cannot be read, so that nobody is told it was stored."""
        if self._writer.is_removed:
            raise FileNotFoundError(errno.ENOENT, "the journal's live file was removed", self._writer.live_segment.name)

    def _adopt(self) -> None:
        if time.monotonic() >= self._adopt_at:
            adopt.adopt_all(self._directory.path.parent)
            self._adopt_at = time.monotonic() + ADOPTION_INTERVAL_S

    def _failed(self, error: Exception | None) -> None:
        if not self._is_failing:
            logger.warning("journal_drain_waiting", error=type(error).__name__)
            self._is_failing = True
        else:
            self._backoff_s = min(LONGEST_BACKOFF_S, 2 * self._backoff_s)
        connections.close_all()

    def _succeeded(self) -> None:
        if self._is_failing:
            logger.info("journal_drain_resumed")
        self._is_failing = False
        self._backoff_s = FIRST_BACKOFF_S
