"""Tenancy below the views: rows that belong to a tenant cannot be read or changed without naming it.

`TenantOwned` is the base of every such model; `Configuration` marks rows that feed the Snapshot, whose version moves
in the same transaction as any change to them. This module knows no particular model but the version's own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, Q

from frontdesk.tenants import announcement

if TYPE_CHECKING:
    from typing import Self

    from frontdesk.tenants.models import Tenant

ModelT = TypeVar("ModelT", bound=models.Model)

_VERSION_ROW = 1
_SCOPING_LOOKUPS = frozenset({"tenant", "tenant_id", "tenant__id", "tenant__pk"})
_SCOPING_SETS = frozenset({"tenant__in", "tenant_id__in"})


class TenantRequired(Exception):
    """A query on tenants' rows named no tenant; the message says how to name one."""

    def __init__(self, model: type[models.Model]) -> None:
        super().__init__(
            f"a query on {model.__name__} must name its tenant: use .for_tenant(tenant), .filter(tenant=...) or, "
            "for sweeps over all tenants, .across_tenants()"
        )


class ConfigVersion(models.Model):
    """One row that counts the changes of configuration; Snapshots are rebuilt when it moves."""

    version = models.PositiveBigIntegerField(default=0)

    class Meta:
        app_label = "tenants"

    def __str__(self) -> str:
        return f"configuration version {self.version}"


def bump_version(using: str | None = None) -> None:
    """Move the configuration version by one, in the caller's transaction if there is one; tell servers after it."""
    row = ConfigVersion.objects.using(using).filter(pk=_VERSION_ROW)
    if not row.update(version=F("version") + 1):
        ConfigVersion.objects.using(using).get_or_create(pk=_VERSION_ROW)
        row.update(version=F("version") + 1)
    waiting = transaction.get_connection(using).run_on_commit
    if not any(function is _tell for _, function, _ in waiting):  # a transaction is told of once
        transaction.on_commit(_tell, using=using)


def current_version() -> int:
    """Tell the version of the configuration; 0 before the first change."""
    return ConfigVersion.objects.filter(pk=_VERSION_ROW).values_list("version", flat=True).first() or 0


def _tell() -> None:
    announcement.announce(current_version())


class ConfigurationQuerySet(models.QuerySet[ModelT]):
    """Moves the configuration version when rows of a `Configuration` model are changed in bulk."""

    def update(self, **kwargs: Any) -> int:
        """Change the rows, and the version with them."""
        with transaction.atomic(using=self.db):
            changed = super().update(**kwargs)
            self._changed(changed)
        return changed

    update.alters_data = True  # type: ignore[attr-defined]  # Django's mark for templates

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the rows, and move the version."""
        with transaction.atomic(using=self.db):
            deleted = super().delete()
            self._changed(deleted[0])
        return deleted

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable[ModelT], *args: Any, **kwargs: Any) -> list[ModelT]:
        """Insert the rows, and move the version."""
        with transaction.atomic(using=self.db):
            created = super().bulk_create(objs, *args, **kwargs)
            self._changed(len(created))
        return created

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def _changed(self, rows: int) -> None:
        if rows and issubclass(self.model, Configuration):
            bump_version(self.db)


class TenantQuerySet(ConfigurationQuerySet[ModelT]):
    """A query on tenants' rows that raises TenantRequired when it is evaluated without having named a tenant."""

    _is_scoped = False

    def for_tenant(self, tenant: Tenant | int) -> Self:
        """Keep the rows of one tenant, given as object or id."""
        return self.filter(tenant_id=tenant if isinstance(tenant, int) else tenant.pk)

    def across_tenants(self) -> Self:
        """Say that rows of all tenants are meant: sweeps, migrations, the operator's console."""
        clone = self.all()
        clone._is_scoped = True
        return clone

    def _clone(self) -> Self:
        clone: Self = super()._clone()  # type: ignore[misc]  # private in Django, where all chaining passes
        clone._is_scoped = self._is_scoped
        return clone

    def _filter_or_exclude(self, negate: bool, args: Any, kwargs: Any) -> Self:
        clone: Self = super()._filter_or_exclude(negate, args, kwargs)  # type: ignore[misc]
        if not negate and (_names_tenant(kwargs.items()) or any(_is_scoping(condition) for condition in args)):
            clone._is_scoped = True
        return clone

    def _combinator_query(self, combinator: str, *other_qs: Any, all: bool = False) -> Self:  # noqa: A002 (Django's)
        clone: Self = super()._combinator_query(combinator, *other_qs, all=all)  # type: ignore[misc]
        clone._is_scoped = self._is_scoped and all_scoped(other_qs)
        return clone

    def __or__(self, other: Any) -> Self:
        clone = super().__or__(other)
        clone._is_scoped = self._is_scoped and all_scoped([other])
        return clone

    def __xor__(self, other: Any) -> Self:
        clone = super().__xor__(other)
        clone._is_scoped = self._is_scoped and all_scoped([other])
        return clone

    def _fetch_all(self) -> None:
        self._require_tenant()
        super()._fetch_all()

    def iterator(self, *args: Any, **kwargs: Any) -> Iterator[ModelT]:
        """Walk the rows without keeping them."""
        self._require_tenant()
        return super().iterator(*args, **kwargs)

    def aiterator(self, *args: Any, **kwargs: Any) -> AsyncIterator[ModelT]:
        """Walk the rows without keeping them, from a coroutine."""
        self._require_tenant()
        return super().aiterator(*args, **kwargs)

    def explain(self, *args: Any, **kwargs: Any) -> str:
        """Tell how the database would go about it, which on some databases runs the query."""
        self._require_tenant()
        return super().explain(*args, **kwargs)

    def count(self) -> int:
        """Count the rows."""
        self._require_tenant()
        return super().count()

    def exists(self) -> bool:
        """Tell whether there is any row."""
        self._require_tenant()
        return super().exists()

    def aggregate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Compute over the rows."""
        self._require_tenant()
        return super().aggregate(*args, **kwargs)

    def update(self, **kwargs: Any) -> int:
        """Change the rows."""
        self._require_tenant()
        return super().update(**kwargs)

    update.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the rows."""
        self._require_tenant()
        return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def raw(self, *args: Any, **kwargs: Any) -> Any:
        """Run SQL, whose tenancy cannot be seen: only after `.across_tenants()`."""
        self._require_tenant()
        return super().raw(*args, **kwargs)

    def _require_tenant(self) -> None:
        if not self._is_scoped and not self.query.is_empty():
            raise TenantRequired(self.model)


TenantManager = models.Manager.from_queryset(TenantQuerySet)
"""The manager of tenants' rows: every query must name a tenant."""
ConfigurationManager = models.Manager.from_queryset(ConfigurationQuerySet)
"""A plain manager, whose bulk changes move the configuration version where the model is `Configuration`."""


class TenantOwned(models.Model):
    """A row that belongs to a tenant. `objects` insists on the tenant; Django's own machinery uses `unscoped`."""

    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE)

    # First, so that it is the default manager even where a subclass's Meta does not inherit from this one.
    unscoped = ConfigurationManager()
    objects = TenantManager()

    class Meta:
        abstract = True
        default_manager_name = "unscoped"
        base_manager_name = "unscoped"

    def clean(self) -> None:
        """Refuse to point at another tenant's row, whatever a form offered or a client sent."""
        super().clean()
        for field in self._meta.concrete_fields:
            target: Any = field.related_model if isinstance(field, models.ForeignKey) else None
            pointed_at = getattr(self, field.attname)
            if target is None or not issubclass(target, TenantOwned) or None in (pointed_at, self.tenant_id):
                continue
            if not target.objects.filter(tenant_id=self.tenant_id, pk=pointed_at).exists():
                raise ValidationError({field.name: "This does not belong to the same tenant."})


class Configuration(models.Model):
    """A row that feeds the Snapshot: saving or deleting it moves the configuration version in one transaction.

    Rows of a tenant name `TenantOwned` first among their bases, so that its managers win.
    """

    objects = ConfigurationManager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the row, and move the version."""
        using = kwargs.get("using") or self._state.db
        with transaction.atomic(using=using):
            super().save(*args, **kwargs)
            bump_version(using)

    save.alters_data = True  # type: ignore[attr-defined]

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the row, and move the version."""
        using = kwargs.get("using") or self._state.db
        with transaction.atomic(using=using):
            deleted = super().delete(*args, **kwargs)
            bump_version(using)
        return deleted

    delete.alters_data = True  # type: ignore[attr-defined]


def all_scoped(querysets: Iterable[Any]) -> bool:
    """Tell whether every one of the querysets has named its tenant (or is of a model that needs none)."""
    return all(getattr(queryset, "_is_scoped", True) for queryset in querysets)


def _names_tenant(conditions: Iterable[tuple[str, Any]]) -> bool:
    return any(
        (lookup in _SCOPING_LOOKUPS and _is_tenant(value))
        or (
            lookup in _SCOPING_SETS
            and isinstance(value, list | tuple | set | frozenset)
            and all(map(_is_tenant, value))
        )
        for lookup, value in conditions
    )


def _is_tenant(value: Any) -> bool:
    """Tell a tenant or its id from None and from expressions and queries, which may hold for every tenant's rows."""
    return isinstance(value, int | str | models.Model)


def _is_scoping(condition: Any) -> bool:
    """Tell whether a Q must hold for one tenant: an AND with the tenant in it, not negated."""
    if not isinstance(condition, Q) or condition.negated:
        return False
    found = [
        _is_scoping(child) if isinstance(child, Q) else isinstance(child, tuple) and _names_tenant([child])
        for child in condition.children
    ]
    return any(found) if condition.connector == Q.AND else bool(found) and all(found)
