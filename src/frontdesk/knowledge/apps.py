"""The app of what tenants know."""

from django.apps import AppConfig


class KnowledgeConfig(AppConfig):
    """Entries, their versions and the search in them."""

    name = "frontdesk.knowledge"
    label = "knowledge"
    verbose_name = "Knowledge"
    default_auto_field = "django.db.models.BigAutoField"
