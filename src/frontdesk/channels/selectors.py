"""Reads of the channels app."""

from __future__ import annotations

from frontdesk.channels.keys import is_widget_key
from frontdesk.channels.models import Widget
from frontdesk.gateway import runtime
from frontdesk.gateway.snapshot import AUTO
from frontdesk.tenants.models import Tenant

DEMO_SLUG = "demo"
"""The slug of the tenant that `frontdesk demo` makes."""

AI_NOTICE = "No AI provider is connected: answers come from the knowledge base."


def widget_by_key(key: str) -> Widget | None:
    """Give the enabled widget of an active tenant that a public key names, with its tenant; None for all else."""
    if not is_widget_key(key):
        return None
    # The key itself names the tenant, so no tenant can be asked for first.
    found = Widget.objects.across_tenants().select_related("tenant")
    return found.filter(key=key, is_enabled=True, tenant__is_active=True).first()


def demo_widget() -> Widget | None:
    """Give the demo tenant's first enabled widget; None before `frontdesk demo` has run."""
    tenant = Tenant.objects.filter(slug=DEMO_SLUG, is_active=True).first()
    if tenant is None:
        return None
    return Widget.objects.for_tenant(tenant).filter(is_enabled=True).order_by("id").first()


def ai_connected(tenant: Tenant | int, model: str = AUTO) -> bool:
    """Tell whether a model could answer for this tenant now: a usable key for a provider that has it."""
    tenant_id = tenant if isinstance(tenant, int) else tenant.pk
    return runtime.gateway().can_serve(tenant_id, model)


def ai_notice(widget: Widget) -> str | None:
    """Give the line that a widget shows when no model answers in it; None when one does."""
    answers = widget.llm_enabled and ai_connected(widget.tenant_id, widget.requested_model)
    return None if answers else AI_NOTICE
