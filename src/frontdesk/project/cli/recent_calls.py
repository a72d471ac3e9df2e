"""How the last day's calls went, over all tenants."""

from datetime import timedelta
from typing import Any

from django.db import DatabaseError
from django.db.models import Avg, Count, F, Max, Q
from django.utils import timezone as clock

from frontdesk.project.cli import preflight
from frontdesk.project.cli.errors import UsageError

PERIOD = timedelta(hours=24)
FAILING_PERIOD = timedelta(hours=1)


def figures() -> dict[str, Any]:
    """Tell the share of calls that succeeded (0 to 1) and their mean time in seconds; None without calls.

    Calls that their caller cancelled say nothing about providers and are left out. UsageError when the database
    cannot be read.
    """
    preflight.prepare()
    preflight.require_current_schema()
    # Models load only after Django is set up.
    from frontdesk.usage.models import ProviderUsage  # noqa: PLC0415

    recent = ProviderUsage.objects.across_tenants().filter(created_at__gte=clock.now() - PERIOD)
    succeeded = Q(status="success")
    try:
        sums = recent.aggregate(
            good=Count("pk", filter=succeeded),
            bad=Count("pk", filter=Q(status="failed")),
            latency_ms=Avg("latency_ms", filter=succeeded),
        )
    except DatabaseError as error:
        raise UsageError(f"the database cannot be read: {error}") from None
    settled = sums["good"] + sums["bad"]
    return {
        "warnings": [_failing(row) for row in _failures(recent)],
        "success_rate": round(sums["good"] / settled, 4) if settled else None,
        "avg_response_time": None if sums["latency_ms"] is None else round(sums["latency_ms"] / 1000, 4),
    }


def _failures(recent: Any) -> Any:
    """Find the providers most of whose calls failed in the last hour."""
    counted = recent.filter(created_at__gte=clock.now() - FAILING_PERIOD, status__in=["success", "failed"])
    by_provider = counted.values("provider").order_by("provider")
    failed = Q(status="failed")
    return by_provider.annotate(
        calls=Count("pk"), failed=Count("pk", filter=failed), reason=Max("error_code", filter=failed)
    ).filter(failed__gt=F("calls") / 2)


def _failing(row: dict[str, Any]) -> str:
    return (
        f"{row['provider']}: {row['failed']} of {row['calls']} calls failed in the last hour "
        f"({row['reason']}): see the calls in the console"
    )
