"""What can be wrong with a reference to a tenant. Needs no models, so that any layer may catch it early."""

from django.core.exceptions import ObjectDoesNotExist


class TenantNotFound(ObjectDoesNotExist):
    """No tenant has this id or slug."""
