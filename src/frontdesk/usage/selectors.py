"""Reads of the ledger and the catalog."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django.db.models import Q, Sum
from django.utils import timezone

from frontdesk.gateway import snapshot
from frontdesk.usage.models import ModelPrice, ProviderUsage, QuarantinedRecord

if TYPE_CHECKING:
    from frontdesk.tenants.models import Tenant

LARGEST_LAST = 10_000


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


def audit(tenant: Tenant | int | None = None) -> dict[str, int]:
    """Count what should not be in a ledger; all zero is a clean one. None looks at all tenants.

    `tokens_without_cost` and `calls_without_price` may be true of models that the catalog has no price for;
    `successes_without_usage` never should be.
    """
    rows = ProviderUsage.objects.across_tenants() if tenant is None else ProviderUsage.objects.for_tenant(tenant)
    # No sum of the buckets: each may be as large as its column holds.
    buckets = ("uncached_input", "cache_read", "cache_write", "output", "reasoning")
    has_tokens = reduce(or_, [Q(**{f"{bucket}__gt": 0}) for bucket in buckets])
    succeeded = rows.filter(status="success")
    sums = rows.aggregate(cost=Sum("cost_nano_usd"))
    return {
        "calls": rows.count(),
        "cost_nano_usd": sums["cost"] or 0,
        "tokens_without_cost": rows.filter(has_tokens, cost_nano_usd=None).count(),
        "calls_without_price": succeeded.filter(price_source="").count(),
        "streams_without_usage": succeeded.filter(~has_tokens, is_streamed=True).count(),
        "successes_without_usage": succeeded.exclude(has_tokens).count(),
        "estimated_usage": rows.filter(usage_source="estimated").count(),
        "interrupted": rows.filter(status="interrupted").count(),
        "quarantined_records": QuarantinedRecord.objects.count(),
    }


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
        source=row.source,
        valid_from_ns=int(row.valid_from.timestamp()) * 1_000_000_000,
    )
