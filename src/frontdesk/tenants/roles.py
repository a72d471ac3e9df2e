"""What the roles of a tenant's members stand for. The one table from role to scopes; nothing else decides by role."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from django.db.models import TextChoices

from frontdesk.tenants import scopes


class Role(TextChoices):
    """What a person is at a tenant, from most to least."""

    OWNER = "owner", "owner"
    ADMIN = "admin", "admin"
    SUPERVISOR = "supervisor", "supervisor"
    AGENT = "agent", "agent"
    ANALYST = "analyst", "analyst"


_AGENT = frozenset({scopes.CONVERSATIONS_READ, scopes.CONVERSATIONS_REPLY, scopes.KNOWLEDGE_READ})
_SUPERVISOR = _AGENT | {scopes.KNOWLEDGE_EDIT, scopes.FEEDBACK_REVIEW, scopes.ANALYTICS_VIEW}

SCOPES_BY_ROLE: Mapping[Role, frozenset[str]] = MappingProxyType(
    {
        Role.OWNER: frozenset(scopes.ALL),
        Role.ADMIN: frozenset(scopes.ALL - {scopes.OWNERS_MANAGE}),
        Role.SUPERVISOR: _SUPERVISOR,
        Role.AGENT: _AGENT,
        Role.ANALYST: frozenset({scopes.ANALYTICS_VIEW}),
    }
)

DESCRIPTIONS: Mapping[Role, str] = MappingProxyType(
    {
        Role.OWNER: "everything of the tenant, and who its owners are",
        Role.ADMIN: "settings, keys, widgets, members and the audit log, and all below",
        Role.SUPERVISOR: "edits knowledge, reviews feedback, sees figures, and all below",
        Role.AGENT: "reads conversations and knowledge, and replies",
        Role.ANALYST: "sees figures, and nothing of what customers wrote",
    }
)


def scopes_of(role: str) -> frozenset[str]:
    """Give a role's scopes; none for a word that is no role."""
    return SCOPES_BY_ROLE.get(Role(role), frozenset()) if role in Role.values else frozenset()


def roles_with(scope: str) -> tuple[Role, ...]:
    """List the roles that have a scope, from most to least."""
    return tuple(role for role, held in SCOPES_BY_ROLE.items() if scope in held)


def may_assign(held: frozenset[str], role: str) -> bool:
    """Tell whether somebody with these scopes may give or take the role: only to manage members, owners by owners."""
    if scopes.USERS_MANAGE not in held:
        return False
    return scopes.OWNERS_MANAGE in held or role != Role.OWNER
