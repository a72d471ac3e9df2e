"""The Django app of usage: the model catalog with its prices, and the ledger of every call."""

from django.apps import AppConfig


class UsageConfig(AppConfig):
    """Registers the app under the label `usage`."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "frontdesk.usage"
    label = "usage"
    verbose_name = "Models"
