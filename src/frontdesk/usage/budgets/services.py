"""What operators do with budgets: set, lift and remove limits, give back what was spent, apply a free tier."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone as clock

from frontdesk.gateway.budgets import terms
from frontdesk.gateway.budgets.terms import EACH
from frontdesk.tenants import audit
from frontdesk.tenants.models import ApiKey, Tenant
from frontdesk.usage.budgets import defaults, positions
from frontdesk.usage.budgets.models import OF_OPERATOR, POLICIES, SCOPES, UNITS, WINDOWS
from frontdesk.usage.budgets.positions import Position, WidgetNames
from frontdesk.usage.models import Budget, BudgetAlert, BudgetCounter, BudgetCredit, LLMProvider

KEPT = timedelta(days=62)
"""How long counters, credits and alerts are kept after their window."""
_PURGED_AT_ONCE = 1_000


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Which limit is meant. An empty `owner` is each of a tenant's widgets, keys or visitors, or the tenant itself.

    `*` with the operator's tenant is each of everybody's. For a reset, what is empty is every one.
    """

    scope: str = ""
    unit: str = ""
    window: str = ""
    owner: str = ""


def budget_set(
    tenant: Tenant, place: Place, limit: int | None, widgets: WidgetNames, *, policy: str = "", notice: str = ""
) -> Budget:
    """Set a limit in requests, tokens or nano-USD, or with None lift it. It counts what its window has spent already.

    ValidationError says what is refused; `widgets` are the tenant's, by id.
    """
    _require(place.unit, UNITS, "unit")
    _require(place.window, WINDOWS, "window")
    if policy:
        _require(policy, POLICIES, "policy")
    where = resolve(tenant, place.scope, place.owner, widgets)
    with transaction.atomic():
        row = _find(where, place) or Budget(**where, unit=place.unit, window=place.window)
        changes = {"limit": [None if row.pk is None else row.limit, limit], "policy": [row.policy, policy]}
        row.limit, row.policy, row.notice = limit, policy, notice
        row.full_clean()
        row.save()
        audit.record(row.tenant_id, "budget.set", row, changes)
    return row


def budget_remove(tenant: Tenant, place: Place, widgets: WidgetNames) -> bool:
    """Forget what was set here, so that the default or the wider limit holds again; False if nothing was."""
    where = resolve(tenant, place.scope, place.owner, widgets)
    row = _find(where, place)
    if row is None:
        return False
    with transaction.atomic():
        audit.record(row.tenant_id, "budget.removed", row, {"limit": [row.limit, None]})
        row.delete()
    return True


def budget_reset(
    tenant: Tenant, widgets: WidgetNames, which: Place, *, by: str = "", now: datetime | None = None
) -> list[Position]:
    """Give back what the running windows have spent, of all of a tenant's limits or of those that `which` names.

    Gives the limits as they stood before. What is spent later counts as ever; the next window begins as ever.
    """
    for value, known, name in (
        (which.scope, SCOPES, "scope"),
        (which.unit, UNITS, "unit"),
        (which.window, WINDOWS, "window"),
    ):
        if value:
            _require(value, known, name)
    if which.owner and not which.scope:
        raise ValidationError("an owner needs its scope")
    if which.scope in OF_OPERATOR and not tenant.is_operator:
        raise ValidationError(_operators_alone(which.scope))
    moment = now or clock.now()
    chosen = [one for one in positions.budget_status(tenant, widgets, moment) if _is_meant(one, which)]
    if which.owner and not chosen:
        raise ValidationError(f"{tenant.slug} has no such limit of {which.scope} {which.owner[:40]!r}")
    with transaction.atomic():
        _give_back(chosen, by, moment)
        audit.record(tenant.pk, "budget.reset", tenant, {**msgspec.structs.asdict(which), "limits": len(chosen)})
    return chosen


def _is_meant(position: Position, which: Place) -> bool:
    return (
        which.scope in ("", position.scope)
        and which.owner in ("", EACH, position.owner)
        and which.unit in ("", position.unit)
        and which.window in ("", position.window)
    )


def _give_back(chosen: Sequence[Position], by: str, moment: datetime) -> None:
    for position in chosen:
        if position.used:
            BudgetCredit.objects.update_or_create(
                key=position.key,
                defaults={
                    "amount": min(terms.MOST, position.spent),
                    "ends_at": datetime.fromtimestamp(position.period.end_s, UTC),
                    "created_at": moment,
                    "granted_by": by[:200],
                },
            )


def budget_preset(provider: str) -> list[Budget]:
    """Limit a provider to its free tier; ValidationError where none is known."""
    preset = defaults.PRESETS.get(provider)
    if preset is None:
        known = ", ".join(sorted(defaults.PRESETS))
        raise ValidationError(f"no free tier of {provider[:40]!r} is known: there are presets for {known}")
    _require_provider(provider)
    where: dict[str, object] = {"tenant": None, "scope": "provider", "owner": provider}
    rows = []
    with transaction.atomic():
        for unit, window, limit in preset:
            place = Place(scope="provider", unit=unit, window=window, owner=provider)
            row = _find(where, place) or Budget(**where, unit=unit, window=window)
            row.limit = limit
            row.save()
            rows.append(row)
        audit.record(None, "budget.preset", None, {"provider": provider})
    return rows


def purge_counters(now: datetime | None = None) -> int:
    """Delete counters, credits and alerts of windows that ended more than 62 days ago; tell how many counters."""
    before = (now or clock.now()) - KEPT
    _purge(BudgetCredit.objects.filter(ends_at__lt=before))
    _purge(BudgetAlert.objects.across_tenants().filter(ends_at__lt=before))
    return _purge(BudgetCounter.objects.across_tenants().filter(ends_at__lt=before))


def resolve(tenant: Tenant, scope: str, owner: str, widgets: WidgetNames) -> dict[str, object]:
    """Find where a limit is kept: tenant (None is the operator's), scope and owner; ValidationError if it is no place.

    An owner must be the tenant's own.
    """
    _require(scope, SCOPES, "scope")
    if scope in OF_OPERATOR:
        if not tenant.is_operator:
            raise ValidationError(_operators_alone(scope))
        return {"tenant": None, "scope": scope, "owner": _owner_of_operator(scope, owner)}
    if owner == EACH and tenant.is_operator:
        return {"tenant": None, "scope": scope, "owner": EACH}
    if scope == "tenant":
        if owner not in ("", EACH, str(tenant.pk)):
            raise ValidationError(
                f"the owner of the scope tenant is the tenant itself: leave it out, not {owner[:40]!r}"
            )
        return {"tenant": tenant, "scope": scope, "owner": str(tenant.pk)}
    if owner in ("", EACH):
        return {"tenant": tenant, "scope": scope, "owner": EACH}
    if scope in ("session", "ip"):
        raise ValidationError(f"a limit of the scope {scope} holds for each visitor by itself: leave the owner out")
    if not owner.isascii() or not owner.isdigit() or not _is_of(tenant, scope, int(owner[:19]), widgets):
        kind = "widget" if scope == "widget" else "API key"
        raise ValidationError(f"{tenant.slug} has no {kind} with the id {owner[:40]!r}")
    return {"tenant": tenant, "scope": scope, "owner": str(int(owner))}


def _owner_of_operator(scope: str, owner: str) -> str:
    if scope == "global":
        if owner:
            raise ValidationError("the scope global has no owner: it is everything together")
        return ""
    if owner in ("", EACH):
        return EACH
    _require_provider(owner)
    return owner


def _require_provider(name: str) -> None:
    if not LLMProvider.objects.filter(name=name).exists():
        raise ValidationError(f"there is no provider {name[:40]!r}: see frontdesk provider list")


def _is_of(tenant: Tenant, scope: str, pk: int, widgets: WidgetNames) -> bool:
    return pk in widgets if scope == "widget" else ApiKey.objects.for_tenant(tenant).filter(pk=pk).exists()


def _find(where: dict[str, object], place: Place) -> Budget | None:
    rows = Budget.objects.across_tenants()
    return rows.filter(**where, unit=place.unit, window=place.window).first()


def _require(value: str, known: dict[str, str], name: str) -> None:
    if value not in known:
        raise ValidationError(f"{value[:40]!r} is no {name}: use one of {', '.join(known)}")


def _operators_alone(scope: str) -> str:
    return f"limits of the scope {scope} belong to the operator: name the operator's tenant"


def _purge(rows: models.QuerySet[models.Model]) -> int:
    deleted = 0
    while chunk := list(rows.order_by("pk").values_list("pk", flat=True)[:_PURGED_AT_ONCE]):
        deleted += rows.filter(pk__in=chunk).delete()[0]
    return deleted
