"""What the pipeline needs from the outside, as small Protocols; `server.wiring` chooses who fulfils them."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

import msgspec

from frontdesk.gateway.budgets.terms import Amounts
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


class Claim(msgspec.Struct, frozen=True):
    """One limit that a call must keep: a counter, what it may come to, and when it is over."""

    key: str
    """`budgets.terms.counter_unit_key`."""
    unit: int
    """The place in Amounts."""
    limit: int
    ends_at_ns: int
    """The end of the counter's window; it is kept a while longer, for calls that began in it."""


class Verdict(msgspec.Struct, frozen=True):
    """What a store says to a reservation: `refused` is the place of the first claim that does not allow it, or -1.

    `left` is what each claim had left before: limit - settled - reserved, not below 0.
    """

    refused: int
    left: tuple[int, ...]


class StoreUnavailable(Exception):
    """The store cannot be asked now; nothing was reserved."""


class BudgetStore(Protocol):
    """Counts what is settled and what is reserved against limits, for all processes that share it."""

    async def reserve(self, reservation: bytes, claims: Sequence[Claim], need: Amounts, want: Amounts) -> Verdict:
        """Reserve against all claims, or against none if one has less left than `need`.

        Of each claim min(want, left) is reserved; a claim of which nothing is needed is counted all the same. Calling
        again with a reservation that is held replaces it. StoreUnavailable; then nothing is held.
        """
        ...

    def settle(self, reservation: bytes, actual: Amounts) -> None:
        """Put what was really spent in place of what was reserved, whatever the limits are. Never fails or waits.

        An unknown reservation (settled before, or returned after its process seemed dead) changes nothing.
        """
        ...
