"""Every call is on record, once, with what it cost, however it ends."""

import asyncio

import pytest

from frontdesk.gateway.errors import CallerError, InternalError, JournalUnavailable, ProviderError, Stated
from frontdesk.gateway.messages import Delta, NativeReply, Reply, Usage
from tests.fakes.gateway import CALLER, HeldClock, ListJournal, ScriptedProvider, ask, gateway

USAGE = Usage(uncached_input=10, cache_read=4, output=3, reasoning=2)
USAGE_COST = (10 * 2_500 + 4 * 1_250 + 5 * 10_000) * 1  # nano-USD at the test price


def test_a_call_is_intended_then_settled_with_its_cost() -> None:
    journal, clock = ListJournal(), HeldClock()
    provider = ScriptedProvider(Reply(id="x", model="gpt-4o-2024", text="Hi", finish="stop", usage=USAGE))

    reply = asyncio.run(gateway(provider, journal, clock).complete(ask("gpt-4"), CALLER))

    assert (reply.text, reply.served_by) == ("Hi", "openai/gpt-4o")
    (intent,), (settled,) = journal.intents, journal.settled
    assert journal.records == [intent, settled]
    assert (intent.provider, intent.model, intent.credential_id, intent.caller) == ("openai", "gpt-4o", "c2", CALLER)
    assert intent.estimated_input_tokens == 7  # 11 characters are 3 tokens, 4 more for the message
    assert settled.intent == intent
    assert (settled.status, settled.usage, settled.cost_nano_usd) == ("success", USAGE, USAGE_COST)
    assert (settled.served_model, settled.finish, settled.price_source) == ("gpt-4o-2024", "stop", "test")


def test_a_model_without_a_price_is_booked_with_unknown_cost() -> None:
    journal = ListJournal()
    provider = ScriptedProvider(Reply(id="x", model="new", text="Hi", usage=USAGE))

    asyncio.run(gateway(provider, journal).complete(ask("openai/brand-new"), CALLER))

    assert journal.settled[0].cost_nano_usd is None
    assert journal.settled[0].usage == USAGE


def test_a_failure_is_booked_at_nothing_and_raised() -> None:
    journal = ListJournal()
    failure = ProviderError("down", code="overloaded", http_status=503, upstream_status=503)

    with pytest.raises(ProviderError):
        asyncio.run(gateway(ScriptedProvider(failure), journal).complete(ask(), CALLER))

    (settled,) = journal.settled
    assert (settled.status, settled.cost_nano_usd, settled.usage.input_tokens) == ("failed", 0, 0)
    assert (settled.error_class, settled.error_code, settled.upstream_status) == ("provider", "overloaded", 503)


def test_a_defect_of_ours_is_booked_as_internal() -> None:
    journal = ListJournal()

    with pytest.raises(ZeroDivisionError):
        asyncio.run(gateway(ScriptedProvider(ZeroDivisionError()), journal).complete(ask(), CALLER))

    assert (journal.settled[0].status, journal.settled[0].error_class) == ("failed", "internal")


def test_an_unknown_model_leaves_no_record() -> None:
    journal = ListJournal()

    with pytest.raises(CallerError) as caught:
        asyncio.run(gateway(ScriptedProvider(), journal).complete(ask("no-such-model"), CALLER))

    assert (caught.value.code, caught.value.http_status) == ("model_not_found", 404)
    assert journal.records == []


def test_without_a_journal_no_provider_is_asked() -> None:
    journal, provider = ListJournal(), ScriptedProvider()
    journal.is_full = True

    with pytest.raises(JournalUnavailable):
        asyncio.run(gateway(provider, journal).complete(ask(), CALLER))

    assert provider.asked == []


async def test_a_cancelled_call_is_booked_by_estimate() -> None:
    journal = ListJournal()
    task = asyncio.create_task(gateway(ScriptedProvider(hangs=True), journal).complete(ask(), CALLER))
    await asyncio.sleep(0)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    (settled,) = journal.settled
    assert (settled.status, settled.usage) == ("cancelled", Usage(uncached_input=7, source="estimated"))


async def test_a_stream_holds_lifecycle_events_until_content() -> None:
    role, hello = Delta(model="gpt-4o-2024"), Delta(text="Hello")
    end = Delta(finish="stop", native_finish="stop", usage=USAGE)
    journal = ListJournal()
    stream = gateway(ScriptedProvider([role], [hello], [end]), journal).stream(ask(stream=True), CALLER)

    batches = [list(batch) async for batch in stream]

    assert batches == [[role, hello], [end]]
    (settled,) = journal.settled
    assert (settled.status, settled.usage, settled.cost_nano_usd) == ("success", USAGE, USAGE_COST)
    assert (settled.served_model, settled.native_finish) == ("gpt-4o-2024", "stop")


async def test_a_stream_that_breaks_is_booked_with_what_came() -> None:
    journal = ListJournal()
    provider = ScriptedProvider([Delta(text="12345678")], ProviderError("cut", code="truncated_stream"))
    stream = gateway(provider, journal).stream(ask(stream=True), CALLER)

    received = []
    with pytest.raises(ProviderError):
        async for batch in stream:
            received.extend(batch)

    assert [delta.text for delta in received] == ["12345678"]
    (settled,) = journal.settled
    assert (settled.status, settled.error_code) == ("failed", "truncated_stream")
    assert settled.usage == Usage(uncached_input=7, output=2, source="estimated")


async def test_leaving_a_stream_closes_the_provider_and_books_what_came() -> None:
    journal = ListJournal()
    provider = ScriptedProvider([Delta(text="1234")], hangs=True)
    stream = gateway(provider, journal).stream(ask(stream=True), CALLER)
    await anext(aiter(stream))

    await stream.aclose()

    assert provider.is_closed
    (settled,) = journal.settled
    assert (settled.status, settled.usage.output) == ("cancelled", 1)


async def test_a_stream_left_before_its_start_was_no_call() -> None:
    journal, provider = ListJournal(), ScriptedProvider([Delta(text="x")])
    stream = gateway(provider, journal).stream(ask(stream=True), CALLER)

    await stream.aclose()
    await stream.aclose()

    assert (journal.records, provider.asked) == ([], [])


async def test_the_end_of_a_stream_waits_for_its_record() -> None:
    journal = ListJournal()
    stream = gateway(ScriptedProvider([Delta(text="x", finish="stop")]), journal).stream(ask(stream=True), CALLER)
    await anext(aiter(stream))
    journal.is_full = True

    with pytest.raises(InternalError):
        await anext(aiter(stream))


def test_a_provider_without_a_key_cannot_serve() -> None:
    served = gateway(ScriptedProvider(), ListJournal())

    assert served.can_serve(CALLER.tenant_id, "gpt-4")
    assert not served.can_serve(CALLER.tenant_id, "groq/llama")
    assert not served.can_serve(CALLER.tenant_id, "simulated/echo")  # this gateway has no such wire


@pytest.mark.parametrize(
    "silence",
    [
        [[Delta(id="x")] * 100] * 20,
        [[Delta(id="x", native=NativeReply("openai", b" " * 400_000))]] * 3,
    ],
    ids=["many", "large"],
)
async def test_a_stream_that_never_says_anything_is_given_up(silence: list[list[Delta]]) -> None:
    journal = ListJournal()
    provider = ScriptedProvider(*silence)

    with pytest.raises(ProviderError) as caught:
        async for _ in gateway(provider, journal).stream(ask(stream=True), CALLER):
            pass

    assert caught.value.code == "empty_answer"
    assert provider.is_closed


def test_what_a_provider_says_of_a_refused_request_is_not_stored() -> None:
    journal = ListJournal()
    quoting = CallerError("You wrote: SECRETTEXT", code="bad", stated=Stated("invalid_request_error", "bad"))
    telling = ProviderError("Overloaded", stated=Stated("overloaded_error", None))

    for failure in (quoting, telling):
        with pytest.raises(type(failure)):
            asyncio.run(gateway(ScriptedProvider(failure), journal).complete(ask(), CALLER))

    assert [(settled.error_code, settled.error_message) for settled in journal.settled] == [
        ("bad", ""),
        ("provider_error", "Overloaded"),
    ]
