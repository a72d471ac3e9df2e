"""The catalog (providers, models, dated prices, aliases) and the ledger (one row for each attempt to call a model).

The catalog is the operator's and global; it feeds the Snapshot. The ledger is filled by `drain` from the journal and
has no foreign keys, so that deleting a tenant or a widget never blocks or rewrites what was billed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.utils import timezone

from frontdesk.gateway import money
from frontdesk.tenants import provider_addresses
from frontdesk.tenants.models import ProviderCredential
from frontdesk.tenants.tenancy import Configuration, TenantManager
from frontdesk.usage.budgets.models import Budget, BudgetAlert, BudgetCounter, BudgetCredit, CounterZone

__all__ = [
    "Budget",
    "BudgetAlert",
    "BudgetCounter",
    "BudgetCredit",
    "CounterZone",
    "JournalPosition",
    "LLMModel",
    "LLMProvider",
    "ModelAlias",
    "ModelPrice",
    "ProviderUsage",
    "QuarantinedRecord",
]


class LLMProvider(Configuration):
    """A provider of models: a wire format, an address and its quirks."""

    name = models.SlugField(max_length=40, unique=True)
    display_name = models.CharField(max_length=100)
    wire = models.CharField(max_length=40)
    base_url = models.CharField(max_length=500, blank=True)
    default_model = models.CharField(max_length=200, blank=True)
    quirks = models.JSONField(default=list, blank=True)
    is_enabled = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name = "provider"

    def __str__(self) -> str:
        return self.display_name

    def clean(self) -> None:
        """Refuse an address on another host while stored keys would follow it there."""
        before = LLMProvider.objects.filter(pk=self.pk).values_list("base_url", flat=True).first()
        if before is not None:
            following = ProviderCredential.objects.across_tenants().filter(provider=self.name, base_url="").count()
            provider_addresses.check_of_provider(self.name, before, self.base_url, following)


class LLMModel(Configuration):
    """A model of a provider. Null windows mean unknown; `quality_rank` 1 is the best."""

    provider = models.ForeignKey(LLMProvider, on_delete=models.CASCADE, related_name="models")
    name = models.CharField(max_length=200)
    context_window = models.PositiveIntegerField(null=True, blank=True)
    max_output_tokens = models.PositiveIntegerField(null=True, blank=True)
    quality_rank = models.PositiveIntegerField(default=1000)
    capabilities = models.JSONField(default=list, blank=True)
    is_enabled = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["provider", "quality_rank", "name"]
        verbose_name = "model"
        constraints: ClassVar = [models.UniqueConstraint(fields=["provider", "name"], name="usage_one_model_per_name")]

    def __str__(self) -> str:
        return self.name


class ModelPrice(Configuration):
    """What a model costs from `valid_from` until before `valid_until`, in nano-USD per million tokens.

    A row's amounts are never edited by the import: a new price is a new row. An operator's override (`is_override`)
    wins over imported rows and is never touched. `tiers` lists what holds instead for calls with more input than
    `above`, in its order: `[{"above": 200000, "input": …, "output": …, "cache_read": …, "cache_write": …}]`.
    """

    model = models.ForeignKey(LLMModel, on_delete=models.CASCADE, related_name="prices")
    input_nano_usd_per_mtok = models.PositiveBigIntegerField()
    output_nano_usd_per_mtok = models.PositiveBigIntegerField()
    cache_read_nano_usd_per_mtok = models.PositiveBigIntegerField()
    cache_write_nano_usd_per_mtok = models.PositiveBigIntegerField()
    tiers = models.JSONField(default=list, blank=True, db_default=models.Value([], output_field=models.JSONField()))
    source = models.CharField(max_length=200)
    valid_from = models.DateTimeField(default=timezone.now)
    valid_until = models.DateTimeField(null=True, blank=True)
    recorded_at = models.DateTimeField(null=True, default=timezone.now, editable=False)
    is_override = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["model", "-valid_from"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["model", "valid_from", "is_override"], name="usage_one_price_per_start")
        ]

    def __str__(self) -> str:
        return f"{self.source} from {self.valid_from:%Y-%m-%d}"


class ModelAlias(Configuration):
    """Another name for a model, bare or as `provider/model`: often a retired one, with its successor."""

    name = models.CharField(max_length=200, unique=True)
    target = models.CharField(max_length=241, help_text="The full name, provider/model.")
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name_plural = "model aliases"

    def __str__(self) -> str:
        return f"{self.name} → {self.target}"


class ProviderUsage(models.Model):
    """The ledger's row of one attempt to call a model. Null costs mean that the model had no price.

    `created_at` is when the call was about to be made. `provider` is empty where no provider was asked.
    """

    call_id = models.UUIDField(primary_key=True)
    created_at = models.DateTimeField()
    request_id = models.CharField(max_length=64)
    client_request_id = models.CharField(max_length=200, blank=True)
    tenant_id = models.BigIntegerField()
    api_key_id = models.BigIntegerField(null=True)
    widget_id = models.BigIntegerField(null=True)
    conversation_id = models.BigIntegerField(null=True)
    turn_id = models.BigIntegerField(null=True)
    user_id = models.BigIntegerField(null=True)
    subject_type = models.CharField(max_length=100, blank=True)
    subject_id = models.CharField(max_length=200, blank=True)
    operation = models.CharField(max_length=100)
    provider = models.CharField(max_length=40, blank=True)
    model = models.CharField(max_length=200, blank=True)
    served_model = models.CharField(max_length=200, blank=True)
    credential_id = models.CharField(max_length=64, blank=True)
    is_streamed = models.BooleanField(default=False)
    position = models.PositiveIntegerField(default=0)
    max_tokens = models.BigIntegerField(null=True)
    temperature = models.FloatField(null=True)
    status = models.CharField(max_length=20)
    uncached_input = models.BigIntegerField(default=0)
    cache_read = models.BigIntegerField(default=0)
    cache_write = models.BigIntegerField(default=0)
    output = models.BigIntegerField(default=0)
    reasoning = models.BigIntegerField(default=0)
    usage_source = models.CharField(max_length=20)
    cost_nano_usd = models.BigIntegerField(null=True)
    price_source = models.CharField(max_length=200, blank=True)
    latency_ms = models.BigIntegerField(null=True)
    first_token_ms = models.BigIntegerField(null=True)
    finish = models.CharField(max_length=40, blank=True)
    native_finish = models.CharField(max_length=100, blank=True)
    error_class = models.CharField(max_length=40, blank=True)
    error_code = models.CharField(max_length=100, blank=True)
    error_message = models.TextField(blank=True)
    upstream_status = models.PositiveIntegerField(null=True)

    objects = TenantManager()
    unscoped = models.Manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        default_manager_name = "unscoped"
        base_manager_name = "unscoped"
        verbose_name = "call"
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "-created_at"], name="usage_tenant_created"),
            models.Index(fields=["request_id"], name="usage_request"),
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model} {self.status}"

    @property
    def input_tokens(self) -> int:
        """Sum the three input buckets."""
        return self.uncached_input + self.cache_read + self.cache_write

    @property
    def output_tokens(self) -> int:
        """Sum the two output buckets."""
        return self.output + self.reasoning

    @property
    def total_tokens(self) -> int:
        """Sum all buckets."""
        return self.input_tokens + self.output_tokens

    @property
    def estimated_cost(self) -> Decimal | None:
        """Give the cost in USD, exactly; None when it is unknown."""
        return None if self.cost_nano_usd is None else money.to_usd(money.NanoUSD(self.cost_nano_usd))


class JournalPosition(models.Model):
    """How far a journal directory's segment has become rows; moves in the same transaction as the rows."""

    directory = models.CharField(max_length=64, unique=True)
    segment = models.CharField(max_length=64)
    offset = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.directory}/{self.segment}@{self.offset}"


class QuarantinedRecord(models.Model):
    """A journal record that could not become a row, or damaged bytes of the journal: kept for a person to look at."""

    source = models.CharField(max_length=200, unique=True)
    reason = models.TextField()
    payload = models.BinaryField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return self.source
