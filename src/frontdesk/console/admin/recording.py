"""Every change that a page of the console makes goes into the audit log, in the change's own transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from django.contrib import admin
from django.db.models import Model
from django.forms import PasswordInput
from django.http import HttpRequest

from frontdesk.tenants import audit

if TYPE_CHECKING:
    _Base: TypeAlias = admin.ModelAdmin[Any]
else:
    _Base = object

_KEPT_AS = "_frontdesk_changes"


class RecordingAdmin(_Base):
    """Mixed into the base of all pages. Django tells it of every row that a page adds, changes or deletes.

    What a service records itself is named in `recorded_by_services` ("add", "change", "delete") or, field by field, in
    `fields_recorded_by_services`, so that it is not told twice.
    """

    recorded_by_services: frozenset[str] = frozenset()
    fields_recorded_by_services: frozenset[str] = frozenset()

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Keep what the form changed for the event."""
        changes = form_changes(form, self.fields_recorded_by_services)
        for formset in formsets or ():
            for inner in formset.forms:
                if inner.has_changed():
                    changes[f"{formset.prefix}-{inner.instance.pk}"] = form_changes(inner, frozenset())
        setattr(request, _KEPT_AS, changes)
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record a row that was added."""
        self._record(request, "add", "added", obj, _kept(request))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record a row that was changed; a change that services have recorded whole is not told again."""
        changes = _kept(request)
        if changes or isinstance(message, str):
            self._record(request, "change", "changed", obj, changes or {"note": message})
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Record rows that are about to be deleted."""
        for row in queryset:
            self._record(request, "delete", "deleted", row, {})
        return super().log_deletions(request, queryset)

    def note_in_history(self, request: HttpRequest, row: Any, message: str) -> None:
        """Add a line to the row's history only: the service that made the change has recorded it."""
        super().log_change(request, row, message)

    def record(self, request: HttpRequest, action: str, row: Model | None, changes: dict[str, Any]) -> None:
        """Record an event of the row's tenant; the operator's own matters have none."""
        audit.record(self._tenant_id(row), action, row, changes)

    def _record(self, request: HttpRequest, kind: str, verb: str, row: Any, changes: dict[str, Any]) -> None:
        if kind not in self.recorded_by_services:
            self.record(request, f"{self.opts.model_name}.{verb}", row, changes)

    def _tenant_id(self, row: Any) -> int | None:
        return getattr(self, "tenant_of", lambda _: None)(row)


def form_changes(form: Any, without: frozenset[str]) -> dict[str, Any]:
    """List what a form changed: for each field the value before and the one after."""
    changes: dict[str, Any] = {}
    for name in form.changed_data:
        if name in without:
            continue
        shown = form.fields.get(name)
        # Whatever it is called; and a form for passwords alone names a change that is no field of it.
        if shown is None or isinstance(shown.widget, PasswordInput):
            changes[name] = audit.MASK
            continue
        after = form.cleaned_data.get(name)
        changes[name] = [form.initial.get(name), after.pk if isinstance(after, Model) else after]
    return changes


def _kept(request: HttpRequest) -> dict[str, Any]:
    found: dict[str, Any] = getattr(request, _KEPT_AS, {})
    return found
