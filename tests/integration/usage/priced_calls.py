"""Calls in the ledger and prices in the table, for the audit and for repricing."""

from datetime import UTC, datetime

import msgspec

from frontdesk.gateway.journal.record import Settled
from frontdesk.usage import ledger
from frontdesk.usage.ledger import Batch, Entry
from frontdesk.usage.models import LLMModel, LLMProvider, ModelPrice, ProviderUsage
from tests.fakes.calls import intent, settled

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
USD = 1_000_000_000
RIGHT_COST = 60 * 150 + 40 * 75 + 50 * 600
"""What `call` costs by `price_of_mini`: nano-USD, of 60 tokens in, 40 from the cache and 50 out."""


def price_of_mini(model: str = "gpt-4o-mini", *, factor: int = 1, since: datetime = JANUARY) -> ModelPrice:
    """Store a price: USD 0.15, 0.075 from the cache, 0.60 for output, times the factor."""
    provider, _ = LLMProvider.objects.get_or_create(
        name="openai", defaults={"display_name": "OpenAI", "wire": "openai"}
    )
    row, _ = LLMModel.objects.get_or_create(provider=provider, name=model)
    return ModelPrice.objects.create(
        model=row,
        input_nano_usd_per_mtok=factor * USD * 15 // 100,
        output_nano_usd_per_mtok=factor * USD * 60 // 100,
        cache_read_nano_usd_per_mtok=factor * USD * 75 // 1000,
        cache_write_nano_usd_per_mtok=factor * USD * 15 // 100,
        source="list",
        valid_from=since,
    )


def call(
    number: int, *, cost: int | None = RIGHT_COST, model: str = "gpt-4o-mini", tenant_id: int = 1, **changes: object
) -> Settled:
    """Make a settled call; without a cost it names no price."""
    made = settled(intent(number, model=model, tenant_id=tenant_id), cost=cost)
    return msgspec.structs.replace(made, price_source="" if cost is None else "list, from 2026-01-01", **changes)


def streamed(made: Settled) -> Settled:
    return msgspec.structs.replace(made, intent=msgspec.structs.replace(made.intent, is_streamed=True))


def store(*calls: Settled) -> None:
    """Write the calls' rows."""
    ledger.store(Batch(directory="d", segment="s", end_offset=1, entries=tuple(Entry(one, 0) for one in calls)))


def costs() -> list[int | None]:
    """List the costs in the order of the calls."""
    return list(ProviderUsage.objects.across_tenants().order_by("call_id").values_list("cost_nano_usd", flat=True))
