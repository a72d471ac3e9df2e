"""Who may sign in: the operator's staff, and people who are members of tenants. The operator's page alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.safestring import SafeString

from frontdesk.console import display, inputs
from frontdesk.console.admin.base import OperatorAdmin
from frontdesk.tenants.models import User

if TYPE_CHECKING:
    from django.contrib.auth.forms import AdminPasswordChangeForm
    from django.contrib.auth.forms import AdminUserCreationForm as _CreationForm
    from django.contrib.auth.forms import UserChangeForm as _ChangeForm
else:
    from unfold.forms import AdminPasswordChangeForm
    from unfold.forms import UserChangeForm as _ChangeForm
    from unfold.forms import UserCreationForm as _CreationForm


def _operator_field() -> forms.BooleanField:
    return forms.BooleanField(
        label="Operator",
        required=False,
        widget=inputs.Switch(),
        help_text="May sign in to this console and see and change everything, of all tenants.",
    )


class UserForm(_ChangeForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A user; Django's two flags for access are one here, so that neither is forgotten."""

    is_operator = _operator_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["is_operator"] = self.instance.is_staff and self.instance.is_superuser

    def save(self, commit: bool = True) -> Any:
        """Set both flags."""
        self.instance.is_staff = self.instance.is_superuser = self.cleaned_data["is_operator"]
        return super().save(commit)


class NewUserForm(_CreationForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A new user with a password."""

    is_operator = _operator_field()

    def save(self, commit: bool = True) -> Any:
        """Set both flags."""
        self.instance.is_staff = self.instance.is_superuser = self.cleaned_data["is_operator"]
        return super().save(commit)


class OwnUserForm(UserForm):
    """One's own account, which cannot be locked out by its owner."""

    def clean(self) -> dict[str, Any] | None:
        """Keep one's own access."""
        cleaned = super().clean() or {}
        for name in ("is_operator", "is_active"):
            if not cleaned.get(name):
                self.add_error(name, ValidationError("You cannot take your own access away: ask another operator."))
        return cleaned


@admin.register(User)
class UserAdmin(DjangoUserAdmin, OperatorAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    """Users of the console."""

    form = UserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "full_name", "access", "last_login")
    list_filter = ("is_active", "is_superuser")
    search_fields = ("username", "email", "first_name", "last_name")
    ordering = ("username",)
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_operator", "is_active")}),
        ("History", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "email", "usable_password", "password1", "password2", "is_operator")}),
    )

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Protect one's own access."""
        if obj is not None and obj.pk == request.user.pk:
            kwargs["form"] = OwnUserForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Leave out deletion in bulk, which would not spare one's own account."""
        return {}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keep one's own account."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.pk != request.user.pk)

    @admin.display(description="name")
    def full_name(self, user: User) -> str:
        """Show the person's name."""
        return user.get_full_name() or display.NOTHING

    @admin.display(description="access")
    def access(self, user: User) -> SafeString:
        """Show what the user may do."""
        if not user.is_active:
            return display.label("inactive", "quiet")
        is_operator = user.is_superuser and user.is_staff
        if is_operator:
            return display.label("operator", "info")
        return display.label("member", "good") if user.memberships.exists() else display.label("no access", "quiet")
