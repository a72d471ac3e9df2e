"""What the console manages, one module for each area. Importing a module registers its models."""

from django.contrib import admin
from django.contrib.auth.models import Group

from frontdesk.console.admin import (
    api_keys,
    audit_log,
    budgets,
    calls,
    catalog,
    conversations,
    knowledge,
    members,
    prices,
    provider_keys,
    tenants,
    users,
    widgets,
)

__all__ = [
    "api_keys",
    "audit_log",
    "budgets",
    "calls",
    "catalog",
    "conversations",
    "knowledge",
    "members",
    "prices",
    "provider_keys",
    "tenants",
    "users",
    "widgets",
]

# Roles are the tenants' (`frontdesk.tenants.roles`), so Django's groups would promise what they do not do.
if admin.site.is_registered(Group):
    admin.site.unregister(Group)
