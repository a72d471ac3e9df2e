"""Public names of channels: a widget's key."""

from __future__ import annotations

import re
import secrets

_PREFIX = "wk_"
_KEY_BYTES = 18
_SHAPE = re.compile(r"wk_[A-Za-z0-9_-]{24}")


def new_widget_key() -> str:
    """Make a key that nobody can guess: `wk_` and 24 URL-safe characters."""
    return _PREFIX + secrets.token_urlsafe(_KEY_BYTES)


def is_widget_key(value: str) -> bool:
    """Tell whether a text has the shape of a widget key, which saves the database a look for anything else."""
    return _SHAPE.fullmatch(value) is not None
