"""Signing in to the console: for active superusers only, until there are roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError

if TYPE_CHECKING:
    from django.contrib.admin.forms import AdminAuthenticationForm as AuthenticationForm

    from frontdesk.tenants.models import User
else:
    from unfold.forms import AuthenticationForm


class OperatorLoginForm(AuthenticationForm):
    """Refuses whoever is not the operator, and says so."""

    error_messages = {**AuthenticationForm.error_messages, "invalid_login": "Wrong user name or password."}

    def confirm_login_allowed(self, user: User) -> None:
        """Let active superusers pass."""
        super().confirm_login_allowed(user)
        if not user.is_superuser:
            raise ValidationError("This console is for the operator: sign in as a superuser.", code="not_operator")
