"""The Django app `console`."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """Registers the app under the label `console`."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "frontdesk.console"
    label = "console"
