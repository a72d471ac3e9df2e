"""FRONTDESK_DATABASE_URL as Django's DATABASES entry. No message says more of the address than which part is wrong."""

import importlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from frontdesk.project.errors import ConfigurationError

SQLITE_TIMEOUT_S = 20
_PRAGMAS = (
    "PRAGMA synchronous=NORMAL; PRAGMA cache_size=-4000; PRAGMA mmap_size=134217728; PRAGMA temp_store=MEMORY; "
    "PRAGMA journal_size_limit=67108864"
)
_POSTGRES_DEFAULTS: Mapping[str, str | int] = {
    "connect_timeout": 5,
    "application_name": "frontdesk",
    # A server that is gone without a word is noticed after half a minute, not after the kernel's two hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}
_POSTGRES_PARAMETERS = {
    *_POSTGRES_DEFAULTS, "channel_binding", "gssencmode", "keepalives", "load_balance_hosts", "options", "passfile",
    "require_auth", "sslcert", "sslcertmode", "sslcrl", "sslcrldir", "sslkey", "sslmode", "sslnegotiation",
    "sslrootcert", "ssl_max_protocol_version", "ssl_min_protocol_version", "target_session_attrs",
}  # fmt: skip
"""What may follow the `?`: parameters of libpq that do not name the database, its user or its password."""

_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def parse(url: str, data_dir: Path) -> dict[str, Any]:
    """Translate the address; "" means SQLite in the data directory. ConfigurationError says what is wrong with it."""
    if not url:
        return _sqlite(data_dir / "db.sqlite3")
    try:
        address = urlsplit(url)
    except ValueError:  # its text quotes the address
        raise _refusal("it is no address; special characters of a password are written as %40 and the like") from None
    if address.scheme == "sqlite":
        if address.netloc or not address.path.removeprefix("/"):
            raise _refusal("a SQLite address is sqlite:////absolute/path or sqlite:///relative")
        return _sqlite(Path(unquote(address.path.removeprefix("/"))).absolute())
    if address.scheme in {"postgres", "postgresql"}:
        _require_psycopg()
        return _postgres(address)
    raise _refusal("it begins with neither sqlite:// nor postgres://")


def _refusal(reason: str) -> ConfigurationError:
    return ConfigurationError(f"FRONTDESK_DATABASE_URL is not valid: {reason}")


def _sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "frontdesk.project.sqlite",
        "NAME": str(path),
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": SQLITE_TIMEOUT_S,
            "init_command": _PRAGMAS,
        },
        "TEST": {"NAME": str(path.with_name("test.sqlite3"))},
    }


def _postgres(address: SplitResult) -> dict[str, Any]:
    if address.fragment or _PERCENT.search(address.netloc):
        raise _refusal("special characters of a password are written as %23 and the like")
    try:
        port = address.port
    except ValueError:
        raise _refusal(
            "its port is not a number, or a special character of its password is not written as %3A"
        ) from None
    name = unquote(address.path.removeprefix("/"))
    if not name:
        raise _refusal("it names no database after the host")
    if "/" in name:
        raise _refusal("there is more than a database's name after the host")
    parameters = _parameters(address.query)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(address.username or ""),
        "PASSWORD": unquote(address.password or ""),
        "HOST": parameters.pop("host", None) or unquote(address.hostname or ""),
        "PORT": str(port or ""),
        # The database threads keep their connections themselves; Django's views have one for each request.
        "CONN_MAX_AGE": 0,
        "OPTIONS": {**_POSTGRES_DEFAULTS, **parameters},
    }


def _parameters(query: str) -> dict[str, str]:
    """Read what follows the `?`; `host` is the directory of a Unix socket."""
    try:
        parameters = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True)) if query else {}
    except ValueError:
        raise _refusal("what follows its ? is not name=value&name=value") from None
    if unknown := sorted(parameters.keys() - _POSTGRES_PARAMETERS - {"host"}):
        # Part of a password with a ? in it would end up here, so that only what looks like a name is repeated.
        names = [name for name in unknown if name.isidentifier() and name.islower()]
        raise _refusal(f"unknown parameter {', '.join(names) or 'after its ?'}; known are sslmode and such of libpq")
    return parameters


def _require_psycopg() -> None:
    try:
        importlib.import_module("psycopg")  # only who uses PostgreSQL needs its driver
    except ImportError:
        raise ConfigurationError(
            "FRONTDESK_DATABASE_URL asks for PostgreSQL, but its driver is not installed: "
            "pip install '.[postgres]' in Frontdesk's folder"
        ) from None
