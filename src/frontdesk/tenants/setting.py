"""The settings that a tenant may choose: names, types, bounds, defaults. Stored as JSON, read as typed values."""

from __future__ import annotations

import difflib
import zoneinfo
from typing import Any

from django.core.exceptions import ValidationError
from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic import ValidationError as SchemaError

DEFAULT_REPLY = (
    "Thank you for your question. I cannot answer it right now, but our team will be happy to help: "
    "please leave your e-mail address or telephone number and we will get back to you."
)


_NO_EFFECT = "The operator can turn it off for all. No effect yet."


class SettingsSchema(BaseModel):
    """A tenant's settings, complete: what was not chosen has its default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    business_name: str = Field("", max_length=200, description="The name customers know the business by.")
    business_info: str = Field("", max_length=20_000, description="Facts about the business, given to the model.")
    persona: str = Field("", max_length=4_000, description="How replies should sound, given to the model.")
    default_model: str = Field("", max_length=200, description="The model for replies; empty leaves the choice.")
    enable_llm: bool = Field(True, description="Whether models may be asked at all.")
    fallback_to_knowledge_base: bool = Field(True, description="Whether knowledge entries may answer directly.")
    knowledge_confidence_threshold: float = Field(
        0.85, ge=0, le=1, description="The least confidence at which a knowledge entry answers without a model."
    )
    default_reply: str = Field(
        DEFAULT_REPLY, min_length=1, max_length=2_000, description="The reply when nothing else can answer."
    )
    temperature: float = Field(0.7, ge=0, le=2, description="The model's temperature for replies.")
    max_tokens: int = Field(500, ge=1, le=32_000, description="The longest reply asked of the model, in tokens.")
    enable_caching: bool = Field(True, description=f"Whether replies may come from the cache. {_NO_EFFECT}")
    enable_streaming: bool = Field(True, description=f"Whether replies are shown while they are written. {_NO_EFFECT}")
    enable_personality: bool = Field(
        True, description=f"Whether replies adapt to the customer's way of writing. {_NO_EFFECT}"
    )
    enable_memory: bool = Field(
        True, description=f"Whether summaries and facts of earlier conversations are kept. {_NO_EFFECT}"
    )
    enable_cost_alerts: bool = Field(
        True, description=f"Whether alerts are sent before budgets are used up. {_NO_EFFECT}"
    )
    enable_metrics: bool = Field(True, description=f"Whether summaries of calls are computed. {_NO_EFFECT}")
    timezone: str = Field("UTC", description="The zone of the tenant's days, as an IANA name.")

    @field_validator("*", mode="before")
    @classmethod
    def _without_nul(cls, value: object) -> object:
        return value.replace("\0", "") if isinstance(value, str) else value  # PostgreSQL knows none

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            zoneinfo.ZoneInfo(value)  # cached, where listing all zones reads the disk each time
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("not a known time zone: use an IANA name such as Europe/Berlin") from error
        return value


NAMES = tuple(SettingsSchema.model_fields)


def parse(values: dict[str, Any]) -> SettingsSchema:
    """Check chosen values and fill in the defaults; ValidationError that names every fault and the valid names."""
    try:
        return SettingsSchema.model_validate(values)
    except SchemaError as error:
        raise ValidationError([_sentence(fault["loc"], fault["msg"]) for fault in error.errors()]) from error


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    name = str(location[0]) if location else ""
    if name in NAMES:
        return f"setting {name}: {message.removeprefix('Value error, ')}"
    close = difflib.get_close_matches(name, NAMES, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"unknown setting {name!r}{hint}; valid names: {', '.join(NAMES)}"
