"""The journals of processes that died: replayed by whoever takes their lock, then removed.

Settled records become rows as if their owner had drained them; an intent without one becomes an `interrupted` call
with its estimated input. Doing it twice, or half and then again, ends in the same ledger.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog
from django.db import InterfaceError, OperationalError

from frontdesk.gateway import pricing
from frontdesk.gateway.journal import directory as directories
from frontdesk.gateway.journal import segment
from frontdesk.gateway.journal.directory import ProcessDirectory
from frontdesk.gateway.journal.record import Intent, Settled
from frontdesk.gateway.messages import Usage
from frontdesk.usage import ledger, replay, selectors
from frontdesk.usage.ledger import Batch, Entry
from frontdesk.usage.models import JournalPosition

logger = structlog.get_logger()


class Adoption(msgspec.Struct, frozen=True, kw_only=True):
    """What became of orphaned journals: how many there were, their rows, and those of calls cut short among them."""

    directories: int = 0
    rows: int = 0
    interrupted: int = 0


def adopt_all(root: Path) -> Adoption:
    """Adopt every journal under the root whose owner is gone.

    OperationalError or InterfaceError (the database is away) leaves the rest for the next time. Any other fault is
    the one journal's: it is logged, the journal stays, and the others are adopted.
    """
    total = Adoption()
    for path in directories.listing(root):
        try:
            one = _adopt(path)
        except (OperationalError, InterfaceError):
            raise
        except OSError as error:
            logger.error("journal_not_adopted", directory=path.name, reason=str(error))
            continue
        except Exception:
            logger.exception("journal_not_adopted", directory=path.name)
            continue
        total = Adoption(
            directories=total.directories + one.directories,
            rows=total.rows + one.rows,
            interrupted=total.interrupted + one.interrupted,
        )
    return total


def _adopt(path: Path) -> Adoption:
    directory = ProcessDirectory.adopt(path)
    if directory is None:
        return Adoption()
    with directory:
        adoption = _replay(directory)
        directory.remove()
    JournalPosition.objects.filter(directory=path.name).delete()
    logger.info("journal_adopted", directory=path.name, rows=adoption.rows, interrupted=adoption.interrupted)
    return adoption


def _replay(directory: ProcessDirectory) -> Adoption:
    rows = 0
    open_intents: dict[bytes, tuple[Intent, int]] = {}
    paths = directory.segments()
    for path in paths:
        for batch in replay.collect(_watch(path, open_intents), path, 0):
            ledger.store(batch)
            rows += len(batch.entries)
    if open_intents:
        last = paths[-1]
        ledger.store(
            Batch(
                directory=directory.path.name,
                segment=last.name,
                end_offset=last.stat().st_size,
                entries=tuple(Entry(interrupted(intent), offset) for intent, offset in open_intents.values()),
            )
        )
    return Adoption(directories=1, rows=rows + len(open_intents), interrupted=len(open_intents))


def _watch(path: Path, open_intents: dict[bytes, tuple[Intent, int]]) -> Iterator[replay.Item]:
    """Pass on a segment's records, and keep the intents that have no settled record yet."""
    start = 0
    for item, end in segment.read_from(path, 0, is_live=False):
        if isinstance(item, Intent):
            open_intents[item.call_id] = (item, start)
        elif isinstance(item, Settled):
            open_intents.pop(item.intent.call_id, None)
        start = end
        yield item, end


def interrupted(intent: Intent) -> Settled:
    """Tell what is known of a call whose process died: its estimated input, priced as of its time, and no output."""
    usage = Usage(uncached_input=intent.estimated_input_tokens, source="estimated")
    at = datetime.fromtimestamp(intent.at_ns / 1e9, UTC)
    price = selectors.price_at(intent.provider, intent.model, at)
    return Settled(
        intent,
        "interrupted",
        usage,
        pricing.cost(usage, price),
        ledger.UNKNOWN_LATENCY_MS,
        price_source="" if price is None else price.source,
        error_class="internal",
        error_code="interrupted",
        error_message="The process that made this call ended before its answer was complete.",
    )
