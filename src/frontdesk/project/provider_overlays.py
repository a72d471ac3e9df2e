"""`LLM_PROVIDERS`: providers of the catalog, changed or added to by the environment. Parsing and its refusals.

The shape is `{"openai": {"api_key": "sk-...", "default_model": "gpt-4o-mini", "cost_per_1k_tokens": 0.002}}`. No
message repeats a value: any of them may be a key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NoReturn

from pydantic import SecretStr

from frontdesk.gateway import money
from frontdesk.gateway.providers import catalog, web_address
from frontdesk.gateway.providers.overlay import ProviderOverlay
from frontdesk.gateway.snapshot import SIMULATED
from frontdesk.project.operator_keys import OperatorKey

VARIABLE = "LLM_PROVIDERS"
TEXTS = ("api_key", "base_url", "default_model", "organization", "wire")
NAMES = (*TEXTS, "cost_per_1k_tokens", "enabled")

_PROVIDER = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_LONGEST_TEXT = 4096
_MOST_USD_PER_1K = 1000
_CATALOG = {row.name: row for row in catalog.PROVIDERS}


@dataclass(frozen=True, slots=True)
class OverlayEntry:
    """One provider's entry, with the key that calls to it are made with ("" when not given)."""

    overlay: ProviderOverlay
    key: SecretStr
    organization: str = ""


def parse(text: str) -> tuple[OverlayEntry, ...]:
    """Read the variable; ValueError says which entry is wrong and why."""
    try:
        given = json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON: give an object of provider names and their entries") from None
    if not isinstance(given, dict):
        raise ValueError("it is not a JSON object of provider names and their entries")
    return tuple(_entry(name, entry) for name, entry in given.items())


def with_overlays(keys: Iterable[OperatorKey], entries: Iterable[OverlayEntry]) -> list[OperatorKey]:
    """Join the entries' keys to those of variables of their own; ValueError where the two contradict each other.

    An address goes with the environment's key alone, so one without a key is refused: it would have no effect.
    """
    found = {key.provider: key for key in keys}
    for entry in entries:
        name, known = entry.overlay.name, found.get(entry.overlay.name)
        if not entry.overlay.is_enabled:
            found.pop(name, None)
            continue
        if entry.key.get_secret_value():
            if known and known.key.get_secret_value() != entry.key.get_secret_value():
                raise ValueError(f"{known.variable} and {VARIABLE} give different keys for {name}: leave one out")
            known = known or OperatorKey(provider=name, key=entry.key, variable=VARIABLE)
        elif known is None:
            if entry.overlay.base_url and name in _CATALOG:
                raise ValueError(
                    f"{VARIABLE} gives a base_url for {name} without api_key: keys that are stored for {name} are not "
                    "sent to another address"
                )
            continue
        if known.base_url and entry.overlay.base_url not in ("", known.base_url.rstrip("/")):
            raise ValueError(f"{name.upper()}_BASE_URL and {VARIABLE} give different addresses for {name}")
        found[name] = replace(
            known,
            base_url=entry.overlay.base_url or known.base_url,
            organization=entry.organization or known.organization,
        )
    return list(found.values())


def _no_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


def _entry(name: str, given: Any) -> OverlayEntry:
    if not _PROVIDER.fullmatch(name):
        raise ValueError("a provider's name is 1 to 40 of a-z, 0-9, _ and -, starting with a letter or a digit")
    if name == SIMULATED:
        raise ValueError(f"{name} is built in and cannot be changed")
    if not isinstance(given, dict):
        raise ValueError(f"the entry of {name} is not a JSON object")
    if unknown := sorted(set(given) - set(NAMES)):
        raise ValueError(f"the entry of {name} has the unknown field {unknown[0][:40]!r}; known: {', '.join(NAMES)}")
    texts = {field: _text(name, field, given.get(field, "")) for field in TEXTS}
    enabled = given.get("enabled", True)
    if not isinstance(enabled, bool):
        raise ValueError(f"enabled of {name} is not true or false")
    _check_place(name, texts)
    overlay = ProviderOverlay(
        name=name,
        wire=texts["wire"],
        base_url=texts["base_url"].rstrip("/"),
        default_model=texts["default_model"],
        nano_usd_per_mtok=_cost(name, given.get("cost_per_1k_tokens")),
        is_enabled=enabled,
    )
    return OverlayEntry(overlay, SecretStr(texts["api_key"]), texts["organization"])


def _text(name: str, field: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not (value.isascii() and value.isprintable()):
        raise ValueError(f"{field} of {name} is not a text of at most {_LONGEST_TEXT} printable ASCII characters")
    return value.strip()


def _check_place(name: str, texts: Mapping[str, str]) -> None:
    if texts["base_url"] and not web_address.is_usable(texts["base_url"]):
        raise ValueError(f"base_url of {name} is not an http:// or https:// address")
    if name not in _CATALOG:
        if texts["wire"] not in catalog.IMPLEMENTED_WIRES - {SIMULATED}:
            spoken = ", ".join(sorted(catalog.IMPLEMENTED_WIRES - {SIMULATED}))
            raise ValueError(f"{name} is not in the catalog, so its wire is needed: one of {spoken}")
        if not texts["base_url"]:
            raise ValueError(f"{name} is not in the catalog, so its base_url is needed")
    elif texts["wire"] not in ("", _CATALOG[name].wire):
        raise ValueError(f"the catalog says that {name} speaks {_CATALOG[name].wire}: leave out wire")


def _cost(name: str, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value <= _MOST_USD_PER_1K:
        raise ValueError(f"cost_per_1k_tokens of {name} is not an amount of USD from 0 to {_MOST_USD_PER_1K}")
    return money.from_usd(Decimal(value) * 1000)
