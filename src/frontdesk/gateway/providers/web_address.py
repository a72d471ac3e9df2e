"""Addresses of providers as people enter them: whether one can be used, and who is behind it."""

from __future__ import annotations

from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_usable(address: str) -> bool:
    """Tell whether a text is an http(s) address with a host, and without a user name, a password or a query."""
    try:
        parts = urlsplit(address)
        has_place = parts.scheme in _DEFAULT_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return has_place and parts.username is None and parts.password is None and not (parts.query or parts.fragment)


def is_elsewhere(before: str, after: str) -> bool:
    """Tell whether two addresses differ in more than the path; what cannot be read is elsewhere, "" is no address."""
    try:
        return _origin(before) != _origin(after)
    except ValueError:
        return True


def _origin(address: str) -> tuple[str, str, int | None]:
    """Give scheme, host and port: what decides who reads a key."""
    parts = urlsplit(address)
    port = _DEFAULT_PORTS.get(parts.scheme) if parts.port is None else parts.port
    return parts.scheme, (parts.hostname or "").rstrip("."), port
