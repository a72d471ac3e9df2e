"""Reading journal directories in batches, whoever owns them: what `drain` and `adopt` share."""

from collections.abc import Iterator
from pathlib import Path

from frontdesk.gateway.journal import segment
from frontdesk.gateway.journal.record import Settled, decode_settled
from frontdesk.gateway.journal.segment import Damage
from frontdesk.usage.ledger import Batch, Entry

BATCH_ROWS = 1000

Item = tuple[segment.Item, int]


def batches(path: Path, offset: int, *, is_live: bool) -> Iterator[Batch]:
    """Read one segment from an offset on as batches of at most BATCH_ROWS rows; intents only move the position."""
    yield from collect(segment.read_from(path, offset, is_live=is_live, decode=decode_settled), path, offset)


def collect(items: Iterator[Item], path: Path, offset: int) -> Iterator[Batch]:
    """Gather records that were read from a segment, starting at `offset`, into batches."""
    entries: list[Entry] = []
    damages: list[Damage] = []
    start = end = offset
    for item, end in items:
        if isinstance(item, Settled):
            entries.append(Entry(item, start))
        elif isinstance(item, Damage):
            damages.append(item)
        start = end
        if len(entries) + len(damages) >= BATCH_ROWS:
            yield _batch(path, end, entries, damages)
            entries, damages, offset = [], [], end
    if end > offset:
        yield _batch(path, end, entries, damages)


def _batch(path: Path, end: int, entries: list[Entry], damages: list[Damage]) -> Batch:
    return Batch(
        directory=path.parent.name,
        segment=path.name,
        end_offset=end,
        entries=tuple(entries),
        damages=tuple(damages),
    )
