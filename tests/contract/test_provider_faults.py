"""A provider that misbehaves: every fault ends in the right error or the right answer, never in a wrong success."""

import dataclasses
import os
from collections.abc import AsyncIterator

import pytest

from frontdesk.gateway import vault
from frontdesk.gateway.errors import (
    CallerError,
    GatewayError,
    ProviderError,
    ProviderKeyError,
    ProviderTimeout,
    RateLimited,
)
from frontdesk.gateway.messages import Delta, Message, Request
from frontdesk.gateway.providers import openai as wire
from frontdesk.gateway.providers.contract import Deadlines
from frontdesk.gateway.providers.http import HttpProvider
from frontdesk.gateway.providers.transport import Transport
from frontdesk.gateway.snapshot import Credential, Model, Provider, Target
from tests.contract import openai_reading as reading
from tests.standins.openai_provider import OpenAIProvider

ANSWER = "The stand-in model heard: one two three four five"
DEADLINES = Deadlines(connect_s=2, first_byte_s=0.4, idle_s=0.4, total_s=3)
VAULT = vault.Vault([vault.generate_master_key()])


@dataclasses.dataclass
class Bench:
    """A provider stand-in with Frontdesk's client before it."""

    upstream: OpenAIProvider
    provider: HttpProvider

    def target(self, fault: str, quirks: frozenset[str] = frozenset(), key: str = "sk-1") -> Target:
        """Aim at a fault."""
        credential = Credential(id="c", tenant_id=1, provider="p", sealed=VAULT.seal(1, key))
        row = Provider(name="p", wire="openai", base_url=self.upstream.base_url, quirks=quirks)
        return Target(row, Model(provider="p", name=f"fault-{fault}" if fault else "gpt"), credential)

    async def complete(self, target: Target) -> str:
        """Ask for a whole answer."""
        return (await self.provider.complete(ask(), target)).text

    async def stream(self, target: Target, shown: list[str]) -> reading.Reading:
        """Ask for a stream; `shown` gets the text as it arrives."""
        deltas: list[Delta] = []
        async for batch in self.provider.stream(ask(stream=True), target):
            deltas.extend(batch)
            shown.append("".join(delta.text for delta in batch))
        return reading.of_deltas(deltas)[0]


def ask(*, stream: bool = False) -> Request:
    return Request(model="m", messages=(Message("user", "one two three four five"),), stream=stream)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    transport = Transport(DEADLINES)
    async with OpenAIProvider() as upstream:
        yield Bench(upstream, HttpProvider(wire, transport, VAULT))
        await transport.aclose()


@pytest.mark.parametrize(
    ("fault", "kind", "status"),
    [
        ("status:code=400", CallerError, 400),
        ("status:code=401", ProviderKeyError, 401),
        ("status:code=403", ProviderKeyError, 403),
        ("status:code=404", CallerError, 404),
        ("status:code=429,retry_after=7", RateLimited, 429),
        ("status:code=500", ProviderError, 500),
        ("status:code=502", ProviderError, 502),
        ("status:code=503", ProviderError, 503),
        ("status:code=529", ProviderError, 529),
        ("html", ProviderError, 502),
        ("html:code=502", ProviderError, 502),
        ("html:code=403", ProviderKeyError, 403),
        ("error-in-200", ProviderError, None),
        ("empty", ProviderError, 502),
        ("bad-json", ProviderError, 502),
        ("not-chat", ProviderError, 502),
        ("short-body", ProviderError, 502),
        ("reset-early", ProviderError, 502),
        ("close-early", ProviderError, 502),
        ("hang", ProviderTimeout, 504),
        ("slow-first-byte:seconds=5", ProviderTimeout, 504),
        ("slow-loris:delay_ms=500", ProviderTimeout, 504),
        ("big-body:megabytes=64", ProviderError, 502),
        ("gzip-bomb:megabytes=100", ProviderError, 502),
        ("redirect", ProviderError, 502),
    ],
)
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
async def test_fault_before_any_content_is_the_right_error(
    bench: Bench, fault: str, kind: type[GatewayError], status: int | None, is_stream: bool
) -> None:
    shown: list[str] = []

    with pytest.raises(GatewayError) as raised:
        await (bench.stream(bench.target(fault), shown) if is_stream else bench.complete(bench.target(fault)))

    assert type(raised.value) is kind
    assert status is None or raised.value.http_status == status
    assert raised.value.retry_after_s == (7.0 if "retry_after" in fault else None)
    assert "".join(shown) == ""
    assert len(bench.upstream.calls) == 1


@pytest.mark.parametrize("at", [0, 1, 4, 8])
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("stall", ProviderTimeout),
        ("cut", ProviderError),
        ("reset", ProviderError),
        ("clean-end", ProviderError),
        ("error-event", ProviderError),
        ("broken-event", ProviderError),
        ("broken-chunk", ProviderError),
    ],
)
async def test_fault_in_mid_stream_is_an_error_after_the_text_so_far(
    bench: Bench, fault: str, kind: type[GatewayError], at: int
) -> None:
    shown: list[str] = []

    with pytest.raises(GatewayError) as raised:
        await bench.stream(bench.target(f"{fault}:at={at}"), shown)

    assert type(raised.value) is kind
    text = "".join(shown)
    assert ANSWER.startswith(text)
    assert len(text.split()) == at


@pytest.mark.parametrize("fault", ["cut", "reset", "clean-end", "error-event", "broken-event", "broken-chunk"])
async def test_fault_that_comes_with_the_last_tokens_is_still_an_error(bench: Bench, fault: str) -> None:
    shown: list[str] = []

    with pytest.raises(ProviderError):
        await bench.stream(bench.target(f"{fault}:at=4,gap_ms=0"), shown)

    assert ANSWER.startswith("".join(shown))


async def test_stream_without_any_event_is_an_error(bench: Bench) -> None:
    with pytest.raises(ProviderError):
        await bench.stream(bench.target("empty-stream"), [])


@pytest.mark.parametrize(
    "fault",
    [
        "",
        "crlf",
        "comments",
        "no-usage",
        "usage-beside",
        "no-done",
        "json-for-sse",
        "gzip",
        "slow-first-byte:seconds=0.1",
    ]
    + [f"split:seed={seed}" for seed in range(8)],
)
async def test_odd_but_whole_stream_is_the_right_answer(bench: Bench, fault: str) -> None:
    read = await bench.stream(bench.target(fault), [])

    assert (read.text, read.finish) == (ANSWER, "stop")


@pytest.mark.parametrize("fault", ["", "gzip", "no-usage", "slow-loris:delay_ms=0", "slow-first-byte:seconds=0.1"])
async def test_odd_but_whole_answer_is_the_right_answer(bench: Bench, fault: str) -> None:
    assert await bench.complete(bench.target(fault)) == ANSWER


async def test_server_without_stream_options_is_served_by_its_quirk(bench: Bench) -> None:
    target = bench.target("no-stream-options", frozenset({"no_stream_options"}))

    assert (await bench.stream(target, [])).text == ANSWER


async def test_key_is_sent_and_a_refused_one_is_not_repeated_in_the_error(bench: Bench) -> None:
    key = f"sk-bad-{os.urandom(8).hex()}"

    with pytest.raises(ProviderKeyError) as raised:
        await bench.complete(bench.target("", key=key))

    assert bench.upstream.calls[0].bearer == key
    assert key not in str(raised.value) and key[-2:] not in raised.value.public_message.rpartition("***")[2]


async def test_reader_that_leaves_closes_the_call(bench: Bench) -> None:
    stream = bench.provider.stream(ask(stream=True), bench.target("slow:chunks=1000,delay_ms=5"))
    async for _ in stream:
        break

    await stream.aclose()

    assert (await bench.upstream.until_ended()).outcome == "closed_early"


async def test_faults_one_after_the_other_do_not_spoil_the_next_call(bench: Bench) -> None:
    bench.upstream.script.extend(["short-body", "bad-json", "reset-early", "html", "none"])
    outcomes: list[str] = []

    for _ in range(5):
        try:
            outcomes.append(await bench.complete(bench.target("")))
        except ProviderError as error:
            outcomes.append(error.code)

    assert outcomes == ["truncated_body", "malformed_body", "connection_failed", "malformed_body", ANSWER]
