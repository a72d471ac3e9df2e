"""Provider keys: entered here, sealed at once, never shown again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.safestring import SafeString

from frontdesk.console import display, inputs
from frontdesk.console.admin.base import TenantScopedAdmin
from frontdesk.console.admin.filters import ProviderFilter, TenantFilter
from frontdesk.gateway.providers import web_address
from frontdesk.tenants import provider_addresses, scopes, services
from frontdesk.tenants.models import ProviderCredential
from frontdesk.usage.models import LLMProvider

_LONGEST_KEY = 4096
_WITHOUT_KEY = ("simulated",)


class ProviderKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A key at a provider. Where one is stored, an empty field keeps it."""

    provider = forms.ChoiceField(widget=inputs.Select())
    key = forms.CharField(widget=inputs.Secret(), max_length=_LONGEST_KEY, label="Key")
    base_url = forms.CharField(
        required=False,
        max_length=500,
        label="Address",
        widget=inputs.Text(),
        help_text="Only where this key is for another address than the provider’s own, for example a proxy.",
    )

    class Meta:
        model = ProviderCredential
        fields = ("tenant", "provider", "label", "base_url", "organization", "priority", "is_enabled")
        labels = {"is_enabled": "In use"}
        help_texts = {
            "tenant": "Whose calls it pays for. The operator’s own keys also serve tenants without one.",
            "label": "Tells several keys for one provider apart.",
            "organization": "Only where the provider bills by organization.",
            "priority": "Of several keys the lowest number is used first.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_stored = self.instance.pk is not None
        self._stored_address = self.instance.base_url
        self.fields["key"].required = not is_stored
        self.fields["key"].help_text = (
            f"Stored: {self.instance.hint}. Leave empty to keep it; enter a new one to replace it."
            if is_stored
            else "It is encrypted when you save; afterwards only its last characters are shown."
        )
        if "provider" in self.fields:
            rows = LLMProvider.objects.exclude(wire__in=_WITHOUT_KEY).order_by("display_name")
            inputs.offer(
                self.fields["provider"], [("", "Choose a provider"), *rows.values_list("name", "display_name")]
            )

    def _get_validation_exclusions(self) -> set[str]:
        # The column's own check refuses hosts without a dot, such as those of a container network.
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return excluded | {"base_url"}

    def clean_key(self) -> str:
        """Refuse what no provider's key holds. The message repeats nothing of the key."""
        key = str(self.cleaned_data["key"]).strip()
        if not key.isascii() or not key.isprintable():
            raise ValidationError("This holds characters that no key has: copy it again.")
        return key

    def clean_base_url(self) -> str:
        """Refuse what is not a web address."""
        address = str(self.cleaned_data["base_url"]).strip()
        if address and not web_address.is_usable(address):
            raise ValidationError("Begin with http:// or https:// and name a host.")
        return address

    def clean(self) -> dict[str, Any] | None:
        """Refuse a label that the tenant uses for this provider already, and an address that the key is not for."""
        cleaned = super().clean() or {}
        self._check_address(cleaned)
        tenant = cleaned.get("tenant", getattr(self.instance, "tenant", None) if self.instance.pk else None)
        provider = cleaned.get("provider") or self.instance.provider
        rows = ProviderCredential.objects.across_tenants().exclude(pk=self.instance.pk)
        if tenant and rows.filter(tenant=tenant, provider=provider, label=cleaned.get("label", "")).exists():
            self.add_error(
                "label", f"{tenant} has a key for {provider} with this label: choose another, or edit that one."
            )
        return cleaned

    def _check_address(self, cleaned: dict[str, Any]) -> None:
        if self.instance.pk is None or cleaned.get("key") or "base_url" not in cleaned:
            return
        if web_address.is_elsewhere(self._stored_address, cleaned["base_url"]):
            self.add_error("base_url", provider_addresses.OTHER_ADDRESS)


@admin.register(ProviderCredential)
class ProviderKeyAdmin(TenantScopedAdmin):
    """Keys at model providers, per tenant."""

    view_scope = scopes.KEYS_MANAGE
    change_scope = scopes.KEYS_MANAGE
    form = ProviderKeyForm
    empty_hint = "Add a key so that models can answer. Keys from the environment work too, and are not listed here."
    list_display = ("provider", "tenant", "label", "masked_key", "priority", "state", "updated_at")
    list_display_links = ("provider", "masked_key")
    list_filter = (TenantFilter, ProviderFilter, "is_enabled")
    list_select_related = ("tenant",)
    search_fields = ("provider", "label")
    ordering = ("tenant", "provider", "priority", "id")
    autocomplete_fields = ("tenant",)

    def get_fieldsets(self, request: HttpRequest, obj: ProviderCredential | None = None) -> Any:
        """Ask for what is needed first."""
        return (
            (None, {"fields": ("tenant", "provider", "key", "label")}),
            ("Special cases", {"fields": ("base_url", "organization", "priority", "is_enabled")}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: ProviderCredential | None = None) -> Any:
        """A key stays with its tenant, for whom it is sealed, and its provider."""
        return ("tenant", "provider") if obj else ()

    def save_model(self, request: HttpRequest, obj: ProviderCredential, form: Any, change: bool) -> None:
        """Seal the key by the service; the rest is an ordinary row."""
        secret = form.cleaned_data["key"]
        if change:
            if secret:
                services.replace_secret(obj, secret)
            super().save_model(request, obj, form, change)
            return
        chosen = {"priority": obj.priority, "is_enabled": obj.is_enabled}
        stored = services.store_credential(
            obj.tenant_id,
            obj.provider,
            secret,
            label=obj.label,
            base_url=obj.base_url,
            organization=obj.organization,
        )
        for name, value in chosen.items():
            setattr(stored, name, value)
        stored.save(update_fields=[*chosen])
        obj.pk = stored.pk
        obj.refresh_from_db()

    @admin.display(description="key")
    def masked_key(self, credential: ProviderCredential) -> SafeString:
        """Show the key's last characters."""
        return display.code(credential.hint)

    @admin.display(description="state", ordering="is_enabled")
    def state(self, credential: ProviderCredential) -> SafeString:
        """Show whether calls use it."""
        return display.label("in use", "good") if credential.is_enabled else display.label("off", "quiet")
