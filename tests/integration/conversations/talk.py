"""How these tests speak to the reply engine, and a database function that stands still until it is let go."""

import threading
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from frontdesk.conversations.reply.contract import Inbound, StreamEvent
from frontdesk.conversations.reply.engine import AIAgentService
from frontdesk.tenants.models import Tenant

LIMIT_S = 10.0


def inbound(tenant: Tenant, text: str = "What are your opening hours?", **changes: Any) -> Inbound:
    return Inbound(tenant_id=tenant.pk, message_text=text, request_id="r-1", **{"widget_id": 9, **changes})


async def events_of(service: AIAgentService, message: Inbound) -> list[StreamEvent]:
    async with aclosing(service.stream(message)) as events:
        return [event async for event in events]


class Held:
    """A database function whose caller waits, on its database thread, until `let_go`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.entered = threading.Event()
        self.let_go = threading.Event()
        self._function = function

    def __call__(self, *args: Any) -> Any:
        self.entered.set()
        assert self.let_go.wait(LIMIT_S)
        return self._function(*args)
