"""Writes of the channels app."""

from __future__ import annotations

from typing import Any

from frontdesk.channels.models import Widget
from frontdesk.tenants.models import Tenant


def create_widget(tenant: Tenant, *, name: str, **settings: Any) -> Widget:
    """Make a widget with a new key. ValidationError names each setting that is refused, and nothing is stored.

    TypeError for a setting that widgets do not have.
    """
    widget = Widget(tenant=tenant, name=name.strip(), **settings)
    widget.full_clean()
    widget.save()
    return widget
