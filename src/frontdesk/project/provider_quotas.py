"""What each provider may cost in a day and an hour: the budgets of the scope `provider`, in USD."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from django.core.exceptions import ValidationError
from django.db import transaction

from frontdesk.gateway import money
from frontdesk.gateway.budgets.terms import EACH, MOST
from frontdesk.gateway.money import NanoUSD
from frontdesk.project.configuration import Configuration
from frontdesk.tenants import selectors
from frontdesk.usage import providers
from frontdesk.usage.budgets import services
from frontdesk.usage.models import Budget

WINDOWS = {"daily_quota": "day", "hourly_quota": "hour"}
"""The windows by the names of the quotas."""

Amount = Decimal | float | int


def in_force(chosen: Configuration, name: str) -> dict[str, int | None]:
    """Tell a provider's quotas in nano-USD, None where one was lifted: its own, else each provider's, else ours."""
    rows = Budget.objects.across_tenants().filter(scope="provider", owner__in=[name, EACH], unit="usd")
    limits: Mapping[tuple[str, str], int | None] = {(row.owner, row.window): row.limit for row in rows}
    return {
        quota: next(
            (limits[owner, window] for owner in (name, EACH) if (owner, window) in limits),
            money.from_usd(getattr(chosen, quota)),
        )
        for quota, window in WINDOWS.items()
    }


def update(chosen: Configuration, name: str, daily_quota: Amount | None, hourly_quota: Amount | None) -> None:
    """Set the quotas that are given, both or none; ValidationError says what is refused."""
    providers.find_provider(name)
    given = {"daily_quota": daily_quota, "hourly_quota": hourly_quota}
    wanted = {quota: _nano_usd(quota, amount) for quota, amount in given.items() if amount is not None}
    with transaction.atomic():
        after = {**in_force(chosen, name), **wanted}
        daily, hourly = after["daily_quota"], after["hourly_quota"]
        if daily is not None and hourly is not None and hourly > daily:
            raise ValidationError(
                f"{name} could cost more in an hour ({_usd(hourly)} USD) than in its day ({_usd(daily)} USD): "
                "lower the one or raise the other"
            )
        for quota, limit in wanted.items():
            _set(name, WINDOWS[quota], limit)


def shown(chosen: Configuration, name: str) -> dict[str, str | None]:
    """Give the quotas in force as USD, JSON-ready."""
    return {quota: None if limit is None else _usd(limit) for quota, limit in in_force(chosen, name).items()}


def _set(name: str, window: str, limit: int) -> None:
    before = Budget.objects.across_tenants().filter(scope="provider", owner=name, unit="usd", window=window).first()
    services.budget_set(
        selectors.operator(),
        services.Place(scope="provider", owner=name, unit="usd", window=window),
        limit,
        {},
        policy=before.policy if before else "",
        notice=before.notice if before else "",
    )


def _nano_usd(quota: str, amount: Amount) -> int:
    try:
        exact = Decimal(str(amount))
    except InvalidOperation:
        raise ValidationError(f"{quota} is not an amount of USD") from None
    if not exact.is_finite() or not 0 <= exact * money.NANO_PER_USD <= MOST:
        raise ValidationError(f"{quota} is not an amount of USD from 0 to {MOST // money.NANO_PER_USD}")
    return money.from_usd(exact)


def _usd(limit: int) -> str:
    return f"{money.to_usd(NanoUSD(limit)).normalize():f}"
