"""Which record of a call replaces which, and by how much it changes what the call has spent."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connection

from frontdesk.gateway.budgets import terms
from frontdesk.gateway.budgets.terms import Amounts
from frontdesk.gateway.journal.record import MAX_COST_NANO_USD, Settled
from frontdesk.gateway.messages import Usage
from frontdesk.usage.budgets.counters import Change
from frontdesk.usage.models import ProviderUsage

STATUS_RANKS = {"intent": 0, "interrupted": 1}
"""What may be replaced by a status of a higher rank; every status that is not here is final."""
FINAL_RANK = 2

_BUCKETS = ("uncached_input", "cache_read", "cache_write", "output", "reasoning")
_LOOKUP_IDS = (10, 100, 1_000)
"""How many ids one statement looks up, filled up with repeats: SQLite keeps each statement prepared."""
_ABSENT = (-1, (0, 0, 0))
_END_OF_TIME_NS = 7_258_118_400 * 1_000_000_000
"""The year 2200. What claims to be later (or before 1970) is in the ledger, and in no window of a budget."""

Ranked = tuple[int, Amounts]
"""The rank of a call's row, and what the call spent by it."""


def before(call_ids: Sequence[bytes]) -> dict[bytes, Ranked]:
    """Read what is there already of these calls, which is little, by call id."""
    found: dict[bytes, Ranked] = {}
    with connection.cursor() as cursor:
        for start in range(0, len(call_ids), _LOOKUP_IDS[-1]):
            cursor.execute(*_lookup(call_ids[start : start + _LOOKUP_IDS[-1]]))
            for call_id, status, *buckets, cost in cursor.fetchall():
                key = call_id.bytes if isinstance(call_id, UUID) else bytes.fromhex(call_id)
                found[key] = (_rank(status), _within(terms.spent(status, Usage(*buckets), cost)))
    return found


def between(rows: dict[bytes, Ranked], written: Iterable[Settled]) -> Iterator[Change]:
    """Tell what each written call is more than what was there, in the order of writing; `rows` moves along."""
    for settled in written:
        intent, caller = settled.intent, settled.intent.caller
        old_rank, old = rows.get(intent.call_id, _ABSENT)
        new_rank = _rank(settled.status)
        if new_rank <= old_rank or not 0 <= intent.at_ns < _END_OF_TIME_NS:
            continue
        new = _within(terms.spent(settled.status, settled.usage, settled.cost_nano_usd))
        rows[intent.call_id] = (new_rank, new)
        yield Change(
            intent.at_ns,
            caller.tenant_id,
            caller.widget_id,
            caller.api_key_id,
            intent.provider,
            caller.session_key,
            caller.ip_key,
            (new[0] - old[0], new[1] - old[1], new[2] - old[2]),
        )


def _rank(status: str) -> int:
    return STATUS_RANKS.get(status, FINAL_RANK)


def _within(amounts: Amounts) -> Amounts:
    """Keep what was claimed within what counters hold; a row's cost is bounded as it is written."""
    requests, tokens, cost = amounts
    return requests, max(0, min(tokens, terms.MOST)), max(0, min(cost, MAX_COST_NANO_USD))


def _lookup(call_ids: Sequence[bytes]) -> tuple[str, list[Any]]:
    """Write the statement that reads the rows of some calls, and its parameters."""
    if connection.vendor == "postgresql":
        return f"{_select()} = ANY(%s)", [[UUID(bytes=call_id.ljust(16, b"\0")[:16]) for call_id in call_ids]]
    size = next(size for size in _LOOKUP_IDS if size >= len(call_ids))
    keys = [call_id.hex() for call_id in call_ids]
    return f"{_select()} IN ({', '.join(['%s'] * size)})", keys + [keys[-1]] * (size - len(keys))


@lru_cache(maxsize=1)
def _select() -> str:
    quote = connection.ops.quote_name
    names = ", ".join(quote(name) for name in ("call_id", "status", *_BUCKETS, "cost_nano_usd"))
    return f"SELECT {names} FROM {quote(ProviderUsage._meta.db_table)} WHERE {quote('call_id')}"  # noqa: S608
