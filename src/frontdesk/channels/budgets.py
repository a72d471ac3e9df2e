"""What the budgets of usage need to know of channels: which widgets a tenant has."""

from __future__ import annotations

from frontdesk.channels.models import Widget
from frontdesk.tenants.models import Tenant


def widget_names(tenant: Tenant | int) -> dict[int, str]:
    """Give the names of a tenant's widgets, by id."""
    return dict(Widget.objects.for_tenant(tenant).order_by("pk").values_list("pk", "name"))
