"""The way of a request: resolve → reserve → intent → call → settled record → settle. The only place where steps meet.

Every attempt at a provider is one call: its intent is on disk before the provider is asked, its settled record before
the client sees the end of the answer, whatever happens in between (an error, a client that leaves, a cancelled task).
"""

from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import aclosing, suppress
from types import TracebackType
from typing import Any, Self

import msgspec
import structlog

from frontdesk.gateway import pricing, tokens
from frontdesk.gateway.budgets.engine import Budgets, Reservation
from frontdesk.gateway.budgets.terms import LimitState, spent
from frontdesk.gateway.clock import Clock, uuid7_bytes
from frontdesk.gateway.errors import BudgetExhausted, CallerError, Decision, GatewayError, InternalError, ProviderError
from frontdesk.gateway.journal.record import Caller, CallStatus, Intent, Settled
from frontdesk.gateway.messages import Delta, ImagePart, Reply, Request, Usage
from frontdesk.gateway.ports import Journal, ProviderPort, SnapshotSource
from frontdesk.gateway.snapshot import Snapshot, Target

logger = structlog.get_logger()

_MOST_TARGETS = 10_000
_MOST_HELD_DELTAS = 1_000
_MOST_HELD_BYTES = 1024 * 1024
_NOTHING_USED = Usage(source="estimated")


class Gateway:
    """Asks models on behalf of tenants. Belongs to one event loop once the first request is made."""

    def __init__(
        self,
        *,
        snapshots: SnapshotSource,
        providers: Mapping[str, ProviderPort],
        journal: Journal,
        budgets: Budgets,
        clock: Clock,
    ) -> None:
        """Take the ports; `providers` is keyed by wire format."""
        self._snapshots = snapshots
        self._providers = providers
        self._journal = journal
        self._budgets = budgets
        self._clock = clock
        self._targets_of: Snapshot | None = None
        self._targets: dict[tuple[int, str], Target] = {}

    @property
    def snapshot(self) -> Snapshot:
        """Give the configuration in force."""
        return self._snapshots.current

    @property
    def clock(self) -> Clock:
        """Give the clock that calls are timed with."""
        return self._clock

    def can_serve(self, tenant_id: int, model: str) -> bool:
        """Tell whether a call of the tenant for `model` would reach a provider."""
        try:
            target = self.snapshot.resolve(tenant_id, model)
        except CallerError:
            return False
        return target.provider.wire in self._providers

    async def complete(self, request: Request, caller: Caller) -> Reply:
        """Ask and wait for the whole answer; any failure is a GatewayError and on record."""
        call = await self._open(request, caller)
        with call:
            reply = await call.provider.complete(call.request, call.target)
        call.succeed(reply)
        return msgspec.structs.replace(reply, served_by=call.target.model.id, limits=call.limits())

    def stream(self, request: Request, caller: Caller) -> "Stream":
        """Ask and give the answer as it arrives: `async for batch in stream`, `aclose()` to leave early.

        Nothing comes before the first content, so that until then a failure can still be told by a status. Ends
        normally only when the answer is whole; any failure is raised as a GatewayError and on record.
        """
        return Stream(self._open(request, caller))

    async def _open(self, request: Request, caller: Caller) -> "_Call":
        """Find who answers within the budgets, and write the call's intent. Nothing is held where this fails."""
        if caller.session_key or caller.ip_key:
            caller = _counted(self.snapshot, caller)
        target = self._target(caller.tenant_id, request.model)
        self._require_wire(target)
        try:
            return await self._reserve(request, caller, target)
        except BudgetExhausted as error:
            exhausted = error
        if exhausted.policy == "degrade":
            for cheaper in self.snapshot.cheaper(caller.tenant_id, target, _needed(request)):
                if cheaper.provider.wire in self._providers:
                    with suppress(BudgetExhausted):
                        return await self._reserve(request, caller, cheaper)
        if caller.conversation_id is not None:
            self._record_exhausted(request, caller, exhausted)
        raise exhausted

    async def _reserve(self, request: Request, caller: Caller, target: Target) -> "_Call":
        at_ns = self._clock.now_ns()
        call_id = uuid7_bytes(at_ns)
        input_tokens = tokens.of_request(request)
        reservation = await self._budgets.reserve(
            self.snapshot,
            caller,
            target,
            request,
            input_tokens=input_tokens,
            reservation=call_id,
            now_ns=at_ns,
        )
        if reservation.output_cap is not None:
            request = msgspec.structs.replace(request, max_tokens=reservation.output_cap, is_capped=True)
        intent = _intent(call_id, at_ns, request, caller, target, input_tokens)
        provider = self._providers[target.provider.wire]
        return _Call(self._journal, self._clock, provider, request, target, reservation, intent)

    def _record_exhausted(self, request: Request, caller: Caller, error: BudgetExhausted) -> None:
        """Leave a row for a customer's message that no model was asked about: no provider, and no cost."""
        at_ns = self._clock.now_ns()
        intent = _intent(uuid7_bytes(at_ns), at_ns, request, caller, None, 0)
        record = Settled(
            intent=intent,
            status="credits_exhausted",
            usage=_NOTHING_USED,
            cost_nano_usd=0,
            latency_ms=0,
            error_class=error.decision,
            error_code=error.code,
            error_message=error.public_message,
        )
        self._journal.append(record)

    def _require_wire(self, target: Target) -> None:
        if target.provider.wire not in self._providers:
            raise CallerError(
                f"{target.provider.name} speaks the wire format `{target.provider.wire}`, which this version does "
                "not. Choose another model from GET /v1/models.",
                code="provider_not_supported",
                http_status=404,
                param="model",
            )

    def _target(self, tenant_id: int, name: str) -> Target:
        """Resolve a model's name, remembering what it is as long as the Snapshot stays."""
        snapshot = self.snapshot
        if snapshot is not self._targets_of:
            self._targets_of, self._targets = snapshot, {}
        target = self._targets.get((tenant_id, name))
        if target is None:
            target = snapshot.resolve(tenant_id, name)
            if len(self._targets) < _MOST_TARGETS:
                self._targets[tenant_id, name] = target
        return target


class Stream:
    """A streamed answer: an async iterator over batches of deltas that arrived together."""

    def __init__(self, opening: Coroutine[Any, Any, "_Call"]) -> None:
        """Take the opening of a call; it runs when the first batch is asked for."""
        self._opening = opening
        self._call: _Call | None = None
        self._batches = self._run()

    @property
    def served_by(self) -> str:
        """The full name, `provider/model`, of what answers; empty before the first batch."""
        return self._call.target.model.id if self._call else ""

    def limits(self) -> tuple[LimitState, ...]:
        """Tell where the client's limits stand; nothing before the first batch."""
        return self._call.limits() if self._call else ()

    def __aiter__(self) -> AsyncIterator[Sequence[Delta]]:
        return self._batches

    async def aclose(self) -> None:
        """Leave: the upstream connection is closed at once and the call booked with what was used."""
        await self._batches.aclose()
        self._opening.close()
        if self._call is not None:
            self._call.cancel()

    async def _run(self) -> AsyncGenerator[Sequence[Delta], None]:
        held: list[Delta] = []
        held_bytes = 0
        self._call = call = await self._opening
        with call:
            async with aclosing(call.provider.stream(call.request, call.target)) as batches:
                async for batch in batches:
                    call.note(batch)
                    if call.has_content and not held:
                        yield batch
                        continue
                    held.extend(batch)
                    held_bytes += sum(len(delta.native.body) for delta in batch if delta.native is not None)
                    if (len(held) > _MOST_HELD_DELTAS or held_bytes > _MOST_HELD_BYTES) and not call.has_content:
                        raise ProviderError("The provider sends events without content.", code="empty_answer")
                    if call.has_content:
                        yield held
                        held = []
            if held:
                yield held
        call.succeed(None)


def _counted(snapshot: Snapshot, caller: Caller) -> Caller:
    """Leave out what no budget counts by: it is not kept without need."""
    return msgspec.structs.replace(
        caller,
        session_key=caller.session_key if snapshot.counts_by("session", caller.tenant_id) else "",
        ip_key=caller.ip_key if snapshot.counts_by("ip", caller.tenant_id) else "",
    )


def _needed(request: Request) -> frozenset[str]:
    """Tell which capabilities a model must have for a request."""
    needed = set()
    if request.tools:
        needed.add("tools")
    contents = (message.content for message in request.messages if not isinstance(message.content, str))
    if any(isinstance(part, ImagePart) for content in contents for part in content):
        needed.add("vision")
    return frozenset(needed)


def _intent(
    call_id: bytes, at_ns: int, request: Request, caller: Caller, target: Target | None, input_tokens: int
) -> Intent:
    return Intent(
        call_id=call_id,
        at_ns=at_ns,
        caller=caller,
        provider=target.provider.name if target else "",
        model=target.model.name if target else "",
        credential_id=target.credential.id if target and target.credential else "",
        is_streamed=request.stream,
        estimated_input_tokens=input_tokens,
        max_tokens=request.max_tokens,
        temperature=request.temperature,
    )


def _storable_message(error: GatewayError) -> str:
    """Give what may be kept: a provider that refuses a request often quotes it."""
    if error.decision is Decision.CALLER and error.stated is not None:
        return ""
    return error.public_message


class _Call:
    """One attempt at one provider: writes its intent when made, and its settled record exactly once.

    As a context manager it settles what does not succeed: an error as failed, a client that left as cancelled.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        provider: ProviderPort,
        request: Request,
        target: Target,
        reservation: Reservation,
        intent: Intent,
    ) -> None:
        self.provider = provider
        self.request = request
        self.target = target
        self.has_content = False
        self._journal = journal
        self._clock = clock
        self._reservation = reservation
        self._received_characters = 0
        self._usage: Usage | None = None
        self._served_model = self._finish = self._native_finish = ""
        self._first_token_ms: int | None = None
        self._is_settled = False
        self._intent = intent
        self._started_at = clock.monotonic()
        try:
            journal.append(intent)
        except GatewayError:
            reservation.settle((0, 0, 0))
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, GatewayError):
            self.fail(error)
        elif isinstance(error, Exception):
            self.fail(InternalError("Frontdesk failed while serving this request; its log has the details."))
        elif error is not None:
            self.cancel()

    def limits(self) -> tuple[LimitState, ...]:
        """Tell where the client's limits stood when the call began."""
        return self._reservation.limits()

    def note(self, batch: Sequence[Delta]) -> None:
        """Keep in mind what a batch of the stream says about the call."""
        for delta in batch:
            if delta.has_content:
                if not self.has_content:
                    self.has_content = True
                    self._first_token_ms = self._elapsed_ms()
                self._received_characters += len(delta.text) + len(delta.reasoning) + len(delta.refusal)
                for call in delta.tool_calls:
                    self._received_characters += len(call.arguments)
            if delta.usage is not None:
                self._usage = delta.usage
            if delta.finish is not None:
                self._finish, self._native_finish = delta.finish, delta.native_finish or ""
            if delta.model:
                self._served_model = delta.model

    def succeed(self, reply: Reply | None) -> None:
        """Settle a whole answer; None for a stream whose batches were noted."""
        if reply is not None:
            self._usage = reply.usage
            self._received_characters = len(reply.text) + len(reply.reasoning or "")
            self._served_model = reply.model
            self._finish, self._native_finish = reply.finish or "", reply.native_finish or ""
        self._settle("success", self._usage or self._estimate(), None)

    def fail(self, error: GatewayError) -> None:
        """Settle a failure: an answer that never began costs nothing, one that was cut is booked by estimate."""
        usage = self._usage or (self._estimate() if self.has_content else _NOTHING_USED)
        self._settle("failed", usage, error)
        if error.decision is not Decision.CALLER:
            logger.warning(
                "call_failed",
                provider=self.target.provider.name,
                model=self.target.model.name,
                reason=error.code,
                upstream_status=error.upstream_status,
                request_id=self._intent.caller.request_id,
            )

    def cancel(self) -> None:
        """Settle a call that its client left, if it has not ended yet."""
        self._settle("cancelled", self._usage or self._estimate(), None)

    def _estimate(self) -> Usage:
        return Usage(
            uncached_input=self._intent.estimated_input_tokens,
            output=tokens.of_characters(self._received_characters),
            source="estimated",
        )

    def _elapsed_ms(self) -> int:
        return round((self._clock.monotonic() - self._started_at) * 1000)

    def _settle(self, status: CallStatus, usage: Usage, error: GatewayError | None) -> None:
        if self._is_settled:
            return
        self._is_settled = True
        price = self.target.model.price
        cost = pricing.cost(usage, price)
        reckoned = pricing.cost(usage, self._reservation.price) if cost is None else cost
        record = Settled(
            intent=self._intent,
            status=status,
            usage=usage,
            cost_nano_usd=cost,
            latency_ms=self._elapsed_ms(),
            first_token_ms=self._first_token_ms,
            served_model=self._served_model,
            finish=self._finish,
            native_finish=self._native_finish,
            price_source=price.source if price else "",
            error_class=error.decision if error else "",
            error_code=error.code if error else "",
            error_message=_storable_message(error) if error else "",
            upstream_status=error.upstream_status if error else None,
        )
        try:
            self._journal.append(record)
        finally:  # what was spent is spent, also where its record has to wait for the disk
            self._reservation.settle(spent(status, usage, reckoned))
