"""What the journals of all processes hold that should not be there: calls without an end, folders without an owner."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import msgspec

from frontdesk.gateway.journal import directory as directories
from frontdesk.gateway.journal import segment
from frontdesk.gateway.journal.directory import ProcessDirectory
from frontdesk.gateway.journal.record import Intent, Settled

LONGEST_CALL_S = 900
"""No call takes longer, with every failover: after this, one that is still open will not end."""


class JournalState(msgspec.Struct, frozen=True):
    """Faults of the journals under one root."""

    stale_calls: tuple[UUID, ...]
    """Open longer than LONGEST_CALL_S although their process lives, the oldest first."""
    orphans: tuple[str, ...]
    """Folders that nobody owns."""


def state_of(root: Path, now_ns: int) -> JournalState:
    """Read the journals as they are now, without changing them; their owners go on writing meanwhile."""
    stale: dict[bytes, int] = {}
    orphans: list[str] = []
    for path in directories.listing(root):
        if _is_orphan(path):
            orphans.append(path.name)
            continue
        for call_id, at_ns in _open_calls(path).items():
            if now_ns - at_ns > LONGEST_CALL_S * 1_000_000_000:
                stale[call_id] = at_ns
    return JournalState(tuple(UUID(bytes=call_id) for call_id in sorted(stale, key=stale.__getitem__)), tuple(orphans))


def _is_orphan(path: Path) -> bool:
    """Tell whether nobody holds the folder's lock, by taking it for a moment."""
    try:
        directory = ProcessDirectory.adopt(path)
    except OSError:
        return True  # what cannot be opened cannot be adopted either
    if directory is None:
        return False
    directory.release()
    return True


def _open_calls(path: Path) -> dict[bytes, int]:
    """Find the calls that have begun and not ended, with their times."""
    open_at_ns: dict[bytes, int] = {}
    segments = segment.listing(path)
    for one in segments:
        try:
            for item, _ in segment.read_from(one, 0, is_live=one is segments[-1]):
                if isinstance(item, Intent):
                    open_at_ns[item.call_id] = item.at_ns
                elif isinstance(item, Settled):
                    open_at_ns.pop(item.intent.call_id, None)
        except FileNotFoundError:
            continue  # drained and deleted meanwhile: its open calls are copied into the next one
    return open_at_ns
