"""What a credential may open: the words that API keys carry, and that a member's role stands for."""

from __future__ import annotations

from collections.abc import Collection

from django.core.exceptions import ValidationError

GATEWAY_CALL = "gateway:call"
ANALYTICS_VIEW = "analytics:view"
USERS_MANAGE = "users:manage"
CONVERSATIONS_READ = "conversations:read"
CONVERSATIONS_REPLY = "conversations:reply"
KNOWLEDGE_READ = "knowledge:read"
KNOWLEDGE_EDIT = "knowledge:edit"
FEEDBACK_REVIEW = "feedback:review"
WIDGETS_MANAGE = "widgets:manage"
SETTINGS_MANAGE = "settings:manage"
BUDGETS_MANAGE = "budgets:manage"
KEYS_MANAGE = "keys:manage"
AUDIT_VIEW = "audit:view"
OWNERS_MANAGE = "owners:manage"

OF_KEYS = frozenset(
    {
        GATEWAY_CALL,
        ANALYTICS_VIEW,
        USERS_MANAGE,
        CONVERSATIONS_READ,
        CONVERSATIONS_REPLY,
        KNOWLEDGE_READ,
        KNOWLEDGE_EDIT,
        FEEDBACK_REVIEW,
        WIDGETS_MANAGE,
        SETTINGS_MANAGE,
        BUDGETS_MANAGE,
    }
)
"""What an API key may carry. Not: making keys, reading the audit log, making owners. A program cannot raise itself."""

ALL = OF_KEYS | {KEYS_MANAGE, AUDIT_VIEW, OWNERS_MANAGE}
"""Every scope there is: what an owner and the operator have."""


def validate(value: object) -> None:
    """Refuse anything but a list of scopes that a key may carry."""
    given = value if isinstance(value, list | tuple | set | frozenset) else [value]
    unknown = sorted(str(scope) for scope in given if not isinstance(scope, str) or scope not in OF_KEYS)
    if unknown:
        raise ValidationError(f"unknown scope {', '.join(unknown)}; valid scopes: {', '.join(sorted(OF_KEYS))}")


def missing(wanted: Collection[str], held: Collection[str]) -> list[str]:
    """List the scopes that somebody wants to give away and does not hold."""
    return sorted(set(wanted) - set(held))
