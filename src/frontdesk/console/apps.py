"""The Django app `console`, and Django's own admin with our site in it."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class ConsoleConfig(AppConfig):
    """Registers the app under the label `console`."""

    default = True
    default_auto_field = "django.db.models.BigAutoField"
    name = "frontdesk.console"
    label = "console"


class ConsoleAdminConfig(admin_apps.AdminConfig):
    """Django's admin, whose site is the console's."""

    default = False
    default_site = "frontdesk.console.site.ConsoleSite"
