"""What a job's child process runs: `python -m frontdesk.project.jobs.child_process`, its order on standard input.

Everything but Django is imported after Django is set up, as the order's function is.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from datetime import datetime
from functools import reduce
from typing import Any

import django

DONE, FAILED, LOST = 0, 1, 3
"""Exit statuses."""
_NICENESS = 10


def main() -> int:
    """Do what standard input orders, and give the exit status."""
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    os.nice(_NICENESS)
    django.setup()
    module, _, name = order["path"].partition(":")
    function: Any = reduce(getattr, name.split("."), importlib.import_module(module))
    return _run(function, order["lease"])


def _run(function: Any, fields: dict[str, Any]) -> int:
    leases = importlib.import_module("frontdesk.tenants.lease")
    held = leases.Lease(**{**fields, "due_at": datetime.fromisoformat(fields["due_at"])})
    try:
        with leases.running(held, lambda: None):
            function()
    except leases.LeaseLost:
        return LOST
    except Exception:  # the process's border
        logger = importlib.import_module("structlog").get_logger(__name__)
        logger.exception("job_failed", job=held.name)
        return FAILED
    return DONE


def _end_with_parent() -> None:
    # Not through sys.stdin, whose lock the interpreter needs at its end.
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(FAILED)  # at once: what a step has not committed is undone by the database


if __name__ == "__main__":
    sys.exit(main())
