"""The console's own form inputs: unfold's looks for what a plain form cannot have by itself."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from frontdesk.usage.models import LLMModel

if TYPE_CHECKING:
    from django.forms import CheckboxInput as Switch
    from django.forms import CheckboxSelectMultiple as Checkboxes
    from django.forms import ColorInput as Color
    from django.forms import NumberInput as Number
    from django.forms import PasswordInput as _Password
    from django.forms import Select
    from django.forms import Textarea as _Textarea
    from django.forms import TextInput as Text
else:
    from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget as Checkboxes
    from unfold.widgets import UnfoldAdminColorInputWidget as Color
    from unfold.widgets import UnfoldAdminDecimalFieldWidget as Number
    from unfold.widgets import UnfoldAdminPasswordWidget as _Password
    from unfold.widgets import UnfoldAdminSelectWidget as Select
    from unfold.widgets import UnfoldAdminTextareaWidget as _Textarea
    from unfold.widgets import UnfoldAdminTextInputWidget as Text
    from unfold.widgets import UnfoldBooleanSwitchWidget as Switch

__all__ = [
    "Checkboxes",
    "Color",
    "Lines",
    "LongText",
    "ModelName",
    "Number",
    "Secret",
    "Select",
    "Switch",
    "Text",
    "Words",
    "offer",
]

_MAX_SUGGESTED = 200
_LINES_SHOWN = 4


class LongText(_Textarea):
    """Text of several lines."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs={"rows": _LINES_SHOWN, **(attrs or {})})


class _Suggesting(Text):
    """A text with suggestions, which the browser narrows down as one types; a long select would be slow."""

    def suggestions(self) -> Iterable[str]:
        """List what is suggested."""
        return ()

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        """Show the input and the list it suggests from."""
        listed = f"{name}-suggestions"
        shown = super().render(name, value, {**(attrs or {}), "list": listed, "autocomplete": "off"}, renderer)
        options = format_html_join("", '<option value="{}"></option>', ((text,) for text in self.suggestions()))
        return SafeString(f'{shown}<datalist id="{listed}">{options}</datalist>')


class ModelName(_Suggesting):
    """A model's full name, with the catalog's best models as suggestions."""

    def suggestions(self) -> Iterable[str]:
        """List the best models that can be called."""
        rows = LLMModel.objects.filter(is_enabled=True, provider__is_enabled=True).order_by("quality_rank", "name")
        names = rows.values_list("provider__name", "name")[:_MAX_SUGGESTED]
        return [f"{provider}/{model}" for provider, model in names]


class TimeZone(_Suggesting):
    """The name of a time zone."""

    def suggestions(self) -> Iterable[str]:
        """List all zones."""
        return sorted(zoneinfo.available_timezones())


def offer(field: forms.Field, choices: Iterable[tuple[Any, str]]) -> None:
    """Set what a field that was declared as a choice offers."""
    field.choices = list(choices)  # type: ignore[attr-defined]  # a form's fields are known by name only


class Secret(_Password):
    """A key that is entered and never shown again; browsers are told not to keep it."""

    def __init__(self) -> None:
        super().__init__(attrs={"autocomplete": "new-password", "spellcheck": "false"}, render_value=False)


class Lines(forms.CharField):
    """A list of texts, one on each line."""

    widget: type[forms.Widget] = LongText

    def prepare_value(self, value: Any) -> Any:
        """Show a list as lines."""
        return "\n".join(str(item) for item in value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Read lines as a list; empty ones are left out."""
        return [line.strip() for line in (super().to_python(value) or "").splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare as lists."""
        return bool((initial or []) != self.to_python(data))


class Words(Lines):
    """A list of short texts, separated by commas."""

    widget = Text

    def prepare_value(self, value: Any) -> Any:
        """Show a list with commas."""
        return ", ".join(str(item) for item in value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Read a list, without repeats."""
        text = forms.CharField.to_python(self, value) or ""
        return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
