"""Providers of the catalog switched on and off."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction

from frontdesk.tenants import audit
from frontdesk.usage.models import LLMProvider


def find_provider(name: str) -> LLMProvider:
    """Find a provider by name; ValidationError that names those there are."""
    row = LLMProvider.objects.filter(name=name).first()
    if row is None:
        known = ", ".join(LLMProvider.objects.order_by("name").values_list("name", flat=True))
        raise ValidationError(f"there is no provider {name[:60]!r}; known: {known}")
    return row


def enable_provider(name: str, enabled: bool) -> LLMProvider:
    """Let calls use a provider, or keep them from it; a second time changes nothing."""
    with transaction.atomic():
        row = find_provider(name)
        if row.is_enabled != enabled:
            row.is_enabled = enabled
            row.save(update_fields=["is_enabled"])
            audit.record(None, "enable_provider" if enabled else "disable_provider", row)
    return row
