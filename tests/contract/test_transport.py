"""What every Transport must keep: a deadline for each phase, a bound on every body, no redirects, prompt closing."""

import asyncio
import json
import socket
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from frontdesk.gateway.errors import ProviderError, ProviderTimeout
from frontdesk.gateway.providers.contract import BODY_LIMIT_BYTES, Deadlines, UpstreamRequest
from frontdesk.gateway.providers.transport import Transport, UpstreamResponse
from tests.standins.faults import gzipped
from tests.standins.loopback import Exchange, LoopbackServer
from tests.standins.openai_provider import OpenAIProvider

PATIENT = Deadlines(connect_s=5, first_byte_s=5, idle_s=5, total_s=10)
MEGABYTE = 1024 * 1024


@pytest.fixture
async def make() -> AsyncIterator[Callable[..., Transport]]:
    made: list[Transport] = []

    def make_transport(deadlines: Deadlines = PATIENT) -> Transport:
        made.append(Transport(deadlines))
        return made[-1]

    yield make_transport
    for transport in made:
        await transport.aclose()


@pytest.fixture
async def provider() -> AsyncIterator[OpenAIProvider]:
    async with OpenAIProvider() as running:
        yield running


async def pieces_of(response: UpstreamResponse) -> AsyncIterator[bytes]:
    while piece := await response.next_piece():
        yield piece


def ask(provider: OpenAIProvider, model: str = "gpt", *, stream: bool = False) -> UpstreamRequest:
    body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "one two three four five"}]}
    headers = {"authorization": "Bearer sk-1", "content-type": "application/json"}
    return UpstreamRequest(f"{provider.base_url}/chat/completions", headers, json.dumps(body).encode())


async def read(transport: Transport, request: UpstreamRequest) -> bytes:
    async with transport.open(request) as response:
        return await response.read()


async def test_answer_arrives_with_status_headers_and_body(
    make: Callable[..., Transport], provider: OpenAIProvider
) -> None:
    async with make().open(ask(provider)) as response:
        body = await response.read()

        assert response.status == 200
        assert response.headers["x-request-id"] == "req_chatcmpl-standin-1"
    assert json.loads(body)["choices"][0]["message"]["content"].endswith("one two three four five")
    assert provider.calls[0].bearer == "sk-1"


async def test_error_status_is_an_answer_like_any_other(
    make: Callable[..., Transport], provider: OpenAIProvider
) -> None:
    async with make().open(ask(provider, "fault-status:code=503,retry_after=7")) as response:
        body = await response.read()

        assert (response.status, response.headers["retry-after"]) == (503, "7")
    assert "overloaded" in json.loads(body)["error"]["message"]


async def test_stream_arrives_piece_by_piece(make: Callable[..., Transport], provider: OpenAIProvider) -> None:
    async with make().open(ask(provider, "fault-stall:at=2", stream=True)) as response:
        seen = b""
        async for piece in pieces_of(response):
            seen += piece
            if seen.count(b"data: ") == 3:
                break

    assert (await provider.until_ended()).outcome == "closed_early"


async def test_bytes_are_the_same_however_they_are_cut(
    make: Callable[..., Transport], provider: OpenAIProvider
) -> None:
    transport = make()
    whole = await read(transport, ask(provider, "fault-slow:chunks=30,delay_ms=0", stream=True))

    for seed in range(5):
        request = ask(provider, f"case-1450a971073b5523@{seed}", stream=True)
        assert (await read(transport, request)).endswith(b"data: [DONE]\n\n")
    assert whole.count(b"data: ") == 33


# --- deadlines


async def test_connect_deadline(make: Callable[..., Transport]) -> None:
    async with unaccepting_address() as url:
        transport = make(Deadlines(connect_s=0.15, first_byte_s=5, idle_s=5, total_s=5))

        with pytest.raises(ProviderTimeout) as raised:
            await read(transport, UpstreamRequest(url, {}, b"{}"))

    assert raised.value.code == "connect_timeout"


@pytest.mark.parametrize(
    ("model", "deadlines", "code"),
    [
        ("fault-hang", Deadlines(first_byte_s=0.15), "first_byte_timeout"),
        ("fault-stall:at=2", Deadlines(idle_s=0.15), "idle_timeout"),
        ("fault-slow:chunks=1000,delay_ms=20", Deadlines(idle_s=5, total_s=0.3), "total_timeout"),
        ("fault-slow-loris:delay_ms=20", Deadlines(idle_s=5, total_s=0.3), "total_timeout"),
        ("fault-hang", Deadlines(first_byte_s=5, total_s=0.15), "total_timeout"),
    ],
)
async def test_deadline_is_named_and_closes_the_call(
    make: Callable[..., Transport], provider: OpenAIProvider, model: str, deadlines: Deadlines, code: str
) -> None:
    with pytest.raises(ProviderTimeout) as raised:
        await read(make(deadlines), ask(provider, model, stream=True))

    assert raised.value.code == code
    assert (await provider.until_ended()).outcome == "closed_early"


async def test_idle_deadline_starts_anew_with_each_piece(
    make: Callable[..., Transport], provider: OpenAIProvider
) -> None:
    body = await read(
        make(Deadlines(idle_s=0.4, total_s=10)), ask(provider, "fault-slow:chunks=10,delay_ms=80", stream=True)
    )

    assert body.endswith(b"data: [DONE]\n\n")


async def test_time_the_reader_takes_is_not_the_providers(
    make: Callable[..., Transport], provider: OpenAIProvider
) -> None:
    async with make(Deadlines(idle_s=0.1, total_s=10)).open(ask(provider, stream=True)) as response:
        seen = b""
        async for piece in pieces_of(response):
            seen += piece
            await asyncio.sleep(0.2)

    assert seen.endswith(b"data: [DONE]\n\n")


async def test_callers_own_timeout_stays_the_callers(make: Callable[..., Transport], provider: OpenAIProvider) -> None:
    transport = make()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await read(transport, ask(provider, "fault-hang"))

    assert (await provider.until_ended()).outcome == "closed_early"


# --- broken connections


async def test_refused_connection(make: Callable[..., Transport]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1/chat/completions"

        with pytest.raises(ProviderError) as raised:
            await read(make(), UpstreamRequest(url, {}, b"{}"))

    assert not isinstance(raised.value, ProviderTimeout)
    assert raised.value.code == "connection_failed"


@pytest.mark.parametrize("url", ["http://", "nonsense", "http://127.0.0.1:99999/v1"])
async def test_unusable_address_is_a_provider_error(make: Callable[..., Transport], url: str) -> None:
    with pytest.raises(ProviderError):
        await read(make(), UpstreamRequest(url, {}, b"{}"))


@pytest.mark.parametrize(
    "fault", ["reset-early", "close-early", "short-body", "cut:at=2", "reset:at=2", "broken-chunk:at=2"]
)
async def test_broken_connection_is_never_a_whole_answer(
    make: Callable[..., Transport], provider: OpenAIProvider, fault: str
) -> None:
    with pytest.raises(ProviderError) as raised:
        await read(make(), ask(provider, f"fault-{fault}", stream=True))

    assert not isinstance(raised.value, ProviderTimeout)


async def test_call_after_a_broken_one_succeeds(make: Callable[..., Transport], provider: OpenAIProvider) -> None:
    transport = make()
    with pytest.raises(ProviderError):
        await read(transport, ask(provider, "fault-short-body"))

    assert b"chat.completion" in await read(transport, ask(provider))


async def test_connection_closed_while_idle_is_not_noticed_by_the_caller(make: Callable[..., Transport]) -> None:
    async with LoopbackServer(_answer_then_close) as server:
        transport = make()
        for _ in range(3):
            assert await read(transport, UpstreamRequest(f"{server.url}/x", {}, b"{}")) == b"{}"
            await asyncio.sleep(0.02)


# --- bodies


@pytest.mark.parametrize(
    "size", [0, 1, 1000, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 300_000, MEGABYTE, 5 * MEGABYTE]
)
@pytest.mark.parametrize("filling", [b"a", bytes(range(256))], ids=["even", "varied"])
async def test_compressed_body_is_read_whole(make: Callable[..., Transport], size: int, filling: bytes) -> None:
    body = (filling * (size // len(filling) + 1))[:size]

    async with compressed_server(body) as url:
        assert await read(make(), UpstreamRequest(url, {}, b"{}")) == body


@pytest.mark.parametrize("cut", [1, 10, 200])
async def test_compressed_body_cut_short_is_an_error(make: Callable[..., Transport], cut: int) -> None:
    async with compressed_server(bytes(range(256)) * 20, cut=cut) as url:
        with pytest.raises(ProviderError):
            await read(make(), UpstreamRequest(url, {}, b"{}"))


async def test_body_of_the_limit_is_read_and_one_byte_more_is_not(make: Callable[..., Transport]) -> None:
    transport = make()
    async with compressed_server(b"x" * BODY_LIMIT_BYTES) as url:
        assert len(await read(transport, UpstreamRequest(url, {}, b"{}"))) == BODY_LIMIT_BYTES

    async with compressed_server(b"x" * (BODY_LIMIT_BYTES + 1)) as url:
        with pytest.raises(ProviderError) as raised:
            await read(transport, UpstreamRequest(url, {}, b"{}"))
    assert raised.value.code == "body_too_large"


async def test_gzip_bomb_is_dropped_in_little_memory(make: Callable[..., Transport], provider: OpenAIProvider) -> None:
    transport = make()
    await read(transport, ask(provider))
    request = ask(provider, "fault-gzip-bomb:megabytes=200")
    tracemalloc.start()
    try:
        with pytest.raises(ProviderError) as raised:
            await read(transport, request)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert raised.value.code == "body_too_large"
    assert peak < 32 * MEGABYTE


async def test_huge_body_is_dropped_long_before_its_end(
    make: Callable[..., Transport], provider: OpenAIProvider
) -> None:
    with pytest.raises(ProviderError) as raised:
        await read(make(), ask(provider, "fault-big-body:megabytes=64"))

    call = await provider.until_ended()
    assert raised.value.code == "body_too_large"
    assert call.outcome == "closed_early"
    assert call.pieces_sent < 512  # of 1,024 pieces


async def test_unknown_encoding_is_refused(make: Callable[..., Transport]) -> None:
    async with compressed_server(b"{}", encoding="br") as url:
        with pytest.raises(ProviderError) as raised:
            await read(make(), UpstreamRequest(url, {}, b"{}"))

    assert raised.value.code == "malformed_body"


# --- where requests go


async def test_redirect_is_never_followed(make: Callable[..., Transport], provider: OpenAIProvider) -> None:
    async with OpenAIProvider() as elsewhere:
        fault = f"fault-redirect:to={elsewhere.base_url}/chat/completions"

        async with make().open(ask(provider, fault)) as response:
            assert response.status == 307

        assert elsewhere.connections_opened == 0


async def test_proxy_of_the_environment_is_not_used(
    make: Callable[..., Transport], provider: OpenAIProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    assert b"chat.completion" in await read(make(), ask(provider))


async def test_cookies_are_not_kept(make: Callable[..., Transport]) -> None:
    seen: list[str] = []

    async def answer(exchange: Exchange) -> None:
        seen.append(exchange.headers.get("cookie", ""))
        await exchange.respond(200, b"{}", [("set-cookie", "a=b; Path=/")])

    async with LoopbackServer(answer) as server:
        transport = make()
        for _ in range(2):
            await read(transport, UpstreamRequest(f"{server.url}/x", {}, b"{}"))

    assert seen == ["", ""]


# --- leaving and coming back


async def test_cancellation_closes_the_call_at_once(make: Callable[..., Transport], provider: OpenAIProvider) -> None:
    transport = make()
    task = asyncio.create_task(read(transport, ask(provider, "fault-stall:at=2", stream=True)))
    await provider.until(lambda: bool(provider.calls) and provider.calls[0].pieces_sent == 2)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await provider.until_ended()).outcome == "closed_early"


async def test_cancellation_before_any_answer_closes_the_call(
    make: Callable[..., Transport], provider: OpenAIProvider
) -> None:
    transport = make()
    task = asyncio.create_task(read(transport, ask(provider, "fault-hang")))
    await provider.until(lambda: bool(provider.calls))

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await provider.until_ended()).outcome == "closed_early"


async def test_leaving_before_the_end_closes_the_call(make: Callable[..., Transport], provider: OpenAIProvider) -> None:
    async with make().open(ask(provider, "fault-slow:chunks=1000,delay_ms=5", stream=True)) as response:
        async for _ in pieces_of(response):
            break

    assert (await provider.until_ended()).outcome == "closed_early"


async def test_one_connection_serves_calls_in_turn(make: Callable[..., Transport], provider: OpenAIProvider) -> None:
    transport = make()

    for number in range(10):
        await read(transport, ask(provider, stream=number % 2 == 1))

    assert (len(provider.calls), provider.connections_opened) == (10, 1)


async def test_calls_at_once_get_a_connection_each_and_keep_it(
    make: Callable[..., Transport], provider: OpenAIProvider
) -> None:
    transport = make()

    for _ in range(3):
        await asyncio.gather(*(read(transport, ask(provider, "fault-slow-first-byte:seconds=0.05")) for _ in range(8)))

    assert (len(provider.calls), provider.connections_opened) == (24, 8)


async def test_stream_left_after_its_terminal_event_keeps_its_connection(
    make: Callable[..., Transport], provider: OpenAIProvider
) -> None:
    transport = make()
    for _ in range(3):
        async with transport.open(ask(provider, stream=True)) as response:
            seen = b""
            async for piece in pieces_of(response):
                seen += piece
                if b"data: [DONE]\n\n" in seen:
                    response.complete()
                    break
        await asyncio.sleep(0.02)

    assert [call.outcome for call in provider.calls] == ["finished"] * 3
    assert provider.connections_opened == 1


async def test_connection_of_an_unfinished_call_is_not_used_again(
    make: Callable[..., Transport], provider: OpenAIProvider
) -> None:
    transport = make(Deadlines(first_byte_s=0.1))
    with pytest.raises(ProviderTimeout):
        await read(transport, ask(provider, "fault-hang"))

    await read(transport, ask(provider))

    assert provider.connections_opened == 2


# --- servers of this suite


async def _answer_then_close(exchange: Exchange) -> None:
    await exchange.respond(200, b"{}")
    exchange.close()


@asynccontextmanager
async def compressed_server(body: bytes, *, cut: int = 0, encoding: str = "gzip") -> AsyncIterator[str]:
    """Serve a compressed body; `cut` bytes are missing at its end."""
    sent = gzipped(body)
    sent = sent[: len(sent) - cut]

    async def answer(exchange: Exchange) -> None:
        await exchange.respond(200, sent, [("content-encoding", encoding)])

    async with LoopbackServer(answer) as server:
        yield f"{server.url}/x"


@asynccontextmanager
async def unaccepting_address() -> AsyncIterator[str]:
    """Give an address whose queue of connections is full, so that connecting hangs."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            waiting.append(client)
        await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        finally:
            for client in waiting:
                client.close()
