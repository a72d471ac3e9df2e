"""The doors customers come through. Today: the chat widget on a website; one row is one script tag."""

from __future__ import annotations

import contextlib

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone as clock

from frontdesk.channels import keys, origins
from frontdesk.gateway.snapshot import AUTO
from frontdesk.tenants.tenancy import TenantOwned

__all__ = ["Widget"]

_COLOR = RegexValidator(r"\A#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})\Z", "Use a colour such as #2f5d50.")
_LOCALE = RegexValidator(r"\A[a-zA-Z]{2,3}(?:[-_][a-zA-Z0-9]{2,8}){0,3}\Z", "Use a language such as en or de-AT.")
_LONGEST_ANSWER_TOKENS = 32_000
_LONGEST_GREETING = 1_000
_LONGEST_INFO = 20_000


def validate_origins(value: object) -> None:
    """Refuse anything but a list of origins such as https://shop.example."""
    if not isinstance(value, list):
        raise ValidationError("Give a list of origins, each like https://shop.example; an empty list allows any site.")
    for item in value:
        try:
            origins.normalise(item)
        except ValueError as error:
            raise ValidationError(str(error)) from error


class Widget(TenantOwned):
    """A chat widget of a tenant. It is read anew for each message, so a change works at once.

    `key` is public: it names the tenant and nothing more. "auto" as provider and model leaves the choice to routing.
    An empty `business_info` leaves the tenant's own.
    """

    class Position(models.TextChoices):
        """Which lower corner of the page the widget sits in."""

        RIGHT = "right", "right"
        LEFT = "left", "left"

    key = models.CharField(max_length=40, unique=True, editable=False, default=keys.new_widget_key)
    name = models.CharField(max_length=200)
    title = models.CharField(max_length=80, default="Chat with us")
    subtitle = models.CharField(max_length=120, blank=True)
    greeting = models.TextField(
        blank=True, default="Hello! How can we help you?", validators=[MaxLengthValidator(_LONGEST_GREETING)]
    )
    placeholder = models.CharField(max_length=120, blank=True)
    accent_color = models.CharField(max_length=7, default="#2f5d50", validators=[_COLOR])
    position = models.CharField(max_length=5, choices=Position.choices, default=Position.RIGHT)
    locale = models.CharField(max_length=35, default="en", validators=[_LOCALE])
    allowed_origins = models.JSONField(default=list, blank=True, validators=[validate_origins])
    is_enabled = models.BooleanField(default=True)

    llm_enabled = models.BooleanField(default=True)
    llm_provider = models.CharField(max_length=40, blank=True, default=AUTO)
    llm_model = models.CharField(max_length=200, blank=True, default=AUTO)
    llm_temperature = models.FloatField(default=0.7, validators=[MinValueValidator(0.0), MaxValueValidator(2.0)])
    llm_max_tokens = models.PositiveIntegerField(
        default=500, validators=[MinValueValidator(1), MaxValueValidator(_LONGEST_ANSWER_TOKENS)]
    )
    fallback_to_knowledge_base = models.BooleanField(default=True)
    business_info = models.TextField(blank=True, validators=[MaxLengthValidator(_LONGEST_INFO)])

    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantOwned.Meta):
        abstract = False
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name

    @property
    def requested_model(self) -> str:
        """Give the model's name as the gateway takes it: `openai/gpt-x` where a provider is chosen too."""
        model = self.llm_model or AUTO
        return model if model == AUTO or self.llm_provider in ("", AUTO) else f"{self.llm_provider}/{model}"

    def clean(self) -> None:
        """Bring the origins to the form browsers send, without repeats."""
        super().clean()
        # Django calls this even when the field's own validator has refused; then there is nothing to bring in form.
        with contextlib.suppress(ValueError, TypeError):
            self.allowed_origins = list(dict.fromkeys(origins.normalise(item) for item in self.allowed_origins))
