#!/usr/bin/env python
"""Django's own way to run management commands; `frontdesk` offers the same and more."""

import os
import sys

from django.core.management import execute_from_command_line

from frontdesk.project.errors import ConfigurationError


def main() -> int:
    """Run the management command that the arguments name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "frontdesk.project.settings")
    try:
        execute_from_command_line(sys.argv)
    except ConfigurationError as error:
        sys.stderr.write(f"manage.py: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
