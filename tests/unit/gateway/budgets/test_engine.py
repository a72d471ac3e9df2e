"""What a call may spend, is refused, and has spent."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from frontdesk.gateway.budgets.engine import Budgets
from frontdesk.gateway.budgets.terms import EACH, Amounts, Budget, LimitState, ShownLimit, place
from frontdesk.gateway.errors import BudgetExhausted, InternalError, JournalUnavailable, ProviderError
from frontdesk.gateway.journal.record import Caller, Settled
from frontdesk.gateway.messages import Delta, Reply, Request, Usage
from frontdesk.gateway.ports import Claim, StoreUnavailable, Verdict
from frontdesk.gateway.snapshot import Model, Price, Snapshot
from frontdesk.gateway.stores.memory import MemoryBudgets
from tests.fakes.gateway import ALICE_ID, HeldClock, ListJournal, ScriptedProvider, ask, gateway, snapshot

KEY_CALL = Caller(tenant_id=ALICE_ID, request_id="r", api_key_id=7)
WIDGET_CALL = Caller(tenant_id=ALICE_ID, request_id="r", widget_id=9, conversation_id=1, turn_id=1)
ANSWER = Reply(id="x", model="gpt-4o", text="Hi", finish="stop", usage=Usage(uncached_input=7, output=3))
INPUT_TOKENS = 7
"""The estimate of what `ask()` asks: 3 for its text, 4 for the message."""


def limited(*budgets: Budget, **changes: object) -> Snapshot:
    held: dict[str, tuple[Budget, ...]] = {}
    for each in budgets:
        where = place(each.scope, each.owner, each.tenant_id)
        held[where] = (*held.get(where, ()), each)
    return snapshot(budgets=held, **changes)


def requests_a_day(limit: int) -> Budget:
    return Budget(scope="api_key", owner=EACH, unit="requests", window="day", limit=limit)


def tokens_a_day(limit: int) -> Budget:
    return Budget(scope="widget", owner=EACH, unit="tokens", window="day", limit=limit, zone="", policy="knowledge")


def usd_a_day(limit_nano_usd: int, *, degrade: bool = True) -> Budget:
    policy = "degrade" if degrade else "reject"
    return Budget(scope="global", owner="", unit="usd", window="day", limit=limit_nano_usd, policy=policy)


def bounded(request: Request, max_tokens: int) -> Request:
    return msgspec.structs.replace(request, max_tokens=max_tokens)


class AwayStore:
    """A store that cannot be asked."""

    async def reserve(self, reservation: bytes, claims: Sequence[Claim], need: Amounts, want: Amounts) -> Verdict:
        raise StoreUnavailable

    def settle(self, reservation: bytes, actual: Amounts) -> None:
        raise AssertionError("nothing was reserved")


async def test_as_many_calls_are_admitted_at_once_as_the_limit_allows() -> None:
    provider, journal = ScriptedProvider(ANSWER), ListJournal()
    served = gateway(provider, journal, configuration=limited(requests_a_day(50)))

    outcomes = await asyncio.gather(*(served.complete(ask(), KEY_CALL) for _ in range(200)), return_exceptions=True)

    refused = [outcome for outcome in outcomes if isinstance(outcome, BudgetExhausted)]
    assert (len(provider.asked), len(refused)) == (50, 150)
    assert len(journal.settled) == 50  # a refused call of the gateway's clients leaves no row


async def test_a_refusal_tells_the_limit_and_when_it_resets() -> None:
    served = gateway(ScriptedProvider(ANSWER), ListJournal(), configuration=limited(requests_a_day(1)))
    await served.complete(ask(), KEY_CALL)

    with pytest.raises(BudgetExhausted) as caught:
        await served.complete(ask(), KEY_CALL)

    error = caught.value
    assert (error.http_status, error.policy, error.notice) == (429, "reject", "")
    assert error.public_message == (
        "The limit of this api key on requests per day is reached; it resets at 2026-09-22T00:00:00Z."
    )
    assert error.retry_after_s == pytest.approx(35_200, abs=1)
    assert error.limits == (LimitState(ShownLimit("api_key", "requests", "day", 1, 86_400, 1_790_035_200), 0),)


async def test_a_reply_tells_the_clients_own_limits_and_not_the_operators() -> None:
    served = gateway(
        ScriptedProvider(ANSWER), ListJournal(), configuration=limited(requests_a_day(10), usd_a_day(10**12))
    )

    replies = [await served.complete(ask(), KEY_CALL) for _ in range(2)]

    assert [[(limit.shown.scope, limit.left) for limit in reply.limits] for reply in replies] == [
        [("api_key", 9)],
        [("api_key", 8)],
    ]


async def test_what_was_not_spent_can_be_spent_again() -> None:
    served = gateway(ScriptedProvider(ANSWER), ListJournal(), configuration=limited(tokens_a_day(300)))
    request = bounded(ask(), 200)  # 207 reserved, 10 spent each time

    for _ in range(10):
        await served.complete(request, WIDGET_CALL)

    with pytest.raises(BudgetExhausted):
        for _ in range(30):
            await served.complete(request, WIDGET_CALL)


async def test_an_answer_is_capped_to_what_is_left() -> None:
    provider = ScriptedProvider(ANSWER)
    served = gateway(provider, ListJournal(), configuration=limited(tokens_a_day(300)))

    await served.complete(bounded(ask(), 500), WIDGET_CALL)

    asked, _ = provider.asked[0]
    assert (asked.max_tokens, asked.is_capped) == (300 - INPUT_TOKENS, True)


async def test_a_customer_is_not_given_half_a_sentence() -> None:
    provider = ScriptedProvider(ANSWER)
    nearly_spent = limited(tokens_a_day(INPUT_TOKENS + 149))

    with pytest.raises(BudgetExhausted):
        await gateway(provider, ListJournal(), configuration=nearly_spent).complete(bounded(ask(), 500), WIDGET_CALL)
    short = bounded(ask(), 100)
    await gateway(provider, ListJournal(), configuration=nearly_spent).complete(short, WIDGET_CALL)

    assert [request for request, _ in provider.asked] == [short]


async def test_an_answer_that_nothing_else_bounds_is_bounded_by_what_was_reserved() -> None:
    provider = ScriptedProvider(ANSWER)
    served = gateway(provider, ListJournal(), configuration=limited(tokens_a_day(50_000)))

    await served.complete(ask("openai/unlisted"), WIDGET_CALL)

    assert (provider.asked[0][0].max_tokens, provider.asked[0][0].is_capped) == (4_096, True)


async def test_a_model_without_a_price_does_not_pass_a_limit_of_money() -> None:
    provider = ScriptedProvider(ANSWER)
    served = gateway(provider, ListJournal(), configuration=limited(usd_a_day(60_000, degrade=False)))

    with pytest.raises(BudgetExhausted):
        for _ in range(10):  # 7 tokens in and 3 out are 47,500 nano-USD at the price of gpt-4o, whose name begins its
            await served.complete(bounded(ask("openai/gpt-4o-2031-05-05"), 3), KEY_CALL)

    assert len(provider.asked) == 1


async def test_an_answer_is_capped_to_what_the_money_buys() -> None:
    provider = ScriptedProvider(ANSWER)
    output_nano_usd = 10_000  # a token, at the test price; one of input is 2,500
    served = gateway(
        provider, ListJournal(), configuration=limited(usd_a_day(INPUT_TOKENS * 2_500 + 40 * output_nano_usd))
    )

    await served.complete(bounded(ask(), 500), KEY_CALL)

    assert provider.asked[0][0].max_tokens == 40


async def test_each_of_several_answers_gets_its_part_of_what_is_left() -> None:
    provider = ScriptedProvider(ANSWER)
    served = gateway(provider, ListJournal(), configuration=limited(tokens_a_day(600)))

    await served.complete(msgspec.structs.replace(ask(), max_tokens=500, choices=3), WIDGET_CALL)

    assert provider.asked[0][0].max_tokens == (600 - INPUT_TOKENS) // 3


async def test_a_client_that_asks_for_less_is_not_capped() -> None:
    provider = ScriptedProvider(ANSWER)
    served = gateway(provider, ListJournal(), configuration=limited(tokens_a_day(1000)))

    await served.complete(bounded(ask(), 50), WIDGET_CALL)

    assert (provider.asked[0][0].max_tokens, provider.asked[0][0].is_capped) == (50, False)


async def test_a_call_with_too_little_left_for_an_answer_is_not_made() -> None:
    provider, journal = ScriptedProvider(ANSWER), ListJournal()
    served = gateway(provider, journal, configuration=limited(tokens_a_day(INPUT_TOKENS + 15)))

    with pytest.raises(BudgetExhausted) as caught:
        await served.complete(ask(), WIDGET_CALL)

    assert caught.value.notice == "You've reached your free AI limit. Upgrade for unlimited!"
    assert provider.asked == []


async def test_a_customers_message_stopped_by_credits_leaves_one_row_without_provider_and_cost() -> None:
    journal = ListJournal()
    served = gateway(ScriptedProvider(ANSWER), journal, configuration=limited(tokens_a_day(0)))

    with pytest.raises(BudgetExhausted):
        async for _ in served.stream(ask(stream=True), WIDGET_CALL):
            pass

    (row,) = journal.records
    assert isinstance(row, Settled)
    assert (row.status, row.cost_nano_usd, row.intent.provider) == ("credits_exhausted", 0, "")
    assert (row.intent.caller, row.error_code) == (WIDGET_CALL, "budget_exhausted")


async def test_a_failed_call_gives_back_its_request() -> None:
    provider = ScriptedProvider(ProviderError("down"))
    served = gateway(provider, ListJournal(), configuration=limited(requests_a_day(1)))

    for _ in range(3):
        with pytest.raises(ProviderError):
            await served.complete(ask(), KEY_CALL)

    assert len(provider.asked) == 3


async def test_a_call_that_cannot_be_recorded_holds_nothing() -> None:
    journal, provider = ListJournal(), ScriptedProvider(ANSWER)
    served = gateway(provider, journal, configuration=limited(requests_a_day(1)))
    journal.is_full = True
    with pytest.raises(JournalUnavailable):
        await served.complete(ask(), KEY_CALL)

    journal.is_full = False
    await served.complete(ask(), KEY_CALL)

    assert len(provider.asked) == 1


async def test_a_stream_that_its_client_leaves_is_settled_by_what_came() -> None:
    provider = ScriptedProvider([Delta(text="x" * 40)], hangs=True)
    served = gateway(provider, ListJournal(), configuration=limited(tokens_a_day(300)))
    request = bounded(ask(stream=True), 100)
    stream = served.stream(request, WIDGET_CALL)
    await anext(aiter(stream))

    await stream.aclose()

    answer = ScriptedProvider(ANSWER)
    served._providers = {"openai": answer}  # type: ignore[assignment]  # the same counters, a provider that answers
    await served.complete(bounded(ask(), 1000), WIDGET_CALL)
    assert answer.asked[0][0].max_tokens == 300 - (INPUT_TOKENS + 10) - INPUT_TOKENS


async def test_a_stream_closed_before_its_start_holds_nothing() -> None:
    provider = ScriptedProvider([Delta(text="x")])
    served = gateway(provider, ListJournal(), configuration=limited(requests_a_day(1)))

    await served.stream(ask(stream=True), KEY_CALL).aclose()
    async for _ in served.stream(ask(stream=True), KEY_CALL):
        pass

    assert len(provider.asked) == 1


# --- a cheaper model


def catalog(**changes: object) -> dict[str, object]:
    cheap = Price(input=100_000_000, output=400_000_000, cache_read=0, cache_write=100_000_000, source="test")
    models = (
        Model(provider="openai", name="cheap", quality_rank=50, price=cheap, capabilities=frozenset({"tools"})),
        Model(provider="openai", name="cheap-unranked", price=cheap),
        Model(provider="groq", name="cheap-without-key", quality_rank=40, price=cheap),
    )
    return {"models": {**snapshot().models, **{model.id: model for model in models}}, **changes}


async def test_when_the_money_is_nearly_spent_a_cheaper_model_answers() -> None:
    provider = ScriptedProvider(ANSWER)
    served = gateway(provider, ListJournal(), configuration=limited(usd_a_day(30_000), **catalog()))

    reply = await served.complete(bounded(ask(), 20), KEY_CALL)

    assert reply.served_by == "openai/cheap"
    assert [target.model.name for _, target in provider.asked] == ["cheap"]


async def test_with_nothing_left_for_a_cheaper_model_either_the_call_is_refused() -> None:
    served = gateway(ScriptedProvider(ANSWER), ListJournal(), configuration=limited(usd_a_day(10), **catalog()))

    with pytest.raises(BudgetExhausted) as caught:
        await served.complete(bounded(ask(), 20), WIDGET_CALL)

    assert (caught.value.policy, caught.value.notice) == ("degrade", "")
    assert "global" not in caught.value.public_message


async def test_no_cheaper_model_answers_where_the_budget_rejects() -> None:
    provider = ScriptedProvider(ANSWER)
    budget = usd_a_day(30_000, degrade=False)

    with pytest.raises(BudgetExhausted):
        await gateway(provider, ListJournal(), configuration=limited(budget, **catalog())).complete(ask(), KEY_CALL)

    assert provider.asked == []


# --- the store is away


async def test_without_its_store_money_is_not_spent() -> None:
    provider = ScriptedProvider(ANSWER)
    served = gateway(
        provider,
        ListJournal(),
        configuration=limited(usd_a_day(10**12)),
        budgets=Budgets(AwayStore(), without_store=MemoryBudgets(HeldClock())),
    )

    with pytest.raises(InternalError) as caught:
        await served.complete(ask(), KEY_CALL)

    assert (caught.value.code, caught.value.http_status) == ("budget_store_unavailable", 503)
    assert provider.asked == []


async def test_without_its_store_money_a_minute_is_no_rate() -> None:
    a_minute = Budget(scope="api_key", owner=EACH, unit="usd", window="minute", limit=10**12)
    budgets = Budgets(AwayStore(), without_store=MemoryBudgets(HeldClock()))

    with pytest.raises(InternalError):
        await gateway(
            ScriptedProvider(ANSWER), ListJournal(), configuration=limited(a_minute), budgets=budgets
        ).complete(ask(), KEY_CALL)


async def test_without_its_store_each_process_allows_its_part_of_a_rate() -> None:
    provider = ScriptedProvider(ANSWER)
    a_minute = Budget(scope="api_key", owner=EACH, unit="requests", window="minute", limit=100)
    served = gateway(
        provider,
        ListJournal(),
        configuration=limited(a_minute),
        budgets=Budgets(AwayStore(), without_store=MemoryBudgets(HeldClock()), processes=lambda: 4),
    )

    await asyncio.gather(*(served.complete(ask(), KEY_CALL) for _ in range(50)), return_exceptions=True)

    assert len(provider.asked) == 25
