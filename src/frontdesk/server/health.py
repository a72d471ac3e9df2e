"""Liveness and readiness, told truthfully and cheaply."""

import msgspec
from django.db import DatabaseError, connection

from frontdesk.gateway.snapshot import SIMULATED
from frontdesk.server.exchange import Exchange
from frontdesk.server.wiring import Process
from frontdesk.tenants import database


class HealthApi:
    """`/healthz` says that the process runs, `/readyz` whether it can do its work."""

    def __init__(self, process: Process) -> None:
        """Take what the process runs on."""
        self._process = process

    async def live(self, exchange: Exchange) -> None:
        """`GET /healthz`: 200 as long as the event loop turns."""
        await exchange.reply(200, msgspec.json.encode({"status": "alive"}))

    async def ready(self, exchange: Exchange) -> None:
        """`GET /readyz`: 200 when journal and database can be written, else 503 with the reasons."""
        errors = []
        journal = self._process.journal.health()
        if not journal.is_writable:
            errors.append(f"The journal cannot be written, so no model is asked: {journal.last_error}")
        elif self._process.drain.is_failing:
            errors.append("The database does not take the ledger's rows; calls wait in the journal.")
        try:
            await database.run(_ask_database)
        except DatabaseError:
            errors.append("The database does not answer.")
        if self._process.snapshots.is_failing:
            errors.append("The configuration cannot be read; what was read last is in force. The log says why.")
        snapshot = self._process.gateway.snapshot
        usable = [name for name in snapshot.providers if self._can_call(name)]
        body = {
            "status": "unhealthy" if errors else "healthy",
            "providers": usable,
            "errors": errors,
            "warnings": [] if usable else ["No provider key is set: the knowledge base answers alone."],
            "snapshot_version": snapshot.version,
            "journal": {"bytes": journal.bytes, "open_calls": journal.open_intents},
        }
        await exchange.reply(503 if errors else 200, msgspec.json.encode(body))

    def _can_call(self, provider: str) -> bool:
        snapshot = self._process.gateway.snapshot
        return snapshot.providers[provider].wire != SIMULATED and snapshot.is_usable(snapshot.operator_id, provider)


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
