"""How the last day's calls went, over all tenants."""

from datetime import timedelta
from typing import Any

from django.db import DatabaseError
from django.db.models import Avg, Count, Q
from django.utils import timezone as clock

from frontdesk.project.cli import preflight
from frontdesk.project.cli.errors import UsageError

PERIOD = timedelta(hours=24)


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
        "success_rate": round(sums["good"] / settled, 4) if settled else None,
        "avg_response_time": None if sums["latency_ms"] is None else round(sums["latency_ms"] / 1000, 4),
    }
