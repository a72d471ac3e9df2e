"""Whose journal is whose: one directory per process, owned by an flock that dies with the process.

Whoever can take a directory's lock knows that its owner is gone. flock belongs to an open file description,
so the same rule holds between processes and within one.
"""

import errno
import fcntl
import os
import random
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from frontdesk.gateway.journal import segment

LOCK_NAME = "lock"
PROBE_NAME = "probe"
"""Written and deleted to find out whether a disk takes bytes."""

UNFINISHED_SUFFIX = ".new"
"""Of a segment that is being made."""


class ProcessDirectory:
    """A journal directory whose lock is held until `release` or the end of the process."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def create(cls, root: Path, identity: UUID) -> Self:
        """Make a directory under the root, named by a time-ordered id. OSError when it cannot be written."""
        root.mkdir(parents=True, exist_ok=True)
        path = root / identity.hex
        hidden = root / f".{identity.hex}"
        hidden.mkdir(mode=0o700)
        lock = os.open(hidden / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Locked before anybody can see it: an adopter that looks through the root never finds it unowned.
        hidden.rename(path)
        sync_directory(root)
        return cls(path, lock)

    @classmethod
    def adopt(cls, path: Path) -> Self | None:
        """Take over the directory of a dead owner; None while the owner lives or when it is already gone."""
        try:
            lock = os.open(path / LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Between our open and our lock another adopter may have finished and removed the file we hold.
            if os.fstat(lock).st_ino == (path / LOCK_NAME).stat().st_ino:
                return cls(path, lock)
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(lock)
        return None

    def segments(self) -> list[Path]:
        """List the segments, oldest first."""
        return segment.listing(self.path)

    def size_bytes(self) -> int:
        """Add up the sizes of the segments."""
        total_bytes = 0
        for path in self.segments():
            with suppress(FileNotFoundError):  # a reader deletes what it is done with
                total_bytes += path.stat().st_size
        return total_bytes

    def next_segment(self) -> Path:
        """Name the segment that follows the last one."""
        names = self.segments()
        last = segment.sequence_of(names[-1].name) if names else None
        return self.path / segment.file_name((last or 0) + 1, random.SystemRandom().getrandbits(32))

    def begin_segment(self) -> "UnfinishedSegment":
        """Create the file of the next segment, which no reader sees before it is published."""
        return UnfinishedSegment(self.next_segment())

    def remove(self) -> None:
        """Delete the journal, and release the lock. What is not the journal's stays, without being one any more."""
        unfinished = self.path.glob(f"*{UNFINISHED_SUFFIX}")
        for path in (*self.segments(), *unfinished, self.path / PROBE_NAME, self.path / LOCK_NAME):
            path.unlink(missing_ok=True)
        with suppress(OSError):  # not empty, or gone
            self.path.rmdir()
        self.release()

    def release(self) -> None:
        """Let the lock go; what is left in the directory may be adopted from now on."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class UnfinishedSegment:
    """A segment that is being made: it gets its name when it is whole."""

    def __init__(self, path: Path) -> None:
        """Create the file under a name that no reader looks for. OSError when the disk refuses."""
        self.path = path
        self.seed = segment.seed_of(path)
        self._hidden = path.with_suffix(UNFINISHED_SUFFIX)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self.descriptor = os.open(self._hidden, flags, 0o600)

    def publish(self, payloads: Iterable[bytes]) -> int:
        """Write the header and the payloads, and show the file to readers; tell its size. OSError undoes it all."""
        content = segment.MAGIC + b"".join([segment.frame(payload, self.seed) for payload in payloads])
        try:
            if os.write(self.descriptor, content) != len(content):
                raise OSError(errno.ENOSPC, "a new journal segment could not be written whole")
            # A reader takes every file but the last as complete: the name must not show before the file is sure.
            self._hidden.rename(self.path)
        except OSError:
            os.close(self.descriptor)
            self._hidden.unlink(missing_ok=True)
            raise
        return len(content)


def listing(root: Path) -> list[Path]:
    """List the process directories under the root, owned or not, oldest first."""
    try:
        names = sorted(name for name in os.listdir(root) if not name.startswith("."))  # noqa: PTH208
    except FileNotFoundError:
        return []
    return [root / name for name in names]


def sync_directory(path: Path) -> None:
    """Make the names in a directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
