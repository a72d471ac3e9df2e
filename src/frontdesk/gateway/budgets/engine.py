"""Reserves what a call may spend before it is made, and settles what it spent after it.

Check-then-act would let calls that run at once pass a limit together; so every limit of a call is asked for in one
step of the store, by the most that the call may come to. Where less is left than that but enough for a short answer,
the call gets what is left and its answer is capped to it, so that no limit is passed.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import structlog

from frontdesk.gateway import pricing
from frontdesk.gateway.budgets.calendar import SECOND_NS
from frontdesk.gateway.budgets.likeness import Likeness
from frontdesk.gateway.budgets.plan import OF_THE_CLIENT, Plan, Plans
from frontdesk.gateway.budgets.terms import CREDITS_NOTICE, Amounts, LimitState
from frontdesk.gateway.errors import BudgetExhausted, InternalError
from frontdesk.gateway.journal.record import Caller
from frontdesk.gateway.messages import Request
from frontdesk.gateway.ports import BudgetStore, Claim, StoreUnavailable, Verdict
from frontdesk.gateway.snapshot import Price, Snapshot, Target

UNKNOWN_OUTPUT_TOKENS = 4_096
"""What is reserved for an answer whose length neither the client nor the catalog bounds."""
LEAST_OUTPUT_TOKENS = 16
"""With fewer tokens left for its answer a call is not worth making."""
LEAST_REPLY_TOKENS = 150
"""The same for a customer, whom the knowledge base serves better than half a sentence."""

_REQUESTS, _TOKENS, _USD = 0, 1, 2

logger = structlog.get_logger()


class Reservation:
    """What a call may spend. `settle` it exactly once, whatever becomes of the call."""

    __slots__ = ("_id", "_left", "_plan", "_store", "output_cap", "price")

    def __init__(
        self,
        store: BudgetStore | None,
        reservation: bytes,
        plan: Plan,
        left: Sequence[int],
        output_cap: int | None,
        price: Price | None,
    ) -> None:
        self._store = store
        self._id = reservation
        self._plan = plan
        self._left = left
        self.output_cap = output_cap
        """The most tokens that the answer may have; None where no limit is that near."""
        self.price = price
        """What the call is reckoned at: of a model without a price, a like one's."""

    def settle(self, actual: Amounts) -> None:
        """Put what was really spent in place of what was reserved."""
        if self._store is not None:
            self._store.settle(self._id, actual)

    def limits(self) -> tuple[LimitState, ...]:
        """Tell the client's own limits, as they were before this call with its request taken off."""
        left = self._left
        return tuple(
            [LimitState(shown, max(0, left[index] - (shown.unit == "requests"))) for index, shown in self._plan.shown]
        )


class Budgets:
    """The budget engine of a process. Belongs to one event loop."""

    def __init__(
        self, store: BudgetStore, *, without_store: BudgetStore | None = None, processes: Callable[[], int] = lambda: 1
    ) -> None:
        """Take the store that all processes share.

        `without_store` counts rates in this process alone while the store is away: each of the `processes` then
        allows its part. Whatever is money or credit is refused meanwhile.
        """
        self._store = store
        self._without_store = without_store
        self._processes = processes
        self._plans = Plans()
        self._likeness = Likeness()

    async def reserve(
        self,
        snapshot: Snapshot,
        caller: Caller,
        target: Target,
        request: Request,
        *,
        input_tokens: int,
        reservation: bytes,
        now_ns: int,
    ) -> Reservation:
        """Reserve what the call may come to. BudgetExhausted, InternalError 503; then nothing is held."""
        plan = self._plans.of(snapshot, caller, target.provider.name, now_ns)
        claims = plan.claims
        price = target.model.price
        if not claims:
            return Reservation(None, reservation, plan, (), None, price)
        if price is None:
            price = self._likeness.price(snapshot, target)
        choices = request.choices
        most = choices * (request.max_tokens or target.model.max_output_tokens or UNKNOWN_OUTPUT_TOKENS)
        least = LEAST_OUTPUT_TOKENS if caller.conversation_id is None else LEAST_REPLY_TOKENS
        least = min(most, choices * least)
        need = (1, input_tokens + least, pricing.worst_case(price, input_tokens, least))
        want = (1, input_tokens + most, pricing.worst_case(price, input_tokens, most))
        store = self._store
        try:
            verdict = await store.reserve(reservation, claims, need, want)
        except StoreUnavailable as error:
            store, claims = self._rates_alone(plan, error)
            verdict = await store.reserve(reservation, claims, need, want)
        if verdict.refused >= 0:
            raise _exhausted(plan, verdict, now_ns)
        cap = most
        for claim, left in zip(claims, verdict.left, strict=True):
            if left < want[claim.unit]:
                if claim.unit == _TOKENS:
                    cap = min(cap, left - input_tokens)
                elif claim.unit == _USD:
                    cap = min(cap, pricing.output_allowance(price, input_tokens, left) or 0)
        is_unbounded = not (request.max_tokens or target.model.max_output_tokens)
        is_capped = cap < most or (is_unbounded and plan.bounds_output)
        return Reservation(store, reservation, plan, verdict.left, cap // choices if is_capped else None, price)

    def _rates_alone(self, plan: Plan, error: StoreUnavailable) -> tuple[BudgetStore, tuple[Claim, ...]]:
        """Fall back to this process's share of the rates; InternalError where more than rates is limited."""
        if self._without_store is None or not all(limit.is_rate for limit in plan.limits):
            raise InternalError(
                "Spending limits cannot be checked at the moment. Try again in some seconds.",
                code="budget_store_unavailable",
                http_status=503,
                retry_after_s=5,
            ) from error
        share = max(1, self._processes())
        claims = tuple(
            Claim(claim.key, claim.unit, max(1, claim.limit // share) if claim.limit else 0, claim.ends_at_ns)
            for claim in plan.claims
        )
        return self._without_store, claims


def _exhausted(plan: Plan, verdict: Verdict, now_ns: int) -> BudgetExhausted:
    limit = plan.limits[verdict.refused]
    budget = limit.budget
    resets_at = datetime.fromtimestamp(limit.period.end_s, UTC)
    whose = f"of this {budget.scope.replace('_', ' ')} " if budget.scope in OF_THE_CLIENT else ""
    logger.info("budget_exhausted", counter=plan.claims[verdict.refused].key)
    return BudgetExhausted(
        f"The limit {whose}on {'spending' if budget.unit == 'usd' else budget.unit} per {budget.window} is reached; "
        f"it resets at {resets_at:%Y-%m-%dT%H:%M:%SZ}.",
        notice=budget.notice or (CREDITS_NOTICE if budget.policy == "knowledge" else ""),
        policy=budget.policy,
        limits=tuple(LimitState(shown, verdict.left[index]) for index, shown in plan.shown),
        retry_after_s=max(1.0, limit.period.end_s - now_ns / SECOND_NS),
    )
