"""Budgets on running servers: exact under parallel requests, told to clients, given back by hand and after a kill."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from openai import OpenAI, RateLimitError

from tests.e2e import cluster as clusters
from tests.e2e.cluster import MESSAGES, WORKERS, Cluster, bearer
from tests.e2e.server import PROVIDER_KEY, Frontdesk, StandIn, serving

AT_ONCE = 200
LIMIT = 73
HANGING = "openai/fault-hang"
WITHIN_S = 60.0
"""How soon what a killed process held is free again."""


@pytest.fixture(scope="module")
def single(provider: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frontdesk]:
    """One process that counts in its memory."""
    directory = tmp_path_factory.mktemp("budgets") / "var"
    with serving(directory, OPENAI_API_KEY=PROVIDER_KEY, OPENAI_BASE_URL=provider.base_url) as running:
        yield running


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Four processes on PostgreSQL and Redis."""
    with clusters.running(tmp_path_factory.mktemp("cluster")) as running:
        running.start()
        yield running


def new_key(frontdesk: Frontdesk, name: str) -> str:
    return frontdesk.run("tenant", "key", "demo", "--name", name).stdout.strip()


def limit(frontdesk: Frontdesk, *terms: str) -> None:
    frontdesk.run("budget", "set", "demo", *terms)
    time.sleep(2)  # a change of configuration is in force everywhere after a second


async def ask_all(address: str, key: str, calls: int = AT_ONCE) -> Counter[int]:
    async def ask(session: aiohttp.ClientSession) -> int:
        body = {"model": "gpt-4o-mini", "messages": MESSAGES}
        async with session.post(f"{address}/v1/chat/completions", json=body) as answer:
            await answer.read()
            return answer.status

    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(headers=bearer(key), connector=connector) as session:
        return Counter(await asyncio.gather(*(ask(session) for _ in range(calls))))


def say(frontdesk: Frontdesk, text: str) -> dict[str, Any]:
    """A visitor's message, in a conversation of its own."""
    request = urllib.request.Request(
        f"{frontdesk.address}/api/chat-widget/public/widget/{frontdesk.demo['widget_key']}/message",
        json.dumps({"message_text": text}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        reply: dict[str, Any] = json.loads(response.read())
        return reply


async def test_of_calls_at_once_in_one_process_exactly_the_limit_is_admitted(single: Frontdesk) -> None:
    key = new_key(single, "race")
    limit(single, "--scope", "api_key", "--unit", "requests", "--window", "day", "--limit", str(LIMIT))

    assert await ask_all(single.address, key) == {200: LIMIT, 429: AT_ONCE - LIMIT}


def test_a_client_is_told_its_limits_and_when_they_reset(single: Frontdesk) -> None:
    limit(single, "--scope", "api_key", "--unit", "requests", "--window", "day", "--limit", "2")
    client = OpenAI(api_key=new_key(single, "told"), base_url=f"{single.address}/v1", max_retries=0)
    asked = {"model": "gpt-4o-mini", "messages": MESSAGES}

    first = client.chat.completions.with_raw_response.create(**asked)  # type: ignore[call-overload]
    with client.chat.completions.with_streaming_response.create(**asked, stream=True) as second:  # type: ignore[call-overload]
        streamed = second.headers["x-ratelimit-remaining-requests"]
    with pytest.raises(RateLimitError) as caught:
        client.chat.completions.create(**asked)  # type: ignore[call-overload]

    assert [first.headers["x-ratelimit-remaining-requests"], streamed] == ["1", "0"]
    assert first.headers["ratelimit-policy"] == '"api_key-day-requests";q=2;w=86400'
    refusal = caught.value.response
    assert 0 < int(refusal.headers["retry-after"]) <= 86_400
    assert refusal.headers["ratelimit"].startswith('"api_key-day-requests";r=0;t=')
    assert refusal.json()["error"]["type"] == "insufficient_quota"
    assert "resets at" in refusal.json()["error"]["message"]


def test_without_credits_the_knowledge_base_answers_with_a_notice_until_they_are_given_back(single: Frontdesk) -> None:
    before = say(single, "What are your opening hours?")
    limit(single, "--scope", "widget", "--unit", "requests", "--window", "day", "--limit", "1")

    exhausted = say(single, "What are your opening hours?")
    rows = [row for row in single.last_calls(5) if row["status"] == "credits_exhausted"]
    single.run("budget", "reset", "demo", "--scope", "widget")
    time.sleep(2)
    after = say(single, "What are your opening hours?")

    assert (before["source"]["kind"], "notice" in before) == ("model", False)
    assert exhausted["source"]["kind"] == "knowledge"
    assert exhausted["notice"] == "You've reached your free AI limit. Upgrade for unlimited!"
    assert [(row["provider"], row["cost_nano_usd"]) for row in rows] == [("", 0)]
    assert after["source"]["kind"] == "model"


def test_counters_are_what_the_ledger_says_after_a_kill(single: Frontdesk, provider: StandIn) -> None:
    key = new_key(single, "killed")
    limit(single, "--scope", "api_key", "--unit", "requests", "--window", "day", "--limit", "5")
    assert asyncio.run(ask_all(single.address, key, 3)) == {200: 3}

    single.kill()
    single.start()

    assert asyncio.run(ask_all(single.address, key, 10)) == {200: 2, 429: 8}


@pytest.mark.parametrize(
    ("terms", "complaint"),
    [
        (("--scope", "tenant", "--unit", "requests", "--window", "day", "--limit", "-1"), "limit"),
        (("--scope", "tenant", "--unit", "requests", "--window", "day", "--limit", "1.5"), "limit"),
        (("--scope", "tenant", "--unit", "usd", "--window", "day", "--limit", "NaN"), "limit"),
        (("--scope", "tenant", "--unit", "requests", "--window", "0", "--limit", "1"), "window"),
        (("--scope", "planet", "--unit", "requests", "--window", "day", "--limit", "1"), "scope"),
        (("--scope", "widget", "--owner", "999999", "--unit", "requests", "--window", "day", "--limit", "1"), "widget"),
    ],
)
def test_a_limit_that_cannot_be_meant_is_refused(single: Frontdesk, terms: tuple[str, ...], complaint: str) -> None:
    refused = single.run("budget", "set", "demo", *terms, check=False)

    assert refused.returncode == 2
    assert complaint in refused.stderr
    assert "Traceback" not in refused.stderr


# --- several processes


async def test_of_calls_at_once_in_four_processes_exactly_the_limit_is_admitted(cluster: Cluster) -> None:
    key = new_key(cluster.frontdesk, "race")
    limit(cluster.frontdesk, "--scope", "api_key", "--unit", "requests", "--window", "day", "--limit", str(LIMIT))

    answers = await ask_all(cluster.frontdesk.address, key, WORKERS * AT_ONCE)

    assert answers == {200: LIMIT, 429: WORKERS * AT_ONCE - LIMIT}


async def test_what_a_killed_process_held_is_free_again_within_a_minute(cluster: Cluster) -> None:
    key = new_key(cluster.frontdesk, "held")
    limit(cluster.frontdesk, "--scope", "api_key", "--unit", "requests", "--window", "day", "--limit", "20")
    cluster.provider.forget()
    async with aiohttp.ClientSession(headers=bearer(key), connector=aiohttp.TCPConnector(limit=0)) as session:
        body = {"model": HANGING, "messages": MESSAGES}
        held = [
            asyncio.create_task(session.post(f"{cluster.frontdesk.address}/v1/chat/completions", json=body))
            for _ in range(20)
        ]
        await asyncio.to_thread(clusters.until, lambda: len(cluster.provider.calls()) == 20)
        assert await ask_all(cluster.frontdesk.address, key, 4) == {429: 4}

        for child in cluster.children():
            clusters.kill(child)
        await asyncio.gather(*held, return_exceptions=True)

    await asyncio.to_thread(clusters.until, lambda: cluster.readiness()[0] == 200)
    killed_at = time.monotonic()
    admitted: Counter[int] = Counter()
    while not admitted[200] and time.monotonic() < killed_at + WITHIN_S:
        admitted = await ask_all(cluster.frontdesk.address, key, 1)
        await asyncio.sleep(1)
    assert admitted == {200: 1}


def test_nothing_is_admitted_to_a_limit_of_nothing(cluster: Cluster) -> None:
    key = new_key(cluster.frontdesk, "none")
    limit(cluster.frontdesk, "--scope", "api_key", "--unit", "requests", "--window", "day", "--limit", "0")

    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(
            urllib.request.Request(
                f"{cluster.frontdesk.address}/v1/chat/completions",
                json.dumps({"model": "gpt-4o-mini", "messages": MESSAGES}).encode(),
                {**bearer(key), "content-type": "application/json"},
            ),
            timeout=10,
        )

    with caught.value as refusal:
        assert refusal.code == 429
