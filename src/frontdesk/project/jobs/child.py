"""A job in a child process: what computes for long must not keep the event loop of a serving process waiting.

A fresh interpreter, not a fork (threads run here), with a lower priority. It is handed the lease through its standard
input, and ends when that closes: a parent that was killed takes its child along.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import asdict
from datetime import datetime
from typing import IO, cast

from frontdesk.project.jobs.child_process import DONE, LOST
from frontdesk.project.jobs.job import Job
from frontdesk.project.jobs.run import Check, ChildFailed
from frontdesk.tenants.lease import Lease, LeaseLost

_POLL_S = 0.2
_END_S = 2.0
MODULE = f"{__package__}.child_process"


def in_child(job: Job, held: Lease, check: Check) -> None:
    """Run the job's function in a child process; it is killed when `check` raises. Fulfils `run.Execute`."""
    order = json.dumps({"path": job.path, "lease": asdict(held)}, default=datetime.isoformat)
    child = subprocess.Popen([sys.executable, "-m", MODULE], stdin=subprocess.PIPE)  # noqa: S603 (ourselves)
    leash = cast("IO[bytes]", child.stdin)
    try:
        _send(leash, order)
        code = _wait(child, check)
    finally:
        _end(child, leash)
    if code == LOST:
        raise LeaseLost(job.name)
    if code != DONE:
        raise ChildFailed(f"exit status {code}")


def _send(leash: IO[bytes], order: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # it ended already; its exit status is told
        leash.write(f"{order}\n".encode())
        leash.flush()


def _wait(child: subprocess.Popen[bytes], check: Check) -> int:
    while True:
        try:
            return child.wait(timeout=_POLL_S)
        except subprocess.TimeoutExpired:
            check()


def _end(child: subprocess.Popen[bytes], leash: IO[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError):
        leash.close()
    try:
        child.wait(timeout=_END_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
