"""Who belongs to a tenant, and as what."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from frontdesk.console import display, inputs
from frontdesk.console.access import Access, access_of
from frontdesk.console.admin.base import TenantScopedAdmin, is_operator
from frontdesk.console.admin.filters import TenantFilter
from frontdesk.tenants import members, roles, scopes
from frontdesk.tenants.models import Member, Tenant, User
from frontdesk.tenants.roles import Role

_ROLE_HELP = format_html_join("", "<b>{}</b>: {}.<br>", ((role.label, roles.DESCRIPTIONS[role]) for role in Role))


class MemberForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A membership: the operator names any user, a tenant's own staff make a new one."""

    access: Access

    class Meta:
        model = Member
        fields = ("tenant", "user", "role", "is_active")
        labels = {"is_active": "Active"}
        help_texts = {"role": _ROLE_HELP, "is_active": "Turned off, the person no longer sees the tenant."}

    def clean(self) -> dict[str, Any] | None:
        """Refuse roles that are not the person's to give or take, and the end of the last owner."""
        cleaned = super().clean() or {}
        tenant = self.instance.tenant if self.instance.pk else cleaned.get("tenant")
        role = cleaned.get("role")
        if isinstance(tenant, Tenant) and role:
            held = self.access.scopes_at(tenant.pk)
            if not all(roles.may_assign(held, each) for each in (role, self.initial.get("role", role))):
                self.add_error("role", ValidationError("Only an owner makes or changes owners."))
        leaves = self.instance.pk and (role != Role.OWNER or not cleaned.get("is_active"))
        if leaves and members.is_last_owner(self.instance):
            self.add_error(None, ValidationError(members.LAST_OWNER))
        return cleaned


class NewMemberForm(MemberForm):
    """A new person at the tenant."""

    username = forms.CharField(max_length=150, label="User name", widget=inputs.Text())
    email = forms.EmailField(required=False, widget=inputs.Text())
    password = forms.CharField(
        widget=inputs.Secret(), label="First password", help_text="The person changes it after signing in."
    )

    class Meta(MemberForm.Meta):
        fields = ("tenant", "role")  # type: ignore[assignment]

    def clean_username(self) -> str:
        """Refuse a name that is taken, or that no user may have."""
        name = User.normalize_username(str(self.cleaned_data["username"]).strip())
        User._meta.get_field("username").run_validators(name)
        if User.objects.filter(username__iexact=name).exists():
            raise ValidationError("Choose another user name. People who have an account are added by the operator.")
        return name

    def clean_password(self) -> str:
        """Refuse a weak password."""
        password = str(self.cleaned_data["password"])
        validate_password(password, User(username=str(self.cleaned_data.get("username", ""))))
        return password


@admin.register(Member)
class MemberAdmin(TenantScopedAdmin):
    """Members of tenants, with their roles."""

    view_scope = scopes.USERS_MANAGE
    change_scope = scopes.USERS_MANAGE
    recorded_by_services = frozenset({"add", "change", "delete"})
    form = MemberForm
    empty_hint = "A member signs in here and sees one tenant, as far as the role allows."
    list_display = ("user", "tenant", "role", "state", "created_at")
    list_filter = (TenantFilter, "role", "is_active")
    list_select_related = ("tenant", "user")
    search_fields = ("user__username", "user__email")
    ordering = ("tenant", "id")
    autocomplete_fields = ("tenant", "user")

    def get_form(self, request: HttpRequest, obj: Member | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Let a tenant's own staff make people new, instead of drawing in others' accounts by name."""
        if obj is None and not is_operator(request):
            kwargs["form"] = NewMemberForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Member | None = None) -> Any:
        """Ask for a user, or for what makes one."""
        if obj is None and not is_operator(request):
            return ((None, {"fields": ("tenant", "username", "email", "password", "role")}),)
        return ((None, {"fields": ("tenant", "user", "role", "is_active")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Member | None = None) -> Any:
        """A membership stays between its two."""
        return ("tenant", "user") if obj else ()

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Leave out deletion in bulk, which would not spare the last owner."""
        return {}

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Owners are the owners' to change."""
        return super().has_change_permission(request, obj) and self._may_assign(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Owners are the owners' to remove, and the last one stays."""
        may = super().has_delete_permission(request, obj) and self._may_assign(request, obj)
        return may and not (isinstance(obj, Member) and members.is_last_owner(obj))

    def save_model(self, request: HttpRequest, obj: Member, form: Any, change: bool) -> None:
        """Store by the services, which record."""
        if change:
            members.change_member(obj, role=obj.role, is_active=obj.is_active)
        elif "username" in form.cleaned_data:
            given = form.cleaned_data
            made = members.invite_member(
                obj.tenant, given["username"], given["password"], obj.role, email=given["email"]
            )
            obj.pk, obj.user = made.pk, made.user
        else:
            obj.pk = members.add_member(obj.tenant, obj.user, obj.role).pk

    def delete_model(self, request: HttpRequest, obj: Member) -> None:
        """End the membership by the service."""
        members.remove_member(obj)

    @admin.display(description="state", ordering="is_active")
    def state(self, member: Member) -> SafeString:
        """Show whether the membership counts."""
        return display.label("active", "good") if member.is_active else display.label("off", "quiet")

    def _may_assign(self, request: HttpRequest, row: Any) -> bool:
        if not isinstance(row, Member):
            return True
        return roles.may_assign(access_of(request).scopes_at(row.tenant_id), row.role)
