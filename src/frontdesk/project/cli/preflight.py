"""What must be true before a command touches the database; each refusal says what to do."""

import importlib
import os
import sys
import tempfile
from pathlib import Path

import django
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader

from frontdesk.gateway import runtime
from frontdesk.gateway.vault import Vault, VaultError
from frontdesk.project.cli.errors import UsageError
from frontdesk.project.cli.runner import SETTINGS_MODULE


def prepare() -> None:
    """Load the settings and Django; ConfigurationError or UsageError if they do not allow a start."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS_MODULE)
    os.umask(0o077)  # conversations and sealed keys are nobody else's on this machine
    require_writable(settings.DATA_DIR)
    require_keys()
    django.setup()
    runtime.configure("frontdesk.server.wiring.build_gateway")


def prepare_to_serve() -> None:
    """Do what the runner does for commands that need the schema; `serve` asks for it where it serves."""
    prepare()
    require_current_schema()
    require_preferences()
    require_openable_secrets()
    connection.close()


def require_openable_secrets() -> None:
    """Refuse master keys that open no stored provider key at all; name what only some of them cannot open."""
    # The vault's rows load only after Django is set up.
    rotation = importlib.import_module("frontdesk.tenants.rotation")
    inventory = rotation.take_inventory(importlib.import_module("frontdesk.tenants.vault").current())
    if not inventory.unopenable:
        return
    named = ", ".join(f"tenant {one.tenant_id} for {one.provider} ({one.label})" for one in inventory.unopenable[:3])
    if len(inventory.unopenable) == inventory.stored.total():
        raise UsageError(
            f"none of the stored provider keys can be opened with LLM_MASTER_KEY ({named}): give the master key that "
            "sealed them, beside the new one"
        )
    sys.stderr.write(
        f"frontdesk: {len(inventory.unopenable)} stored provider keys cannot be opened ({named}): give the master key "
        "that sealed them, too, or enter them again\n"
    )


def require_preferences() -> None:
    """Refuse a preferred provider or model that does not exist: every call that leaves the choice would fail."""
    # The catalog's models load only after Django is set up.
    errors, _ = importlib.import_module("frontdesk.project.preferences").check(settings.CONFIGURATION)
    if errors:
        raise UsageError("; ".join(errors))


def require_keys() -> None:
    """Make or read the keys now: a damaged key file is told at the start, not at the first request."""
    if not settings.SECRET_KEY:
        raise UsageError("FRONTDESK_SECRET_KEY is empty")
    try:
        Vault(tuple(settings.LLM_MASTER_KEYS))
    except VaultError as error:
        source = "" if settings.CONFIGURATION.master_keys else f"{settings.DATA_DIR / 'master.key'} is damaged: "
        raise UsageError(f"{source}{error}") from None


def require_writable(directory: Path) -> None:
    """Make sure of a data directory that can be written to."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise UsageError(
            f"cannot write to the data directory {directory}: {error.strerror}; "
            "make it writable or set FRONTDESK_DATA_DIR"
        ) from None


def require_known_schema() -> MigrationLoader:
    """Refuse a database that a newer version has migrated."""
    try:
        loader = MigrationLoader(connection)
    except DatabaseError as error:
        raise UsageError(f"cannot open the database {_name()}: {error}") from None
    known = set(loader.disk_migrations or {})
    installed = {config.label for config in apps.get_app_configs()}
    unknown = sorted(f"{app}.{name}" for app, name in set(loader.applied_migrations) - known if app in installed)
    if unknown:
        raise UsageError(
            f"the database {_name()} was migrated by a newer version (it has {unknown[0]}): "
            "use that version of frontdesk, or another data directory"
        )
    return loader


def require_current_schema() -> None:
    """Refuse a database whose schema is not exactly this version's."""
    if connection.vendor == "sqlite" and not Path(_name()).exists():
        raise UsageError(f"there is no database at {_name()} yet: run `frontdesk migrate`")
    loader = require_known_schema()
    if set(loader.disk_migrations or {}) - set(loader.applied_migrations):
        raise UsageError(f"the database {_name()} is not up to date: run `frontdesk migrate`")


def _name() -> str:
    return str(connection.settings_dict["NAME"])
