"""A tenant's settings as fields of a form, made from the schema, so that a new setting appears by itself."""

from __future__ import annotations

from typing import Any

import annotated_types
from django import forms
from django.core.exceptions import ValidationError
from pydantic.fields import FieldInfo

from frontdesk.console import inputs
from frontdesk.tenants import setting

SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Business", ("business_name", "business_info", "persona")),
    ("Replies", ("default_reply", "fallback_to_knowledge_base", "knowledge_confidence_threshold")),
    ("Models", ("enable_llm", "default_model", "temperature", "max_tokens")),
)
"""Settings that belong together; those not named here come under OTHERS."""
OTHERS = "Privacy and others"
_ON_THE_TENANT = frozenset({"timezone"})
_LONG_TEXT = 500
NAMES = tuple(name for name in setting.NAMES if name not in _ON_THE_TENANT)
_LABELS = {
    "business_info": "Facts about the business",
    "enable_llm": "Models may answer",
    "fallback_to_knowledge_base": "Knowledge entries may answer",
    "knowledge_confidence_threshold": "Confidence needed for a knowledge entry",
    "max_tokens": "Longest reply, in tokens",
    "default_reply": "Friendly default",
}


def fields() -> dict[str, forms.Field]:
    """Make a field for each setting, with its bounds, its default and its description."""
    return {name: _field(name, setting.SettingsSchema.model_fields[name]) for name in NAMES}


def sections() -> list[tuple[str, tuple[str, ...]]]:
    """Give all settings in sections, in the order of the form."""
    placed = {name for _, names in SECTIONS for name in names}
    others = tuple(name for name in NAMES if name not in placed)
    known = [(title, tuple(name for name in names if name in NAMES)) for title, names in SECTIONS]
    return [*known, *([(OTHERS, others)] if others else [])]


def choices_made(form: forms.BaseForm) -> dict[str, Any]:
    """Read a valid form's settings; None where the field is empty or as the default has it."""
    values = {name: form.cleaned_data.get(name) for name in NAMES}
    defaults = setting.parse({})
    return {name: None if value in ("", None, getattr(defaults, name)) else value for name, value in values.items()}


def check(form: forms.BaseForm) -> None:
    """Put each setting that the schema refuses among the form's errors, at its own field."""
    for name, value in choices_made(form).items():
        if value is None or name in form.errors:
            continue
        try:
            setting.parse({name: value})
        except ValidationError as error:
            form.add_error(name, [message.removeprefix(f"setting {name}: ") for message in error.messages])


def _field(name: str, info: FieldInfo) -> forms.Field:
    label = _LABELS.get(name, name.replace("_", " ").capitalize())
    arguments: dict[str, Any] = {"label": label, "required": False, "help_text": info.description or ""}
    if info.annotation is bool:
        return forms.BooleanField(**arguments, widget=inputs.Switch())
    if info.annotation in (int, float):
        return _number(info, arguments)
    longest = next((bound.max_length for bound in info.metadata if isinstance(bound, annotated_types.MaxLen)), None)
    if name == "default_model":
        widget: forms.Widget = inputs.ModelName()
    else:
        widget = inputs.LongText() if longest is None or longest >= _LONG_TEXT else inputs.Text()
    return forms.CharField(**arguments, max_length=longest, widget=widget)


def _number(info: FieldInfo, arguments: dict[str, Any]) -> forms.Field:
    lowest = next((bound.ge for bound in info.metadata if isinstance(bound, annotated_types.Ge)), None)
    highest = next((bound.le for bound in info.metadata if isinstance(bound, annotated_types.Le)), None)
    arguments["help_text"] += f" From {lowest} to {highest}; empty is the default, {info.default}."
    arguments |= {"min_value": lowest, "max_value": highest, "widget": inputs.Number(attrs={"step": "any"})}
    return forms.IntegerField(**arguments) if info.annotation is int else forms.FloatField(**arguments)
