"""What the console manages, one module for each area. Importing a module registers its models."""

from django.contrib import admin
from django.contrib.auth.models import Group

from frontdesk.console.admin import (
    api_keys,
    calls,
    catalog,
    conversations,
    knowledge,
    prices,
    provider_keys,
    tenants,
    users,
    widgets,
)

__all__ = [
    "api_keys",
    "calls",
    "catalog",
    "conversations",
    "knowledge",
    "prices",
    "provider_keys",
    "tenants",
    "users",
    "widgets",
]

# There are no roles yet, so groups would promise what they do not do.
if admin.site.is_registered(Group):
    admin.site.unregister(Group)
