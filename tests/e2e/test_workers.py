"""Several processes on PostgreSQL and Redis behind nginx: one configuration, one ledger, and failures that heal."""

import asyncio
import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.e2e import cluster as clusters
from tests.e2e.cluster import MESSAGES, WORKERS, Cluster, bearer, load
from tests.e2e.server import FRONTDESK, PROVIDER_KEY, Frontdesk, StandIn

STREAMS = 200
OUTAGE_S = float(os.environ.get("TEST_OUTAGE_S", "3"))
SLOW_STREAM = "openai/fault-slow:chunks=20,delay_ms=300"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with clusters.running(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def cluster(shared: Cluster) -> Cluster:
    shared.ensure_started()
    return shared


async def ask(cluster: Cluster, key: str) -> int:
    """The status of one call, on a connection of its own, past nginx: any of the processes may take it."""
    async with (
        aiohttp.ClientSession(headers=bearer(key)) as session,
        session.post(
            f"{cluster.frontdesk.address}/v1/chat/completions", json={"model": "gpt-4o-mini", "messages": MESSAGES}
        ) as answer,
    ):
        return answer.status


async def ask_all(cluster: Cluster, key: str, calls: int = 25 * WORKERS) -> Counter[int]:
    """The statuses of so many calls at once that every process takes some."""
    return Counter(await asyncio.gather(*(ask(cluster, key) for _ in range(calls))))


def revoke(cluster: Cluster, name: str) -> None:
    code = (
        "from frontdesk.tenants.models import ApiKey; from frontdesk.tenants import api_keys; "
        f"api_keys.revoke_api_key(ApiKey.objects.across_tenants().get(name={name!r}))"
    )
    cluster.frontdesk.run("shell", "-c", code)


def new_key(cluster: Cluster, name: str) -> str:
    return cluster.frontdesk.run("tenant", "key", "demo", "--name", name).stdout.strip()


def target(cluster: Cluster) -> tuple[str, str]:
    """Where and with which key a customer's application asks."""
    return cluster.address, cluster.key


async def healthy(cluster: Cluster) -> None:
    """Wait until every process answers again, whatever the tests before have stopped."""
    for _ in range(60):
        if await ask_all(cluster, cluster.key) == {200: 25 * WORKERS}:
            return
        await asyncio.sleep(0.5)
    raise AssertionError("it did not recover")


@asynccontextmanager
async def running_streams(address: str, key: str, count: int) -> AsyncIterator[list[asyncio.Task[str | None]]]:
    """Streams that have all begun; each gives its reason to finish, or "cut"."""
    begun = asyncio.Semaphore(0)

    async def stream(session: aiohttp.ClientSession) -> str | None:
        body = {"model": SLOW_STREAM, "messages": MESSAGES, "stream": True}
        reason, is_whole = None, False
        try:
            async with session.post(f"{address}/v1/chat/completions", json=body) as answer:
                assert answer.status == 200
                begun.release()
                async for line in answer.content:
                    is_whole = line.strip() == b"data: [DONE]" or is_whole
                    if line.startswith(b"data: {"):
                        reason = json.loads(line[6:])["choices"][0]["finish_reason"] or reason
        except aiohttp.ClientError:
            return "cut"
        return reason if is_whole else "cut"

    connector = aiohttp.TCPConnector(limit=count)
    async with aiohttp.ClientSession(headers=bearer(key), connector=connector) as session:
        streams = [asyncio.create_task(stream(session)) for _ in range(count)]
        for _ in streams:
            await asyncio.wait_for(begun.acquire(), timeout=30)
        yield streams


async def settled(frontdesk: Frontdesk, acknowledged: list[str]) -> dict[str, str]:
    """The statuses of calls by request, once all that were acknowledged are in the ledger."""
    for _ in range(100):
        rows = {call["request_id"]: call["status"] for call in frontdesk.last_calls(10_000)}
        if set(acknowledged) <= rows.keys():
            return rows
        await asyncio.sleep(0.2)
    return rows


def refusal(data_dir: Path, *options: str, **environment: str) -> str:
    """What `serve` says when it refuses to start."""
    refused = subprocess.run(
        [FRONTDESK, "serve", "--port", "0", *options],
        env={"PATH": os.environ["PATH"], "FRONTDESK_DATA_DIR": str(data_dir), "LOG_LEVEL": "ERROR", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert refused.returncode == 2
    return refused.stderr


def test_several_processes_without_redis_are_refused_with_the_reason(tmp_path: Path) -> None:
    said = refusal(tmp_path / "var", "--workers", "2")

    assert said.count("\n") == 1
    assert "--workers 2 needs FRONTDESK_REDIS_URL" in said


def test_a_server_without_redis_is_refused_beside_others_on_the_same_database(cluster: Cluster, tmp_path: Path) -> None:
    database = cluster.frontdesk.environment["FRONTDESK_DATABASE_URL"]

    said = refusal(tmp_path / "other", FRONTDESK_DATABASE_URL=database)

    assert "another Frontdesk serves this database" in said.splitlines()[-1]


async def test_sqlite_serves_several_processes_on_one_machine(redis_db: str, tmp_path: Path) -> None:
    provider = StandIn()
    frontdesk = Frontdesk(
        tmp_path / "var",
        OPENAI_API_KEY=PROVIDER_KEY,
        OPENAI_BASE_URL=provider.base_url,
        FRONTDESK_REDIS_URL=redis_db,
        FRONTDESK_WORKERS="3",
    )
    frontdesk.start()
    try:
        async with load(frontdesk.address, frontdesk.demo["gateway_key"], clients=8) as seen:
            await asyncio.sleep(2)
            for number in range(3):
                await asyncio.to_thread(frontdesk.run, "tenant", "create", f"Shop {number}")
        rows = await settled(frontdesk, seen.acknowledged)
        status = await asyncio.to_thread(frontdesk.stop)
    finally:
        frontdesk.stop()
        provider.stop()
    print(f"answers {dict(seen.answers)}")

    assert (seen.cut, status) == (0, 0)
    assert seen.codes.keys() <= {"budget_store_unavailable"}  # a Redis that is starved of CPU, not the database
    assert {rows.get(request_id) for request_id in seen.acknowledged} == {"success"}
    log = frontdesk.log.read_text()
    assert [word for word in ("locked", "OperationalError", "journal_drain", "snapshot_not") if word in log] == []


async def test_one_budget_holds_for_all_processes(cluster: Cluster) -> None:
    cluster.frontdesk.run("tenant", "create", "Limited", "--slug", "limited")
    key = cluster.frontdesk.run("tenant", "key", "limited").stdout.strip()
    limit = ("--scope", "tenant", "--unit", "requests", "--window", "month", "--limit", "50")
    cluster.frontdesk.run("budget", "set", "limited", *limit)
    await asyncio.sleep(2)

    assert await ask_all(cluster, key, 200) == {200: 50, 429: 150}


async def test_a_revoked_key_is_refused_by_every_process_within_two_seconds(cluster: Cluster) -> None:
    key = new_key(cluster, "to be revoked")
    assert await ask_all(cluster, key) == {200: 25 * WORKERS}

    await asyncio.to_thread(revoke, cluster, "to be revoked")
    await asyncio.sleep(2)

    assert await ask_all(cluster, key) == {401: 25 * WORKERS}


async def test_a_killed_process_is_replaced_and_its_journal_adopted(cluster: Cluster) -> None:
    before = {path.name for path in cluster.journals()}
    booked = cluster.statuses()
    served = cluster.log().count("worker_serves")
    async with running_streams(cluster.frontdesk.address, cluster.key, 40) as streams, load(*target(cluster)) as seen:
        clusters.kill(cluster.busiest())
        await asyncio.sleep(1)
        answered = seen.answers[200]
        await asyncio.to_thread(clusters.until, lambda: cluster.log().count("worker_serves") == served + 1)
        await asyncio.to_thread(clusters.until, lambda: len(cluster.journals()) == WORKERS)
        finishes = Counter(await asyncio.gather(*streams))
    rows = await settled(cluster.frontdesk, seen.acknowledged)
    print(f"streams {dict(finishes)}, answers {dict(seen.answers)}, cut {seen.cut}")

    assert answered > 0
    assert len(cluster.children()) == WORKERS
    assert len({path.name for path in cluster.journals()} - before) == 1
    assert {rows.get(request_id) for request_id in seen.acknowledged} == {"success"}
    assert seen.answers.keys() <= {200, 502}
    assert finishes.keys() == {"stop", "cut"}
    interrupted = (cluster.statuses() - booked)["interrupted"]
    assert finishes["cut"] <= interrupted <= finishes["cut"] + seen.answers[502] + seen.cut


async def test_a_hangup_replaces_every_process_and_no_request_notices(cluster: Cluster) -> None:
    await healthy(cluster)
    old = {child.pid for child in cluster.children()}
    assert cluster.frontdesk.process is not None
    async with load(*target(cluster)) as seen:
        cluster.frontdesk.process.send_signal(signal.SIGHUP)
        await asyncio.to_thread(clusters.until, lambda: not old & {child.pid for child in cluster.children()})
    print(f"answers {dict(seen.answers)}, cut {seen.cut}")

    assert len(cluster.children()) == WORKERS
    assert (seen.answers.keys(), seen.cut) == ({200}, 0)


async def test_redis_may_go_and_come_back_under_load(cluster: Cluster) -> None:
    await healthy(cluster)
    async with load(*target(cluster)) as seen:
        await asyncio.sleep(1)
        cluster.redis.stop()
        await asyncio.to_thread(clusters.until, lambda: cluster.readiness()[1]["redis"] == "failing")
        status, told = cluster.readiness()
        before = sum(seen.answers.values())
        await asyncio.sleep(OUTAGE_S)
        during = sum(seen.answers.values()) - before
        await asyncio.to_thread(cluster.redis.start)
        await asyncio.to_thread(
            clusters.until, lambda: {cluster.readiness()[1]["redis"] for _ in range(4 * WORKERS)} == {"ok"}
        )
        recovered = Counter(seen.answers)
        await asyncio.sleep(1)
    print(f"answers {dict(seen.answers)}, {during} while Redis was away, refused as {dict(seen.codes)}")

    assert (status, told["status"]) == (200, "degraded")
    assert during > 0
    assert seen.answers.keys() <= {200, 503}
    assert seen.codes.keys() <= {"budget_store_unavailable"}
    assert (seen.answers - recovered).keys() == {200}
    rows = await settled(cluster.frontdesk, seen.acknowledged)
    assert {rows.get(request_id) for request_id in seen.acknowledged} == {"success"}


async def test_a_key_is_revoked_everywhere_although_redis_is_away(cluster: Cluster) -> None:
    key = new_key(cluster, "revoked without redis")
    assert await ask_all(cluster, key) == {200: 25 * WORKERS}
    cluster.redis.stop()
    try:
        await asyncio.to_thread(revoke, cluster, "revoked without redis")
        await asyncio.sleep(2)
        statuses = await ask_all(cluster, key)
    finally:
        cluster.redis.start()

    assert statuses == {401: 25 * WORKERS}


async def test_postgresql_may_go_and_come_back_under_load(cluster: Cluster) -> None:
    await healthy(cluster)
    async with load(*target(cluster), clients=2) as seen:  # all of a minute's calls are looked at
        await asyncio.sleep(1)
        cluster.postgres.stop()
        status, told = cluster.readiness()
        before = sum(seen.answers.values())
        await asyncio.sleep(OUTAGE_S)
        during = sum(seen.answers.values()) - before
        await asyncio.to_thread(cluster.postgres.start)
        await asyncio.to_thread(clusters.until, lambda: cluster.readiness()[0] == 200)
        await asyncio.sleep(1)
    rows = await settled(cluster.frontdesk, seen.acknowledged)
    print(f"answers {dict(seen.answers)}, {during} while PostgreSQL was away, refused as {dict(seen.codes)}")

    assert (status, told["status"]) == (503, "unhealthy")
    assert during > 0
    assert (seen.answers.keys(), seen.cut) == ({200}, 0)
    assert [rows.get(request_id) for request_id in seen.acknowledged] == ["success"] * len(seen.acknowledged)


async def test_streams_that_run_at_sigterm_are_all_finished(cluster: Cluster) -> None:
    successes = cluster.statuses()["success"]
    async with running_streams(cluster.address, cluster.key, STREAMS) as streams:
        running = sum(not task.done() for task in streams)
        assert cluster.frontdesk.process is not None
        cluster.frontdesk.process.terminate()
        await asyncio.sleep(0.5)
        told = [cluster.readiness() for _ in range(4 * WORKERS)]
        finishes = Counter(await asyncio.gather(*streams))
        status = await asyncio.to_thread(cluster.frontdesk.stop)
    print(f"{running} streams ran at SIGTERM, finished {dict(finishes)}, exit status {status}")

    assert running == STREAMS
    assert {code for code, _ in told} == {503}
    assert all(body["is_draining"] for _, body in told)
    assert finishes == {"stop": STREAMS}
    assert status == 0
    assert cluster.statuses()["success"] == successes + STREAMS
