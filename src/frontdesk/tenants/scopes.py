"""What an API key may open."""

from django.core.exceptions import ValidationError

GATEWAY_CALL = "gateway:call"
ANALYTICS_VIEW = "analytics:view"
USERS_MANAGE = "users:manage"

ALL = frozenset({GATEWAY_CALL, ANALYTICS_VIEW, USERS_MANAGE})


def validate(value: object) -> None:
    """Refuse anything but a list of known scopes."""
    given = value if isinstance(value, list | tuple | set | frozenset) else [value]
    unknown = sorted(str(scope) for scope in given if not isinstance(scope, str) or scope not in ALL)
    if unknown:
        raise ValidationError(f"unknown scope {', '.join(unknown)}; valid scopes: {', '.join(sorted(ALL))}")
