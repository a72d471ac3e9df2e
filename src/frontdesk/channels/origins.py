"""Web origins as browsers send them: scheme, host and a port that is not the scheme's own. Pure."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_LONGEST = 300


def normalise(value: object) -> str:
    """Give an origin in the browser's form: `HTTPS://Shop.Example:443` becomes `https://shop.example`.

    ValueError, with a message for whoever typed it, for all that is not `http(s)://host[:port]`.
    """
    complaint = f"{str(value)[:100]!r} is not an origin: use the form https://shop.example or http://localhost:3000"
    if not isinstance(value, str) or len(value) > _LONGEST or not value.isprintable():
        raise ValueError(complaint)
    try:
        parts = urlsplit(value.strip())
        port = parts.port
        host = _host(parts.hostname or "")
    except ValueError as error:
        raise ValueError(complaint) from error
    is_bare = parts.path in ("", "/") and not (parts.query or parts.fragment or "?" in value or "#" in value)
    if parts.scheme not in _DEFAULT_PORTS or not is_bare or "@" in parts.netloc or port == 0:
        raise ValueError(complaint)
    suffix = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{suffix}"


def _host(name: str) -> str:
    if ":" in name:
        return f"[{ipaddress.IPv6Address(name).compressed}]"
    host = name.encode("idna").decode("ascii").lower() if not name.isascii() else name.lower()
    if not _HOST.fullmatch(host):
        raise ValueError("not a host name")
    return host
