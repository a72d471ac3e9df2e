"""Secrets that Frontdesk makes for itself: one file each, readable by its owner alone, written whole."""

import contextlib
import os
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from frontdesk.project.errors import ConfigurationError


def read_or_create(path: Path, make: Callable[[], str]) -> str:
    """Read the secret in the file, or make it and keep it with mode 0600.

    Whole or not at all: it is written beside and linked into place, so that of two processes starting together one
    wins and both read the same. ConfigurationError if the directory cannot be written.
    """
    try:
        if not path.exists():
            _create(path, make())
        secret = path.read_text().strip()
    except OSError as error:
        raise ConfigurationError(
            f"cannot use {path}: {error.strerror}; make the data directory writable or set FRONTDESK_DATA_DIR"
        ) from None
    if not secret:
        raise ConfigurationError(f"{path} is empty: delete it to have a new one made, or put the lost key back")
    return secret


def keys_in(text: str) -> tuple[str, ...]:
    """List the keys in a file's text: one a line, or separated by commas."""
    return tuple(key.strip() for line in text.splitlines() for key in line.split(",") if key.strip())


def replace(path: Path, keys: Sequence[str]) -> None:
    """Put keys in the place of those in the file, which is never seen half-written and stays its owner's alone."""
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        _write(beside, "\n".join(keys))
        beside.replace(path)
        _settle(path.parent)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ConfigurationError(f"cannot write {path}: {error.strerror}") from None


def _create(path: Path, secret: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        _write(beside, secret)
        with contextlib.suppress(FileExistsError):  # another process was first; its secret is the one
            os.link(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())


def _settle(directory: Path) -> None:
    """Make a rename last through a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
