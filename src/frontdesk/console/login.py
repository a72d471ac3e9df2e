"""Signing in to the console: for the operator's staff and for tenants' members."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.forms import AuthenticationForm as DjangoAuthenticationForm
from django.core.exceptions import ValidationError

from frontdesk.console.access import access_of_user

if TYPE_CHECKING:
    from django.contrib.admin.forms import AdminAuthenticationForm as AuthenticationForm

    from frontdesk.tenants.models import User
else:
    from unfold.forms import AuthenticationForm


class ConsoleLoginForm(AuthenticationForm):
    """Refuses whoever is neither the operator nor an active member of an active tenant, and says so."""

    error_messages = {**AuthenticationForm.error_messages, "invalid_login": "Wrong user name or password."}

    def confirm_login_allowed(self, user: User) -> None:
        """Let active superusers and members pass."""
        # Not the parent's own check, which asks for Django's staff flag: members need none.
        DjangoAuthenticationForm.confirm_login_allowed(self, user)
        if not access_of_user(user).is_any:
            raise ValidationError(
                "You are not a member of any tenant: ask an owner to add you, or sign in as the operator.",
                code="no_access",
            )
