"""Every secret that a configuration holds, as text: what must never be seen in a log."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from frontdesk.project.secret_file import keys_in

if TYPE_CHECKING:
    from frontdesk.project.configuration import Configuration


def of(chosen: Configuration) -> list[str]:
    """List the secrets of the environment and of the key files that are there; nothing is made."""
    found = [entry.key.get_secret_value() for entry in chosen.provider_overlays]
    for name in type(chosen).model_fields:
        value = getattr(chosen, name)
        for secret in value if isinstance(value, tuple) else (value,):
            if isinstance(secret, SecretStr):
                found += _of_text(secret.get_secret_value())
    for path in (chosen.data_dir / "secret.key", chosen.master_key_file):
        found += _of_file(path)
    return [secret for secret in found if secret]


def _of_text(text: str) -> Iterator[str]:
    """Give the secret, or of an address the password alone: the rest of it may be shown."""
    if "://" not in text:
        yield text
        return
    with contextlib.suppress(ValueError):
        if password := urlsplit(text).password:
            yield from {password, unquote(password)}


def _of_file(path: Path) -> list[str]:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return list(keys_in(path.read_text()))
    return []
