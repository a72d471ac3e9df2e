"""Who uses Frontdesk: users, tenants, their settings, the keys they call with and the provider keys they lend."""

from __future__ import annotations

import zoneinfo
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone as clock

from frontdesk.gateway.vault import Sealed
from frontdesk.tenants import provider_addresses, scopes, setting
from frontdesk.tenants.audit import AuditEvent
from frontdesk.tenants.lease import JobLease
from frontdesk.tenants.roles import Role, scopes_of
from frontdesk.tenants.tenancy import Configuration, ConfigVersion, TenantOwned

__all__ = [
    "ApiKey",
    "ApiKeyUse",
    "AuditEvent",
    "ConfigVersion",
    "JobLease",
    "Member",
    "ProviderCredential",
    "Tenant",
    "TenantSettings",
    "User",
]

SETTINGS_OF_TENANT = frozenset({"timezone"})
"""Settings whose value is a column of Tenant, because queries need it."""


def validate_timezone(value: str) -> None:
    """Refuse a name that is not an IANA time zone."""
    if value not in zoneinfo.available_timezones():
        raise ValidationError(f"{value!r} is not a known time zone: use an IANA name such as Europe/Berlin")


class User(AbstractUser):
    """A person who signs in to the console."""


class Tenant(Configuration):
    """A business that Frontdesk answers for; the operator's own one is marked."""

    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=100, unique=True)
    timezone = models.CharField(max_length=64, default="UTC", validators=[validate_timezone])
    is_operator = models.BooleanField(default=False, editable=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_operator"], condition=models.Q(is_operator=True), name="one_operator_tenant"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the tenant; a new one gets its settings row in the same transaction."""
        is_new = self._state.adding
        with transaction.atomic(using=kwargs.get("using")):
            super().save(*args, **kwargs)
            if is_new:
                TenantSettings.unscoped.get_or_create(tenant=self)

    save.alters_data = True  # type: ignore[attr-defined]


class Member(TenantOwned):
    """A user's part in a tenant; what the role opens is in `tenants.roles`."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.AGENT)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta(TenantOwned.Meta):
        abstract = False
        ordering = ["tenant", "id"]
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="one_membership_per_tenant")]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"

    @property
    def scopes(self) -> frozenset[str]:
        """Give what the member may do now."""
        return scopes_of(self.role) if self.is_active else frozenset()


class ApiKey(TenantOwned, Configuration):
    """A client's key, of which only the sha256 digest is kept; `prefix` is enough to recognise it.

    After a rotation the secret before stays valid until `retired_until`.
    """

    name = models.CharField(max_length=200)
    prefix = models.CharField(max_length=16, editable=False)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    scopes = models.JSONField(default=list, validators=[scopes.validate])
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    rotated_at = models.DateTimeField(null=True, blank=True, editable=False)
    retired_digest = models.BinaryField(max_length=32, null=True, unique=True, editable=False)
    retired_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantOwned.Meta):
        abstract = False
        ordering = ["-id"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_valid(self) -> bool:
        """Tell whether the key opens anything now."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > clock.now())


class ApiKeyUse(TenantOwned):
    """When a key was last used, to a minute or so: beside the key, because a use is no change of configuration."""

    key = models.OneToOneField(ApiKey, on_delete=models.CASCADE, related_name="use")
    last_used_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        abstract = False
        verbose_name = "use of an API key"
        verbose_name_plural = "uses of API keys"

    def __str__(self) -> str:
        return f"key {self.key_id} used at {self.last_used_at:%Y-%m-%d %H:%M}"


class ProviderCredential(TenantOwned, Configuration):
    """A tenant's key at a model provider, sealed for this tenant. Lower `priority` is used first."""

    provider = models.SlugField(max_length=40)
    label = models.CharField(max_length=200, default="default")
    key_id = models.CharField(max_length=16, editable=False)
    ciphertext = models.BinaryField(editable=False)
    hint = models.CharField(max_length=16, editable=False)
    base_url = models.URLField(max_length=500, blank=True)
    organization = models.CharField(max_length=200, blank=True)
    priority = models.PositiveSmallIntegerField(default=100)
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantOwned.Meta):
        abstract = False
        ordering = ["provider", "priority", "id"]
        verbose_name = "provider key"
        constraints = [models.UniqueConstraint(fields=["tenant", "provider", "label"], name="one_credential_per_label")]

    def __str__(self) -> str:
        return f"{self.provider} {self.label} ({self.hint})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the key; ValidationError for another address without a new secret."""
        before = ProviderCredential.unscoped.filter(pk=self.pk).values_list("base_url", "ciphertext").first()
        if before is not None:
            is_new_secret = bytes(before[1]) != bytes(self.ciphertext)
            provider_addresses.check_of_key(before[0], self.base_url, is_new_secret=is_new_secret)
        super().save(*args, **kwargs)

    save.alters_data = True  # type: ignore[attr-defined]

    @property
    def sealed(self) -> Sealed:
        """Give the secret as it travels in the Snapshot."""
        return Sealed(self.key_id, bytes(self.ciphertext))


class ProviderKey:
    """An attribute of TenantSettings that writes a sealed ProviderCredential and reads back its mask."""

    def __init__(self, provider: str) -> None:
        self._provider = provider

    def __get__(self, instance: TenantSettings | None, owner: type[TenantSettings]) -> str:
        if instance is None:
            return ""
        # Services write models, so they cannot be imported when models load.
        from frontdesk.tenants import services  # noqa: PLC0415

        return services.masked_provider_key(instance.tenant_id, self._provider)

    def __set__(self, instance: TenantSettings, secret: str | None) -> None:
        from frontdesk.tenants import services  # noqa: PLC0415 (as above)

        services.set_provider_key(instance.tenant_id, self._provider, secret or "")


class TenantSettings(TenantOwned, Configuration):
    """A tenant's chosen settings; the schema, the defaults and the checks are in `tenants.setting`."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, related_name="settings")
    chosen = models.JSONField(default=dict, blank=True)

    openai_api_key = ProviderKey("openai")
    anthropic_api_key = ProviderKey("anthropic")
    gemini_api_key = ProviderKey("gemini")
    groq_api_key = ProviderKey("groq")
    together_api_key = ProviderKey("together")
    mistral_api_key = ProviderKey("mistral")
    cohere_api_key = ProviderKey("cohere")

    class Meta(TenantOwned.Meta):
        abstract = False
        verbose_name = "tenant settings"
        verbose_name_plural = "tenant settings"

    def __str__(self) -> str:
        return f"settings of tenant {self.tenant_id}"

    @property
    def typed(self) -> setting.SettingsSchema:
        """Give all settings as typed values."""
        return setting.parse({**self.chosen, "timezone": self.tenant.timezone})

    def get(self, name: str) -> Any:
        """Read one setting by name; ValidationError for a name that does not exist."""
        if name not in setting.NAMES:
            setting.parse({name: None})
        return getattr(self.typed, name)

    def clean(self) -> None:
        """Refuse chosen values that the schema refuses."""
        if not isinstance(self.chosen, dict):
            raise ValidationError("settings are a JSON object of names and values")
        if misplaced := SETTINGS_OF_TENANT & set(self.chosen):
            raise ValidationError(f"{', '.join(sorted(misplaced))} is set on the tenant itself")
        setting.parse(self.chosen)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the settings, if the schema accepts them."""
        self.clean()
        super().save(*args, **kwargs)

    save.alters_data = True  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> Any:
        """Read a setting as an attribute (`tenant.settings.business_name`)."""
        if name in setting.NAMES:
            return self.get(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        """Choose a setting as an attribute; it is checked and stored by `save`."""
        if name in SETTINGS_OF_TENANT:
            raise AttributeError(f"{name} is set with services.update_settings or on the tenant itself")
        if name in setting.NAMES:
            self.chosen = {**self.chosen, name: value}
        else:
            super().__setattr__(name, value)
