"""A gateway that answers from a script, for tests of whoever asks one."""

from collections.abc import AsyncIterator, Sequence

from frontdesk.gateway.errors import GatewayError
from frontdesk.gateway.journal.record import Caller
from frontdesk.gateway.messages import Delta, Reply, Request


class FakeGateway:
    """Plays one script: a Reply or an error for a whole answer, batches of deltas and errors for a stream."""

    def __init__(
        self,
        *script: Reply | GatewayError | Sequence[Delta],
        can_serve: bool = True,
        refuses_at_once: GatewayError | None = None,
    ) -> None:
        self.asked: list[tuple[Request, Caller]] = []
        self.is_closed = False
        self.batches_given = 0
        self._script = script
        self._can_serve = can_serve
        self._refuses_at_once = refuses_at_once

    def can_serve(self, tenant_id: int, model: str) -> bool:
        return self._can_serve

    async def complete(self, request: Request, caller: Caller) -> Reply:
        self.asked.append((request, caller))
        (step,) = self._script
        if isinstance(step, GatewayError):
            raise step
        assert isinstance(step, Reply)
        return step

    def stream(self, request: Request, caller: Caller) -> AsyncIterator[Sequence[Delta]]:
        if self._refuses_at_once is not None:
            raise self._refuses_at_once
        self.asked.append((request, caller))
        return self._play()

    async def _play(self) -> AsyncIterator[Sequence[Delta]]:
        try:
            for step in self._script:
                if isinstance(step, GatewayError):
                    raise step
                assert not isinstance(step, Reply)
                self.batches_given += 1
                yield step
        finally:
            self.is_closed = True
