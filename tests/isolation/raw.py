"""The raw routes on a real configuration and database, with a provider that answers from a script."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from frontdesk.gateway import runtime
from frontdesk.gateway.journal.record import Intent, Settled
from frontdesk.gateway.messages import Reply, Usage
from frontdesk.server import wiring
from frontdesk.server.app import Application, _guarded
from frontdesk.server.exchange import CONNECTION, Exchange
from frontdesk.server.gateway_api import GatewayApi
from frontdesk.server.health import HealthApi
from frontdesk.server.webchat_api import WebchatApi
from frontdesk.tenants import database
from tests.fakes.gateway import ListJournal, ScriptedProvider, gateway

ANSWER = Reply(id="r", model="gpt-4o-mini", text="hello", usage=Usage(uncached_input=1, output=1))


@dataclass
class Answer:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace") + repr(self.headers)


class Server:
    """Frontdesk's raw handlers, asked one request at a time."""

    def __init__(self) -> None:
        self.journal = ListJournal()
        snapshot = wiring.read_snapshot()
        self._gateway = gateway(ScriptedProvider(ANSWER), self.journal, configuration=snapshot)

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """One request, on a loop of its own."""
        runtime.install(self._gateway)
        try:
            return asyncio.run(self._ask(method, path, body, headers or {}))
        finally:
            runtime.install(None)
            database.shutdown()

    def tenants_billed(self) -> set[int]:
        """Whose calls the journal holds."""
        found = [record for record in self.journal.records if isinstance(record, Intent | Settled)]
        return {getattr(record, "intent", record).caller.tenant_id for record in found}

    async def _ask(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
        application = self._mounted()
        sent: list[Any] = []
        incoming = deque([{"type": "http.request", "body": b"" if body is None else json.dumps(body).encode()}])

        async def receive() -> Any:
            return incoming.popleft()

        async def send(message: Any) -> None:
            sent.append(message)

        fields = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http",
            "path": path,
            "method": method,
            "scheme": "http",
            "headers": [(b"host", b"localhost"), *fields],
            "client": ("127.0.0.1", 4711),
            CONNECTION: SimpleNamespace(when_lost=None),
        }
        handler = application._handler(path)
        assert handler is not None, f"{path} goes to Django"
        await _guarded(handler, Exchange(scope, receive, send))
        start = sent[0]
        return Answer(start["status"], list(start["headers"]), b"".join(part["body"] for part in sent[1:]))

    def _mounted(self) -> Application:
        async def refresh_for_unknown() -> None:
            """The configuration does not change here."""

        snapshots: Any = SimpleNamespace(refresh_for_unknown=refresh_for_unknown, is_failing=False, age_s=0.0)
        process: Any = SimpleNamespace(
            gateway=self._gateway,
            snapshots=snapshots,
            journal=SimpleNamespace(health=lambda: SimpleNamespace(is_writable=True, bytes=0, open_intents=0)),
            drain=SimpleNamespace(is_failing=False),
            is_redis_failing=lambda: None,
        )
        ending: Any = SimpleNamespace(has_begun=False)
        application = object.__new__(Application)
        application._mount(
            GatewayApi(self._gateway, snapshots), WebchatApi(self._gateway, snapshots), HealthApi(process, ending)
        )
        return application
