"""A disk that is full refuses calls, loses nothing that was acknowledged, and is used again when it has space."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from frontdesk.gateway.errors import JournalUnavailable
from frontdesk.gateway.journal import segment
from frontdesk.gateway.journal.writer import JournalWriter
from tests.fakes.calls import StillClock, intent, settled


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    path = tmp_path / "disk"
    path.mkdir()
    mounted = os.getuid() == 0 and (
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", path], capture_output=True).returncode == 0
    )
    if not mounted:
        pytest.skip("only root can mount a small disk")
    yield path
    subprocess.run(["umount", path], check=True)


def test_a_full_disk_refuses_and_recovers_without_a_request(small_disk: Path) -> None:
    writer = JournalWriter.open(small_disk / "journal", StillClock())
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(180 << 10))
    written = []
    with pytest.raises(JournalUnavailable):
        for number in range(10_000):
            writer.append(intent(number))
            written.append(intent(number))
    assert not writer.health().is_writable
    with pytest.raises(JournalUnavailable):
        writer.append(settled(written[0]))

    ballast.unlink()
    deadline = time.monotonic() + 10
    while not writer.health().is_writable and time.monotonic() < deadline:
        time.sleep(0.05)

    assert writer.health().is_writable
    assert writer.health().open_intents == len(written) - 1
    writer.close()
    found = [
        item for path in segment.listing(writer.directory.path) for item, _ in segment.read_from(path, 0, is_live=False)
    ]
    assert found == [*written, settled(written[0])]
