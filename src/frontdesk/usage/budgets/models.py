"""The tables of budgets: limits, what was given back, what each window has spent, and what was warned of.

Limits and credits feed the Snapshot. Counters are written with the ledger's rows (`counters`), in the same transaction.
"""

from __future__ import annotations

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from frontdesk.gateway.budgets import terms
from frontdesk.tenants.tenancy import Configuration, ConfigurationManager, TenantManager

OWNER_LENGTH = 96
KEY_LENGTH = 220

SCOPES: dict[str, str] = {
    "global": "Everything together",
    "provider": "Provider",
    "tenant": "Tenant",
    "widget": "Widget",
    "api_key": "API key",
    "session": "Visitor's session",
    "ip": "Client address",
}
UNITS: dict[str, str] = {"requests": "Requests", "tokens": "Tokens", "usd": "USD"}
WINDOWS: dict[str, str] = {"minute": "Minute", "hour": "Hour", "day": "Day", "month": "Month"}
POLICIES: dict[str, str] = {
    "reject": "Refuse (429)",
    "degrade": "Use a cheaper model",
    "knowledge": "Answer from the knowledge base",
}
OF_OPERATOR = frozenset({"global", "provider"})
"""The scopes that belong to no tenant."""


class OfTenantOrOperator(models.Model):
    """A row of a tenant, or without one the operator's; `objects` insists on a tenant as for tenants' own rows."""

    tenant = models.ForeignKey(
        "tenants.Tenant",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        help_text="Empty for everything together, for providers, and for what holds for every tenant.",
    )

    # First, so that it is the default manager: Django's own machinery knows no tenant.
    unscoped = ConfigurationManager()
    objects = TenantManager()

    class Meta:
        abstract = True
        default_manager_name = "unscoped"
        base_manager_name = "unscoped"


class Budget(OfTenantOrOperator, Configuration):
    """One limit, as `gateway.budgets.terms.Budget` has it. USD limits are in nano-USD.

    Without a tenant it is the operator's: `global`, a provider's, or what holds for every tenant.
    """

    scope = models.CharField(max_length=10, choices=SCOPES, help_text="Whose spending is counted.")
    owner = models.CharField(
        max_length=OWNER_LENGTH,
        blank=True,
        help_text="A provider's name, an id, or * for each of the scope by itself. Empty for everything together.",
    )
    unit = models.CharField(max_length=10, choices=UNITS)
    window = models.CharField(
        max_length=10, choices=WINDOWS, help_text="Days and months begin at midnight in the tenant's time zone."
    )
    limit = models.BigIntegerField(
        null=True, blank=True, help_text="The most that may be spent in a window; empty lifts the limit."
    )
    policy = models.CharField(
        max_length=10, choices=POLICIES, blank=True, help_text="What happens when nothing is left; empty: as usual."
    )
    notice = models.CharField(
        max_length=500, blank=True, help_text="What the customer is told then, instead of the usual notice."
    )

    class Meta(OfTenantOrOperator.Meta):
        abstract = False
        ordering: ClassVar = ["tenant", "scope", "owner", "unit", "window"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "scope", "owner", "unit", "window"], name="usage_one_budget_per_place"
            ),
            models.UniqueConstraint(
                fields=["scope", "owner", "unit", "window"],
                condition=models.Q(tenant=None),
                name="usage_one_budget_of_all_per_place",
            ),
            models.CheckConstraint(
                condition=models.Q(limit=None) | models.Q(limit__gte=0, limit__lte=terms.MOST),
                name="usage_budget_limit_in_range",
            ),
            models.CheckConstraint(
                condition=models.Q(tenant=None) | ~models.Q(scope__in=sorted(OF_OPERATOR)),
                name="usage_budget_of_operator_without_tenant",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope}:{self.owner} {self.unit} a {self.window}"

    def clean(self) -> None:
        """Refuse what has no meaning: an owner or tenant that does not fit the scope."""
        if (self.scope == "global") != (not self.owner):
            raise ValidationError({"owner": "Everything together has no owner; every other scope needs one."})
        if self.scope in OF_OPERATOR and self.tenant_id is not None:
            raise ValidationError({"tenant": "This scope belongs to the operator: leave the tenant empty."})


class BudgetCredit(Configuration):
    """What a reset gave back in a running window: it adds to the limit until the window ends."""

    key = models.CharField(max_length=KEY_LENGTH, unique=True, help_text="The counter of one unit in one window.")
    amount = models.BigIntegerField()
    ends_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)
    granted_by = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(amount__gte=0, amount__lte=terms.MOST), name="usage_budget_credit_in_range"
            )
        ]

    def __str__(self) -> str:
        return f"{self.key} + {self.amount}"


class BudgetCounter(models.Model):
    """What one owner has spent in one window. Each sum stops growing at `terms.MOST`, above every limit.

    `tenant_id` tells whose widget, key or visitor the owner is; null for the operator's scopes. As in the ledger,
    it is no foreign key.
    """

    tenant_id = models.BigIntegerField(null=True)
    scope = models.CharField(max_length=10)
    owner = models.CharField(max_length=OWNER_LENGTH, blank=True)
    window = models.CharField(max_length=10)
    zone = models.CharField(max_length=64)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    requests = models.BigIntegerField(default=0)
    tokens = models.BigIntegerField(default=0)
    cost_nano_usd = models.BigIntegerField(default=0)

    unscoped = models.Manager()
    objects = TenantManager()

    class Meta:
        default_manager_name = "unscoped"
        base_manager_name = "unscoped"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["scope", "owner", "window", "zone", "starts_at"], name="usage_one_counter_per_window"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["ends_at"], name="usage_counter_ends"),
            models.Index(fields=["tenant_id", "ends_at"], name="usage_counter_tenant_ends"),
        ]

    def __str__(self) -> str:
        return f"{self.scope}:{self.owner} {self.window} from {self.starts_at:%Y-%m-%d %H:%M}"


class CounterZone(models.Model):
    """The time zone in which counters are whole: a tenant's, or all the operator's (`global`, without an owner).

    When it is not the zone in force, the running windows are counted anew from the ledger.
    """

    scope = models.CharField(max_length=10)
    owner = models.CharField(max_length=OWNER_LENGTH, blank=True)
    zone = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["scope", "owner"], name="usage_one_counter_zone_per_owner")
        ]

    def __str__(self) -> str:
        return f"{self.scope}:{self.owner} in {self.zone}"


class BudgetAlert(OfTenantOrOperator):
    """A warning about a limit, written once a window: 80 or 100 % are spent, or it will not last at this pace."""

    THRESHOLDS: ClassVar = {"80": "80 % spent", "100": "100 % spent", "forecast": "Will not last"}

    scope = models.CharField(max_length=10, choices=SCOPES)
    owner = models.CharField(max_length=OWNER_LENGTH, blank=True)
    unit = models.CharField(max_length=10, choices=UNITS)
    window = models.CharField(max_length=10, choices=WINDOWS)
    key = models.CharField(max_length=KEY_LENGTH)
    limit = models.BigIntegerField()
    used = models.BigIntegerField()
    threshold = models.CharField(max_length=10, choices=THRESHOLDS)
    expected_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(OfTenantOrOperator.Meta):
        abstract = False
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key", "threshold"], name="usage_one_alert_per_threshold")
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.threshold}"
