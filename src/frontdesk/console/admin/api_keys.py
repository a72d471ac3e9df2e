"""API keys: made here and shown once, revoked here; never read back."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone as clock
from django.utils.safestring import SafeString

from frontdesk.console import display, inputs
from frontdesk.console.access import Access
from frontdesk.console.admin.base import TenantScopedAdmin
from frontdesk.console.admin.filters import TenantFilter
from frontdesk.tenants import scopes, services
from frontdesk.tenants.models import ApiKey

_SCOPE_LABELS = {
    scopes.GATEWAY_CALL: "Call models through /v1",
    scopes.ANALYTICS_VIEW: "Read usage and analytics",
    scopes.USERS_MANAGE: "Manage members and corrections",
    scopes.CONVERSATIONS_READ: "Read conversations",
    scopes.CONVERSATIONS_REPLY: "Reply in conversations",
    scopes.KNOWLEDGE_READ: "Read knowledge",
    scopes.KNOWLEDGE_EDIT: "Edit knowledge",
    scopes.FEEDBACK_REVIEW: "Review feedback",
    scopes.WIDGETS_MANAGE: "Manage widgets",
    scopes.SETTINGS_MANAGE: "Change settings",
    scopes.BUDGETS_MANAGE: "Change limits: nothing asks for it yet",
}
_SCOPES = [
    (scope, f"{_SCOPE_LABELS[scope]} ({scope})" if scope in _SCOPE_LABELS else scope)
    for scope in sorted(scopes.OF_KEYS, key=lambda scope: (scope != scopes.GATEWAY_CALL, scope))
]
_OVERLAP_HOURS = 24
_SHOWN = ("shown_prefix", "state", "last_used", "created_at", "rotated_at", "retired_until")


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """What a key is called, what it opens and how long."""

    access: Access
    scopes = forms.MultipleChoiceField(
        choices=_SCOPES,
        widget=inputs.Checkboxes(),
        label="What it may do",
        error_messages={"required": "Choose at least one: a key that may do nothing opens nothing."},
    )

    class Meta:
        model = ApiKey
        fields = ("tenant", "name", "scopes", "expires_at")
        help_texts = {"name": "Where the key is used, for example “Web shop”.", "expires_at": "In UTC. Empty: never."}

    def clean_expires_at(self) -> Any:
        """Refuse a new key that has ended already."""
        moment = self.cleaned_data["expires_at"]
        if moment is not None and "expires_at" in self.changed_data and moment <= clock.now():
            raise ValidationError("This is in the past. To end a key now, revoke it.")
        return moment

    def clean(self) -> dict[str, Any] | None:
        """Refuse scopes that its maker does not have."""
        cleaned = super().clean() or {}
        tenant = cleaned.get("tenant") or (self.instance.tenant if self.instance.pk else None)
        wanted = set(cleaned.get("scopes", ())) - set(self.instance.scopes if self.instance.pk else ())
        if tenant and (lacking := scopes.missing(wanted, self.access.scopes_at(tenant.pk))):
            self.add_error("scopes", ValidationError(f"You cannot give what you do not have: {', '.join(lacking)}."))
        return cleaned


@admin.register(ApiKey)
class ApiKeyAdmin(TenantScopedAdmin):
    """Keys by which programs call Frontdesk. Only a digest is stored, so a key is shown when it is made."""

    view_scope = scopes.KEYS_MANAGE
    change_scope = scopes.KEYS_MANAGE
    recorded_by_services = frozenset({"add"})
    form = ApiKeyForm
    empty_hint = "A key lets a program call Frontdesk, for example the OpenAI SDK through /v1."
    list_display = ("name", "tenant", "shown_prefix", "scope_list", "state", "last_used", "expires_at", "created_at")
    list_filter = (TenantFilter,)
    list_select_related = ("tenant", "use")
    search_fields = ("name", "prefix")
    ordering = ("-id",)
    autocomplete_fields = ("tenant",)
    actions = ("revoke",)
    actions_submit_line = ("rotate_this", "revoke_this")

    def get_fieldsets(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """Show a stored key's state below what can be changed."""
        chosen = (None, {"fields": ("tenant", "name", "scopes", "expires_at")})
        state = (
            "The key",
            {"fields": ("shown_prefix", "state", "last_used", "created_at", "rotated_at", "retired_until")},
        )
        return (chosen, state) if obj else (chosen,)

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """A stored key stays with its tenant."""
        return ("tenant", *_SHOWN) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keys are revoked, so that it stays known whose they were."""
        return False

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """Offer one way to make a key: its page is what shows it."""
        if add:
            context |= {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().render_change_form(request, context, add, change, form_url, obj)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """Make a new key by the service, and carry its plain text to this one reply."""
        if change:
            super().save_model(request, obj, form, change)
            return
        key, plaintext = services.create_api_key(obj.tenant, obj.name, obj.scopes, expires_at=obj.expires_at)
        obj.pk = key.pk
        obj.refresh_from_db()
        obj.plaintext = plaintext  # type: ignore[attr-defined]  # lives as long as this request

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """Show the new key."""
        return self._show(request, obj)

    def response_change(self, request: HttpRequest, obj: ApiKey) -> HttpResponse:
        """Show the new secret of a key that was rotated."""
        return self._show(request, obj) if hasattr(obj, "plaintext") else super().response_change(request, obj)

    def _show(self, request: HttpRequest, obj: ApiKey) -> HttpResponse:
        """Show the key, once: in the reply itself, so that it is in no session, cookie or log."""
        context = {
            **self.admin_site.each_context(request),
            "title": "The new API key",
            "opts": self.opts,
            "key": obj,
            "plaintext": obj.plaintext,  # type: ignore[attr-defined]  # set by whoever made the secret
            "base_url": request.build_absolute_uri("/v1"),
            "can_call": scopes.GATEWAY_CALL in obj.scopes,
            "list_url": reverse("admin:tenants_apikey_changelist"),
        }
        return TemplateResponse(request, "console/api_key_created.html", context)

    @admin.action(description="Revoke the chosen keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """End the chosen keys."""
        valid = list(queryset.filter(revoked_at=None))
        for key in valid:
            services.revoke_api_key(key)
            self.note_in_history(request, key, "Revoked.")
        self.message_user(
            request, f"{len(valid)} revoked; within seconds no call is let in with them.", messages.SUCCESS
        )

    @admin.action(description="New secret; the old one works for a day", permissions=["change"])
    def rotate_this(self, request: HttpRequest, key: ApiKey) -> None:
        """Give the key a new secret, and carry it to this one reply."""
        try:
            plaintext = services.rotate_api_key(key, _OVERLAP_HOURS)
        except ValidationError as error:
            self.message_user(request, " ".join(error.messages).capitalize() + ".", messages.ERROR)
            return
        key.plaintext = plaintext  # type: ignore[attr-defined]  # lives as long as this request
        self.note_in_history(request, key, "Rotated.")

    @admin.action(description="Revoke this key", permissions=["change"])
    def revoke_this(self, request: HttpRequest, key: ApiKey) -> None:
        """End this key."""
        services.revoke_api_key(key)
        self.note_in_history(request, key, "Revoked.")
        self.message_user(request, f"{key} is revoked; within seconds no call is let in with it.", messages.SUCCESS)

    @admin.display(description="begins with", ordering="prefix")
    def shown_prefix(self, key: ApiKey) -> SafeString:
        """Show what is enough to recognise the key."""
        return display.code(f"{key.prefix}…")

    @admin.display(description="last used")
    def last_used(self, key: ApiKey) -> str:
        """Show when it was last used, to a minute or so."""
        use = getattr(key, "use", None)
        return display.NOTHING if use is None else f"{use.last_used_at:%Y-%m-%d %H:%M}"

    @admin.display(description="may")
    def scope_list(self, key: ApiKey) -> str:
        """Show what the key opens."""
        return ", ".join(key.scopes) or "nothing"

    @admin.display(description="state")
    def state(self, key: ApiKey) -> SafeString:
        """Show whether the key opens anything now."""
        if key.revoked_at is not None:
            return display.label("revoked", "bad")
        return display.label("valid", "good") if key.is_valid else display.label("expired", "warn")
