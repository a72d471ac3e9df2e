"""A journal of the test's own, with a drain that moves it when told to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from frontdesk.gateway.journal.writer import JournalWriter
from frontdesk.usage.drain import Drain
from tests.fakes.calls import StillClock


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def writer(root: Path) -> Iterator[JournalWriter]:
    writer = JournalWriter.open(root, StillClock())
    yield writer
    writer.close()


@pytest.fixture
def drain(writer: JournalWriter, db: None) -> Drain:
    return Drain(writer)
