"""The schedule: every job there is, in one place.

Journals of dead processes are not here: they lie on a machine's disk, which a job that runs somewhere else cannot
see. Each process that keeps a journal adopts them (`usage.drain`), and so does each worker when it starts.
"""

from __future__ import annotations

from frontdesk.conversations import tasks as conversations
from frontdesk.project.jobs.job import Job
from frontdesk.project.jobs.schedule import Daily, Every
from frontdesk.tenants import tasks as tenants
from frontdesk.usage import tasks as usage

MINUTE_S = 60

JOBS: tuple[Job, ...] = (
    Job(
        name="conversations.fail_abandoned_turns",
        function=conversations.fail_abandoned_turns,
        schedule=Every(5 * MINUTE_S),
        time_limit_s=2 * MINUTE_S,
    ),
    Job(
        name="tenants.clear_sessions",
        function=tenants.clear_sessions,
        schedule=Daily(3, 17),
        time_limit_s=10 * MINUTE_S,
    ),
    Job(
        name="usage.forecast_budgets",
        function=usage.forecast_budgets,
        schedule=Every(MINUTE_S),
        time_limit_s=2 * MINUTE_S,
    ),
    Job(
        name="usage.purge_counters",
        function=usage.purge_counters,
        schedule=Daily(3, 47),
        time_limit_s=10 * MINUTE_S,
    ),
)
