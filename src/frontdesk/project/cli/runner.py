"""Runs a command: prepares what it needs, turns every failure into one line and an exit code."""

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Callable

from frontdesk.project.cli import parser
from frontdesk.project.cli.errors import CommandFailed, UsageError
from frontdesk.project.errors import ConfigurationError

SETTINGS_MODULE = "frontdesk.project.settings"

SHOWS_SECRETS = frozenset({"diffsettings"})
"""Django's commands that would print the settings as they are, keys included."""

DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130


def is_foreign(first: str) -> bool:
    """Tell whether the first argument is left to Django."""
    return not first.startswith("-") and first not in parser.command_names()


def run(arguments: argparse.Namespace) -> int:
    """Run a command of Frontdesk's own and give its exit code."""
    return guarded(lambda: _run(arguments))


def run_django(arguments: list[str]) -> int:
    """Run a management command of Django and give its exit code."""
    return guarded(lambda: _run_django(arguments))


def _run(arguments: argparse.Namespace) -> int:
    if arguments.needs != parser.NOTHING:
        _preflight(arguments.needs)
    command = getattr(importlib.import_module(arguments.module), arguments.function)
    result: int | None = command(arguments)
    return result or DONE


def _preflight(needs: str) -> None:
    # Django is loaded by those commands alone that use it: the others answer at once.
    preflight = importlib.import_module("frontdesk.project.cli.preflight")
    preflight.prepare()
    if needs == parser.DATABASE:
        preflight.require_known_schema()
    elif needs == parser.SCHEMA:
        preflight.require_current_schema()


def _run_django(arguments: list[str]) -> int:
    if arguments[0] in SHOWS_SECRETS:
        raise UsageError(f"{arguments[0]} prints secrets: use `frontdesk config`, which masks them")
    importlib.import_module("frontdesk.project.cli.preflight").prepare()
    management = importlib.import_module("django.core.management")
    if arguments[0] != "help" and arguments[0] not in management.get_commands():
        raise UsageError(f"there is no command {arguments[0]!r}: see frontdesk --help")
    management.execute_from_command_line(["frontdesk", *arguments])
    return DONE


def guarded(work: Callable[[], int]) -> int:
    """Give the exit code of some work; each of its failures becomes one line."""
    try:
        return work()
    except (ConfigurationError, UsageError) as error:
        return _fail(str(error), REFUSED)
    except CommandFailed as error:
        return _fail(str(error), FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output left; Python must not try to flush it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # noqa: BLE001 (the command's border)
        return _explain(error)


def _explain(error: Exception) -> int:
    """Tell an unforeseen error in one line; LOG_LEVEL=DEBUG shows where it came from."""
    refusals = importlib.import_module("frontdesk.project.cli.refusals")
    if (sentence := refusals.sentence(error)) is not None:
        return _fail(sentence, REFUSED)
    if os.environ.get("LOG_LEVEL", "").upper() == "DEBUG":
        traceback.print_exc()
    return _fail(f"{type(error).__name__}: {error} (set LOG_LEVEL=DEBUG to see where)", FAILED)


def _fail(sentence: str, code: int) -> int:
    sys.stderr.write(f"frontdesk: {' '.join(sentence.split())}\n")
    return code
