"""What holds where no row says otherwise, and the free tiers of providers as named presets."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from django.conf import settings

from frontdesk.gateway import money
from frontdesk.gateway.budgets import terms
from frontdesk.gateway.budgets.terms import EACH, Budget, Policy, Scope, Unit, Window

POLICIES: Mapping[Scope, Policy] = MappingProxyType(
    {
        "global": "degrade",
        "provider": "degrade",
        "tenant": "degrade",
        "widget": "knowledge",
        "api_key": "reject",
        "session": "reject",
        "ip": "reject",
    }
)
"""The policy of a budget that names none."""

_WIDGET: tuple[tuple[Unit, Window, int], ...] = (
    ("tokens", "month", 100_000),
    ("tokens", "day", 5_000),
    ("requests", "month", 1_000),
    ("requests", "day", 100),
)

PRESETS: Mapping[str, tuple[tuple[Unit, Window, int], ...]] = MappingProxyType(
    {
        "gemini": (("requests", "minute", 60), ("tokens", "day", 1_000_000)),
        "groq": (("requests", "minute", 30), ("requests", "day", 14_400)),
    }
)
"""What providers give away, by the provider's name: kept here, so that Frontdesk waits before they refuse."""


def budgets(operator_zone: str) -> list[Budget]:
    """Give the limits that hold from the start: each widget's credits, and what the operator's settings allow."""
    configuration = settings.CONFIGURATION
    money_limits: tuple[tuple[Scope, str, Window, Decimal], ...] = (
        ("provider", EACH, "day", configuration.daily_quota),
        ("provider", EACH, "hour", configuration.hourly_quota),
        ("global", "", "day", configuration.global_daily_limit),
    )
    free = [
        Budget(scope="widget", owner=EACH, unit=unit, window=window, limit=limit, zone="", policy=POLICIES["widget"])
        for unit, window, limit in _WIDGET
    ]
    quotas = [
        Budget(
            scope=scope,
            owner=owner,
            unit="usd",
            window=window,
            limit=min(terms.MOST, money.from_usd(amount)),
            zone=operator_zone,
            policy=POLICIES[scope],
        )
        for scope, owner, window, amount in money_limits
    ]
    return [*free, *quotas]
