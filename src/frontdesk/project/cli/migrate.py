"""`frontdesk migrate`: schema and catalog, as often as one likes."""

import argparse
import contextlib
import fcntl
import sys
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.core.management import call_command, get_commands
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from frontdesk.project.cli import output

CATALOG_COMMAND = "setup_llm_providers"


def run(arguments: argparse.Namespace) -> None:
    """Bring the database to this version's schema and load the model catalog."""
    before = _applied()
    # What the steps have to say is for people; standard output is kept for the result.
    with _alone(settings.DATA_DIR / "migrate.lock"), contextlib.redirect_stdout(sys.stderr):
        call_command("migrate", interactive=False, verbosity=0)
        if CATALOG_COMMAND in get_commands():
            call_command(CATALOG_COMMAND)
    made = sorted(f"{app}.{name}" for app, name in _applied() - before)
    if arguments.as_json:
        output.print_json({"applied": made})
    else:
        output.print_line(f"{len(made)} migrations applied" if made else "the database is up to date")


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let a second `migrate` that was started meanwhile wait: two at once would make the same tables."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _applied() -> set[tuple[str, str]]:
    return set(MigrationRecorder(connection).applied_migrations())
