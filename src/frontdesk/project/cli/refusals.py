"""Errors of the layers below that mean: what was given is wrong, or the surroundings are."""

from django.core.exceptions import ValidationError
from django.db import DatabaseError

from frontdesk.gateway.vault import VaultError
from frontdesk.tenants.errors import TenantNotFound


def sentence(error: Exception) -> str | None:
    """Say in one line what is wrong, or None for an error that nobody foresaw."""
    if isinstance(error, ValidationError):
        return "; ".join(error.messages)
    if isinstance(error, TenantNotFound):
        return f"{error}: see frontdesk tenant list"
    if isinstance(error, VaultError):
        return str(error)
    if isinstance(error, DatabaseError):
        return f"the database cannot be used: {error}"
    return None
