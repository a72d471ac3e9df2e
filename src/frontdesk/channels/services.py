"""Writes of the channels app."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from frontdesk.channels.models import Widget
from frontdesk.tenants import audit
from frontdesk.tenants.models import Tenant


def create_widget(tenant: Tenant, *, name: str, **settings: Any) -> Widget:
    """Make a widget with a new key. ValidationError names each setting that is refused, and nothing is stored.

    TypeError for a setting that widgets do not have.
    """
    widget = Widget(tenant=tenant, name=name.strip(), **settings)
    widget.full_clean()
    with transaction.atomic():
        widget.save()
        audit.record(widget.tenant_id, "widget.created", widget, {"key": widget.key})
    return widget
