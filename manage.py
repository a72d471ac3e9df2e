#!/usr/bin/env python
"""The `frontdesk` command under the name that Django's users look for; `manage.py migrate APP NAME` is Django's own."""

import sys

from frontdesk.project.cli import main
from frontdesk.project.cli.runner import run_django

if __name__ == "__main__":
    is_djangos_migrate = sys.argv[1:2] == ["migrate"] and len(sys.argv) > 2
    sys.exit(run_django(sys.argv[1:]) if is_djangos_migrate else main())
