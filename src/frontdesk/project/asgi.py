"""Django as an ASGI application, for the server to mount beside its raw handlers."""

import os

import django
from django.core.handlers.asgi import ASGIHandler


def django_application() -> ASGIHandler:
    """Set Django up and give its application."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "frontdesk.project.settings")
    django.setup(set_prefix=False)
    return ASGIHandler()
