"""What the pipeline needs from the outside, as small Protocols; `server.wiring` chooses who fulfils them."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from frontdesk.gateway.journal.record import Record
from frontdesk.gateway.messages import Delta, Reply, Request
from frontdesk.gateway.snapshot import Snapshot, Target


class SnapshotSource(Protocol):
    """Holds the configuration in force."""

    @property
    def current(self) -> Snapshot:
        """Give the newest Snapshot; keep it for the whole of a request."""
        ...


class Journal(Protocol):
    """Keeps a record of every call; what `append` returned from is on disk even if the process is killed next."""

    def append(self, record: Record) -> None:
        """Write one record. JournalUnavailable if it cannot be written whole; then the call must not be made."""
        ...


class ProviderPort(Protocol):
    """A way to ask models; one for each wire format. All errors are GatewayErrors.

    Cancelling the task or closing the iterator closes the upstream connection at once.
    """

    async def complete(self, request: Request, target: Target) -> Reply:
        """Ask and wait for the whole answer."""
        ...

    def stream(self, request: Request, target: Target) -> AsyncGenerator[Sequence[Delta], None]:
        """Ask and yield the answer as it arrives, in batches of what came together.

        Ends normally only after the provider's own terminal event; anything else raises ProviderError.
        """
        ...
