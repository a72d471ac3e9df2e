"""The audit log: who changed what, and who looked at which stored conversation. Rows are added and nothing else.

`record` writes into the caller's transaction, so that a change and its event are stored together or not at all. Who
acts is known from `acting_as`; without it, the process itself does (a command, a job). Triggers in the database
refuse updates and deletes too (`tenants.audit_triggers`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NoReturn

from django.db import models
from django.utils import timezone as clock

from frontdesk.tenants.tenancy import TenantQuerySet

MASK = "***"
LONGEST_VALUE = 200
"""Characters that are kept of a text among the changes."""
_MAX_ITEMS = 50
_SECRET_WORDS = ("secret", "password", "ciphertext", "digest", "plaintext", "token", "credential", "api_key")
_NOT_SECRET = frozenset({"max_tokens", "llm_max_tokens", "api_key_id", "credential_id", "usable_password"})


class AuditEventIsFinal(Exception):
    """An event was to be changed or removed; events are only ever added."""

    def __init__(self) -> None:
        super().__init__("audit events are only added: they cannot be changed or deleted")


class _FinalQuerySet(models.QuerySet["AuditEvent"]):
    """Reads like any query; refuses every change of stored rows."""

    def update(self, **kwargs: Any) -> NoReturn:
        """Refuse."""
        raise AuditEventIsFinal

    def delete(self) -> NoReturn:
        """Refuse."""
        raise AuditEventIsFinal

    delete.queryset_only = True  # type: ignore[attr-defined]  # Django's mark: not on managers

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse."""
        raise AuditEventIsFinal

    def bulk_create(self, objs: Iterable[AuditEvent], *args: Any, **kwargs: Any) -> list[AuditEvent]:
        """Insert new events; an upsert is refused."""
        if args[1:] or kwargs.get("update_conflicts") or kwargs.get("ignore_conflicts"):
            raise AuditEventIsFinal
        return super().bulk_create(objs, *args, **kwargs)

    def _update(self, values: Any) -> NoReturn:
        raise AuditEventIsFinal

    def _raw_delete(self, using: str | None) -> NoReturn:
        raise AuditEventIsFinal


class AuditEventQuerySet(_FinalQuerySet, TenantQuerySet["AuditEvent"]):  # type: ignore[override]  # as ours refuse
    """The same for queries that must name their tenant."""


class AuditEvent(models.Model):
    """One thing that was done. `tenant_id` is null for the operator's own matters, and outlives the tenant."""

    tenant_id = models.BigIntegerField(null=True)
    at = models.DateTimeField(default=clock.now, editable=False)
    action = models.CharField(max_length=100)
    object_type = models.CharField(max_length=100, blank=True)
    object_id = models.CharField(max_length=100, blank=True)
    object_name = models.CharField(max_length=200, blank=True)
    changes = models.JSONField(default=dict, blank=True)
    actor_kind = models.CharField(max_length=20)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    ip = models.CharField(max_length=64, blank=True)

    unscoped = models.Manager.from_queryset(_FinalQuerySet)()
    objects = models.Manager.from_queryset(AuditEventQuerySet)()

    class Meta:
        app_label = "tenants"
        default_manager_name = "unscoped"
        base_manager_name = "unscoped"
        ordering = ["-id"]
        indexes = [models.Index(fields=["tenant_id", "-id"], name="audit_of_tenant")]
        verbose_name = "audit event"
        verbose_name_plural = "audit log"

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_name or self.actor_kind}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert the event; a stored one is refused."""
        if not self._state.adding:
            raise AuditEventIsFinal
        super().save(*args, **{**kwargs, "force_insert": True})

    save.alters_data = True  # type: ignore[attr-defined]

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse."""
        raise AuditEventIsFinal

    delete.alters_data = True  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, in which request: kind is user, api_key, visitor or system."""

    kind: str
    id: int | None = None
    name: str = ""
    request_id: str = ""
    ip: str = ""


SYSTEM = Actor("system", None, "Frontdesk")
# A context variable follows its request through threads and coroutines and ends with it.
_actor: ContextVar[Actor] = ContextVar("frontdesk_actor", default=SYSTEM)


def actor() -> Actor:
    """Tell who acts here."""
    return _actor.get()


@contextmanager
def acting_as(who: Actor) -> Iterator[None]:
    """Attribute to somebody what is done inside."""
    token = _actor.set(who)
    try:
        yield
    finally:
        _actor.reset(token)


def record(
    tenant_id: int | None, action: str, changed: models.Model | None = None, changes: Mapping[str, Any] | None = None
) -> AuditEvent:
    """Store an event beside the change it tells of. Secrets among the changes are masked, long texts cut."""
    who = actor()
    return AuditEvent.objects.create(
        tenant_id=tenant_id,
        action=action[:100],
        object_type="" if changed is None else changed._meta.label_lower[:100],
        object_id="" if changed is None else str(changed.pk)[:100],
        object_name="" if changed is None else str(changed)[:200],
        changes=masked(changes or {}),
        actor_kind=who.kind,
        actor_id=who.id,
        actor_name=who.name[:200],
        request_id=who.request_id[:64],
        ip=who.ip[:64],
    )


def masked(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Bring changes to plain, short JSON values without what is secret by its name."""
    return {str(name)[:100]: MASK if is_secret(str(name)) else _plain(value) for name, value in changes.items()}


def is_secret(name: str) -> bool:
    """Tell whether a field of this name may hold a secret."""
    lowered = name.lower()
    return lowered not in _NOT_SECRET and any(word in lowered for word in _SECRET_WORDS)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return masked(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in list(value)[:_MAX_ITEMS]]
    text = str(value).replace("\x00", "")
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"
