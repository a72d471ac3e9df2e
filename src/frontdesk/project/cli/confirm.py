"""Asking before something is changed; knows not what."""

import sys

from frontdesk.project.cli.errors import UsageError


def is_confirmed(question: str, *, has_said_yes: bool) -> bool:
    """Tell whether the person agrees: with --yes, or at the terminal. UsageError where there is nobody to ask."""
    if has_said_yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("nothing was changed: there is no terminal to ask at, so say --yes (or --dry-run to look)")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
