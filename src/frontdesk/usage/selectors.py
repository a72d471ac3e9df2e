"""Reads of the ledger and the catalog."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone

from frontdesk.gateway import snapshot
from frontdesk.usage.models import LLMModel, LLMProvider, ModelPrice, ProviderUsage
from frontdesk.usage.price_list import BEGINNING
from frontdesk.usage.prices import rates

if TYPE_CHECKING:
    from frontdesk.tenants.models import Tenant

LARGEST_LAST = 10_000
LONGEST_SOURCE = 160
"""What is kept of a price's source where its date is said too: both must fit the ledger's column."""


def last_calls(tenant: Tenant | int, n: int) -> list[dict[str, Any]]:
    """List a tenant's last calls, newest first, at most LARGEST_LAST, as plain values (JSON-ready)."""
    count = max(0, min(n, LARGEST_LAST))
    rows = ProviderUsage.objects.for_tenant(tenant).order_by("-created_at", "-call_id")[:count]
    return [_as_dict(row) for row in rows]


def _as_dict(row: ProviderUsage) -> dict[str, Any]:
    return {
        "call_id": str(row.call_id),
        "request_id": row.request_id,
        "client_request_id": row.client_request_id,
        "created_at": row.created_at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "operation": row.operation,
        "provider": row.provider,
        "model": row.model,
        "served_model": row.served_model,
        "status": row.status,
        "is_streamed": row.is_streamed,
        "position": row.position,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "total_tokens": row.total_tokens,
        "uncached_input": row.uncached_input,
        "cache_read": row.cache_read,
        "cache_write": row.cache_write,
        "output": row.output,
        "reasoning": row.reasoning,
        "usage_source": row.usage_source,
        "cost_nano_usd": row.cost_nano_usd,
        "price_source": row.price_source,
        "latency_ms": row.latency_ms,
        "first_token_ms": row.first_token_ms,
        "finish": row.finish,
        "error_class": row.error_class,
        "error_code": row.error_code,
        "error_message": row.error_message,
        "upstream_status": row.upstream_status,
        "api_key_id": row.api_key_id,
        "widget_id": row.widget_id,
        "conversation_id": row.conversation_id,
        "turn_id": row.turn_id,
        "user_id": row.user_id,
    }


def find_model(name: str) -> LLMModel:
    """Find a model by `provider/model`, or by a name that one provider alone has. ValidationError if there is none."""
    provider, slash, rest = name.partition("/")
    rows = LLMModel.objects.select_related("provider").order_by("provider__name")
    if slash and LLMProvider.objects.filter(name=provider).exists():
        found = list(rows.filter(provider__name=provider, name=rest))
    else:
        found = list(rows.filter(name=name))
    if not found:
        raise ValidationError(
            f"there is no model {name[:100]!r}: give it as provider/model, as GET /v1/models lists it"
        )
    if len(found) > 1:
        names = ", ".join(f"{row.provider.name}/{row.name}" for row in found)
        raise ValidationError(f"several providers have a model {name[:100]!r}: say which of {names}")
    return found[0]


def price_at(provider: str, model: str, at: datetime) -> snapshot.Price | None:
    """Find a model's price at a moment; None when the catalog has none. An operator's override wins."""
    row = (
        in_force(at)
        .filter(model__name=model, model__provider__name=provider)
        .order_by("-is_override", "-valid_from")
        .first()
    )
    return None if row is None else as_price(row)


def in_force(at: datetime | None = None) -> Any:
    """Give the prices that are valid at a moment, by default now."""
    moment = timezone.now() if at is None else at
    return ModelPrice.objects.filter(valid_from__lte=moment).filter(Q(valid_until=None) | Q(valid_until__gt=moment))


def as_price(row: ModelPrice) -> snapshot.Price:
    """Turn a price's row into the value that the request path uses."""
    return snapshot.Price(
        input=row.input_nano_usd_per_mtok,
        output=row.output_nano_usd_per_mtok,
        cache_read=row.cache_read_nano_usd_per_mtok,
        cache_write=row.cache_write_nano_usd_per_mtok,
        source=provenance(row),
        valid_from_ns=int(row.valid_from.timestamp()) * 1_000_000_000,
        tiers=rates.tiers(row.tiers),
    )


def provenance(row: ModelPrice) -> str:
    """Say where a price is from and since when it holds, as it stands on each call that it was used for.

    A list's price without a date tells when it was imported instead.
    """
    source = row.source[:LONGEST_SOURCE]
    if row.valid_from != BEGINNING:
        begins = row.valid_from.astimezone(UTC)
        return f"{source}, from {begins:%Y-%m-%d}" + (f" {begins:%H:%M:%S}" if begins.time() != time() else "")
    return f"{source}, undated" if row.recorded_at is None else f"{source}, imported {row.recorded_at:%Y-%m-%d}"
