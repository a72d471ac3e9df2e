"""`frontdesk jobs`: what runs by the clock, when next, and how it went."""

import argparse
from typing import Any

from django.conf import settings

from frontdesk.project.cli import output
from frontdesk.project.jobs.job import Job
from frontdesk.project.jobs.table import JOBS
from frontdesk.tenants import lease as leases
from frontdesk.tenants.lease import JobLease

COLUMNS = ["job", "schedule", "due_at", "state", "started_at", "ended_at", "runs", "failures", "error_class"]


def run(arguments: argparse.Namespace) -> None:
    """List the jobs with their rows."""
    rows = {row.name: row for row in JobLease.objects.all()}
    listed = [_shown(job, rows.get(job.name)) for job in JOBS]
    if arguments.as_json:
        output.print_json({"runs_in": _place(), "jobs": listed})
        return
    output.print_table([{**one, **_short(one)} for one in listed], COLUMNS, "no jobs")
    output.print_line(f"run by: {_place()}")


def _place() -> str:
    return "worker" if settings.CONFIGURATION.broker_url.get_secret_value() else "serve"


def _shown(job: Job, row: JobLease | None) -> dict[str, Any]:
    shown = {"job": job.name, "schedule": str(job.schedule), "time_limit_s": job.time_limit_s}
    if row is None:
        return {**shown, "state": "never run", "runs": 0, "failures": 0}
    return {
        **shown,
        "state": _state(row),
        "due_at": row.due_at,
        "started_at": row.started_at,
        "ended_at": row.ended_at,
        "runs": row.runs,
        "failures": row.failures,
        "error_class": row.error_class,
        "owner": row.owner,
    }


def _state(row: JobLease) -> str:
    if row.owner:
        return "running" if row.expires_at > leases.database_now() else "abandoned"
    return row.outcome or "never run"


def _short(shown: dict[str, Any]) -> dict[str, str]:
    times = {name: shown.get(name) for name in ("due_at", "started_at", "ended_at")}
    return {name: f"{at:%Y-%m-%d %H:%M:%S}" if at else "" for name, at in times.items()}
