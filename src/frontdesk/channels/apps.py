"""The Django app `channels`."""

from django.apps import AppConfig


class ChannelsConfig(AppConfig):
    """Registers the app under the label `channels`."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "frontdesk.channels"
    label = "channels"
