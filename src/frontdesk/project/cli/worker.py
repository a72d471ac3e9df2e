"""`frontdesk worker` and `frontdesk beat`: the jobs' processes where there is a broker."""

import argparse
import importlib
import importlib.util

from django.conf import settings

from frontdesk.project.cli.errors import UsageError
from frontdesk.project.jobs.table import JOBS


def run(arguments: argparse.Namespace) -> int:
    """Run jobs until told to stop."""
    broker_url = _broker_url("worker")
    if not settings.REDIS_URL:
        raise UsageError(
            "worker needs FRONTDESK_REDIS_URL: without Redis it would count budgets beside the serving process, "
            "and spend the limit again"
        )
    # Celery takes a quarter of a second to load: no other command needs it.
    application = importlib.import_module("frontdesk.project.celery").Application(JOBS, broker_url)
    status: int = importlib.import_module("frontdesk.project.jobs.worker").work(application, arguments.concurrency)
    return status


def beat(arguments: argparse.Namespace) -> None:
    """Ring for the jobs that are due until told to stop."""
    broker_url = _broker_url("beat")
    application = importlib.import_module("frontdesk.project.celery").Application(JOBS, broker_url)
    importlib.import_module("frontdesk.project.jobs.beat").beat(application)


def _broker_url(command: str) -> str:
    broker_url: str = settings.CONFIGURATION.broker_url.get_secret_value()
    if not broker_url:
        raise UsageError(
            f"{command} needs FRONTDESK_BROKER_URL (redis://host:6379/1); without a broker the serving process runs "
            "the jobs itself, and nothing else is to be started"
        )
    for package in ("celery", "redis"):
        if importlib.util.find_spec(package) is None:
            raise UsageError(
                f"{command} needs {package}, which is not installed: pip install '.[celery]' in Frontdesk's folder"
            )
    return broker_url
