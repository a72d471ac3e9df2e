"""Reads of tenants and their keys."""

from frontdesk.tenants.errors import TenantNotFound
from frontdesk.tenants.models import ApiKey, ProviderCredential, Tenant

OPERATOR_SLUG = "operator"


def find_tenant(id_or_slug: int | str) -> Tenant:
    """Find a tenant by id, or by slug; TenantNotFound if there is none. A slug of digits loses to an id."""
    text = str(id_or_slug).strip()
    tenants = Tenant.objects.select_related("settings")
    found = None
    if text.isascii() and text.isdigit() and len(text) < 19:
        found = tenants.filter(pk=int(text)).first()
    found = found or tenants.filter(slug=text).first()
    if found is None:
        raise TenantNotFound(f"no tenant has the id or slug {text[:100]!r}")
    return found


def operator() -> Tenant:
    """Give the operator's own tenant, which the first migrations make."""
    return Tenant.objects.get_or_create(is_operator=True, defaults={"name": "Operator", "slug": OPERATOR_SLUG})[0]


def api_keys(tenant: Tenant) -> list[ApiKey]:
    """List a tenant's keys, newest first, revoked ones included."""
    return list(ApiKey.objects.for_tenant(tenant).order_by("-id"))


def credentials(tenant: Tenant) -> list[ProviderCredential]:
    """List a tenant's provider credentials in the order of use, disabled ones included."""
    return list(ProviderCredential.objects.for_tenant(tenant).order_by("provider", "priority", "id"))
