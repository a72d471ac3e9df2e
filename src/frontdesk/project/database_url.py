"""FRONTDESK_DATABASE_URL as Django's DATABASES entry."""

import importlib.util
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from frontdesk.project.errors import ConfigurationError

SQLITE_TIMEOUT_S = 20
_PRAGMAS = (
    "PRAGMA synchronous=NORMAL; PRAGMA cache_size=-4000; PRAGMA mmap_size=134217728; PRAGMA temp_store=MEMORY; "
    "PRAGMA journal_size_limit=67108864"
)


def parse(url: str, data_dir: Path) -> dict[str, Any]:
    """Translate the address; "" means SQLite in the data directory. ConfigurationError says what is wrong with it."""
    if not url:
        return _sqlite(data_dir / "db.sqlite3")
    address = urlsplit(url)
    if address.scheme == "sqlite":
        if address.netloc or not address.path.removeprefix("/"):
            raise ConfigurationError(
                "FRONTDESK_DATABASE_URL is not valid: a SQLite address is sqlite:////absolute/path or sqlite:///relative"
            )
        return _sqlite(Path(unquote(address.path.removeprefix("/"))).absolute())
    if address.scheme in {"postgres", "postgresql"}:
        return _postgres(url)
    raise ConfigurationError(
        f"FRONTDESK_DATABASE_URL is not valid: the scheme {address.scheme!r} is not one of sqlite, postgres"
    )


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


def _postgres(url: str) -> dict[str, Any]:
    if importlib.util.find_spec("psycopg") is None:
        raise ConfigurationError(
            "FRONTDESK_DATABASE_URL asks for PostgreSQL, but psycopg is not installed: pip install 'psycopg[binary]'"
        )
    try:
        address = urlsplit(url)
        port = address.port
    except ValueError:
        raise ConfigurationError("FRONTDESK_DATABASE_URL is not valid: its port is not a number") from None
    name = unquote(address.path.removeprefix("/"))
    if not name:
        raise ConfigurationError("FRONTDESK_DATABASE_URL is not valid: it names no database after the host")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(address.username or ""),
        "PASSWORD": unquote(address.password or ""),
        "HOST": address.hostname or "",
        "PORT": str(port or ""),
        "CONN_MAX_AGE": 0,
    }
