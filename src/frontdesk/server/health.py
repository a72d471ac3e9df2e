"""Liveness and readiness, told truthfully and cheaply."""

import asyncio
from typing import Any

import msgspec
from django.db import Error, connection

from frontdesk.gateway.snapshot import SIMULATED
from frontdesk.server.ending import Ending
from frontdesk.server.exchange import Exchange
from frontdesk.server.wiring import Process
from frontdesk.tenants import database

DATABASE_S = 2.0
"""How long the database may take to answer the probe."""
STALE_S = 10.0
"""How old the configuration in force may be before it is said."""


class HealthApi:
    """`/healthz` says that the process runs, `/readyz` whether it can do its work."""

    def __init__(self, process: Process, ending: Ending) -> None:
        """Take what the process runs on, and what tells whether it ends."""
        self._process = process
        self._ending = ending

    async def live(self, exchange: Exchange) -> None:
        """`GET /healthz`: 200 as long as the event loop turns."""
        await exchange.reply(200, msgspec.json.encode({"status": "alive"}))

    async def ready(self, exchange: Exchange) -> None:
        """`GET /readyz`: 200 when journal and database can be written, else 503 with the reasons.

        `degraded`, with 200, when everything is answered, though not as it should be: the warnings say how.
        """
        errors = await self._errors()
        is_redis_failing = self._process.is_redis_failing()
        warnings = [_NO_REDIS] if is_redis_failing else []
        snapshot = self._process.gateway.snapshot
        usable = [name for name in snapshot.providers if self._can_call(name)]
        if not usable:
            warnings.append("No provider key is set: the knowledge base answers alone.")
        journal = self._process.journal.health()
        body: dict[str, Any] = {
            "status": "unhealthy" if errors else "degraded" if is_redis_failing else "healthy",
            "providers": usable,
            "errors": errors,
            "warnings": warnings,
            "snapshot_version": snapshot.version,
            "snapshot_age_s": round(self._process.snapshots.age_s, 1),
            "journal": {"bytes": journal.bytes, "open_calls": journal.open_intents},
            "redis": None if is_redis_failing is None else "failing" if is_redis_failing else "ok",
            "is_draining": self._ending.has_begun,
        }
        await exchange.reply(503 if errors else 200, msgspec.json.encode(body))

    async def _errors(self) -> list[str]:
        if self._ending.has_begun:
            return ["This process is ending: it finishes what runs and takes nothing new."]
        errors = []
        journal = self._process.journal.health()
        if not journal.is_writable:
            errors.append(f"The journal cannot be written, so no model is asked: {journal.last_error}")
        elif self._process.drain.is_failing:
            errors.append("The database does not take the ledger's rows; calls wait in the journal.")
        try:
            async with asyncio.timeout(DATABASE_S):
                await database.run(_ask_database)
        except (Error, TimeoutError):
            errors.append("The database does not answer.")
        if self._process.snapshots.is_failing or self._process.snapshots.age_s > STALE_S:
            errors.append("The configuration cannot be read; what was read last is in force. The log says why.")
        return errors

    def _can_call(self, provider: str) -> bool:
        snapshot = self._process.gateway.snapshot
        return snapshot.providers[provider].wire != SIMULATED and snapshot.is_usable(snapshot.operator_id, provider)


_NO_REDIS = (
    "Redis does not answer: budgets of money and credits refuse, rates are counted in each process, "
    "and changes of the configuration take up to a second."
)


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
