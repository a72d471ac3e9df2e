"""The Django app `conversations`."""

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    """Registers the app under the label `conversations`."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "frontdesk.conversations"
    label = "conversations"
