"""The Django app of tenants: who uses Frontdesk, with which settings and keys."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Registers the app under the label `tenants`."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "frontdesk.tenants"
    label = "tenants"
    verbose_name = "Tenants"
