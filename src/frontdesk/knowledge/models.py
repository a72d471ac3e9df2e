"""What a tenant knows: questions with their answers, and the version that moves whenever one of them changes."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, RegexValidator
from django.db import models, transaction
from django.db.models import F
from django.utils import timezone as clock

from frontdesk.tenants.tenancy import ConfigurationQuerySet, TenantOwned, TenantQuerySet

MAX_QUESTION = 500
MAX_ANSWER = 10_000
MAX_TAGS = 20
MAX_TAG = 60


def validate_tags(value: Any) -> None:
    """Refuse tags that are not a short list of short texts."""
    if not isinstance(value, list) or len(value) > MAX_TAGS:
        raise ValidationError(f"tags are a list of at most {MAX_TAGS} texts")
    if not all(isinstance(tag, str) and 0 < len(tag) <= MAX_TAG and "\n" not in tag for tag in value):
        raise ValidationError(f"a tag is one line of 1 to {MAX_TAG} characters")


class KnowledgeVersion(TenantOwned):
    """The version of a tenant's entries. `stamp` is random, so that a restored database never meets a stale index."""

    tenant = models.OneToOneField("tenants.Tenant", on_delete=models.CASCADE, related_name="knowledge_version")
    number = models.PositiveBigIntegerField(default=1)
    stamp = models.CharField(max_length=32)
    changed_at = models.DateTimeField(default=clock.now)

    class Meta(TenantOwned.Meta):
        abstract = False

    def __str__(self) -> str:
        return f"knowledge version {self.number} of tenant {self.tenant_id}"

    @property
    def name(self) -> str:
        """Give the name under which the index of this version is published."""
        return f"{self.number}-{self.stamp}"


def move_versions(tenant_ids: Iterable[int]) -> None:
    """Move the versions of these tenants on, in the caller's transaction: their entries have changed."""
    for tenant_id in sorted(set(tenant_ids)):
        rows = KnowledgeVersion.objects.for_tenant(tenant_id)
        changed = {"stamp": uuid.uuid4().hex, "changed_at": clock.now()}
        if not rows.update(number=F("number") + 1, **changed):
            KnowledgeVersion.unscoped.get_or_create(tenant_id=tenant_id, defaults=changed)


class _Versioned(ConfigurationQuerySet["KnowledgeEntry"]):
    """Moves the versions of the tenants whose entries are changed in bulk."""

    def update(self, **kwargs: Any) -> int:
        """Change the entries."""
        with transaction.atomic(using=self.db):
            move_versions(self._tenant_ids())
            return super().update(**kwargs)

    update.alters_data = True  # type: ignore[attr-defined]  # Django's mark for templates

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the entries."""
        with transaction.atomic(using=self.db):
            move_versions(self._tenant_ids())
            return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable[KnowledgeEntry], *args: Any, **kwargs: Any) -> list[KnowledgeEntry]:
        """Insert entries."""
        entries = list(objs)
        with transaction.atomic(using=self.db):
            move_versions(entry.tenant_id for entry in entries)
            return super().bulk_create(entries, *args, **kwargs)

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def _tenant_ids(self) -> set[int]:
        return set(self.order_by().values_list("tenant_id", flat=True).distinct())


class _VersionedOfTenant(_Versioned, TenantQuerySet["KnowledgeEntry"]):  # type: ignore[override]  # as_manager only
    """The same for queries that must name their tenant."""


class KnowledgeEntry(TenantOwned):
    """A question with its answer. `widget_id` limits it to one of the tenant's widgets; None means all."""

    question = models.CharField(max_length=MAX_QUESTION)
    answer = models.TextField(max_length=MAX_ANSWER, validators=[MaxLengthValidator(MAX_ANSWER)])
    tags = models.JSONField(default=list, blank=True, validators=[validate_tags])
    locale = models.CharField(
        max_length=20,
        default="en",
        validators=[RegexValidator(r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z", "use a language tag such as en or de-AT")],
    )
    is_enabled = models.BooleanField(default=True)
    widget_id = models.PositiveBigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    # The base's managers, with querysets that also move the version; the type plugin forbids narrowing them.
    unscoped = models.Manager.from_queryset(_Versioned)()  # type: ignore[misc]
    objects = models.Manager.from_queryset(_VersionedOfTenant)()  # type: ignore[misc, assignment]

    class Meta(TenantOwned.Meta):
        abstract = False
        ordering = ["id"]
        verbose_name_plural = "knowledge entries"

    def __str__(self) -> str:
        return self.question

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the entry, and move its tenant's version in the same transaction."""
        with transaction.atomic(using=kwargs.get("using")):
            super().save(*args, **kwargs)
            move_versions([self.tenant_id])

    save.alters_data = True  # type: ignore[attr-defined]

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the entry, and move its tenant's version in the same transaction."""
        with transaction.atomic(using=kwargs.get("using")):
            move_versions([self.tenant_id])
            return super().delete(*args, **kwargs)

    delete.alters_data = True  # type: ignore[attr-defined]
