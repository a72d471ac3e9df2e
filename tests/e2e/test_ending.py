"""How a server ends: not ready at once, what runs is finished or booked, nobody waits for nothing; exit status 0."""

import copy
import http.client
import json
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.server import PROVIDER_KEY, Frontdesk, StandIn

DRAIN_S = 3
ENDLESS = "openai/fault-slow:chunks=4000,delay_ms=20"


@pytest.fixture(scope="module")
def provider() -> Iterator[StandIn]:
    standin = StandIn()
    yield standin
    standin.stop()


@pytest.fixture(scope="module")
def installed(provider: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Frontdesk:
    """A Frontdesk that is ready to serve."""
    data_dir = tmp_path_factory.mktemp("ending") / "var"
    return Frontdesk(data_dir, OPENAI_API_KEY=PROVIDER_KEY, OPENAI_BASE_URL=provider.base_url)


@pytest.fixture
def serve(installed: Frontdesk, provider: StandIn) -> Iterator[Callable[..., Frontdesk]]:
    """Starts it with more settings."""
    usual = dict(installed.environment)
    provider.forget()

    def start(**environment: str) -> Frontdesk:
        installed.environment.update(environment)
        installed.start()
        return installed

    yield start
    installed.environment = usual
    if installed.process is not None and installed.process.poll() is None:
        installed.kill()


def connect(frontdesk: Frontdesk) -> http.client.HTTPConnection:
    host, _, port = frontdesk.address.removeprefix("http://").partition(":")
    return http.client.HTTPConnection(host, int(port), timeout=20)


def begin_endless_stream(frontdesk: Frontdesk) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = connect(frontdesk)
    body = json.dumps({"model": ENDLESS, "messages": [{"role": "user", "content": "Hello"}], "stream": True})
    headers = {"authorization": f"Bearer {frontdesk.demo['gateway_key']}", "content-type": "application/json"}
    connection.request("POST", "/v1/chat/completions", body, headers)
    answer = connection.getresponse()
    answer.readline()
    return connection, answer


def signal_to(frontdesk: Frontdesk, number: signal.Signals) -> None:
    assert frontdesk.process is not None
    frontdesk.process.send_signal(number)


def wait(frontdesk: Frontdesk, timeout_s: float) -> int:
    assert frontdesk.process is not None
    return frontdesk.process.wait(timeout_s)


def readiness(connection: http.client.HTTPConnection) -> tuple[int, dict[str, object], str | None]:
    connection.request("GET", "/readyz")
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read()), answer.getheader("connection")


def until_draining(frontdesk: Frontdesk) -> None:
    limit = time.monotonic() + DRAIN_S
    while time.monotonic() < limit:
        try:
            urllib.request.urlopen(f"{frontdesk.address}/readyz", timeout=5).close()
        except urllib.error.HTTPError as error:
            error.close()
            return
        time.sleep(0.02)
    raise AssertionError("it stayed ready")


def test_while_it_drains_a_server_listens_and_says_that_it_is_not_ready(serve: Callable[..., Frontdesk]) -> None:
    frontdesk = serve(FRONTDESK_DRAIN_S=str(DRAIN_S))
    kept = connect(frontdesk)
    before = readiness(kept)

    signal_to(frontdesk, signal.SIGTERM)
    until_draining(frontdesk)
    on_kept = readiness(kept)
    on_new = readiness(connect(frontdesk))
    alive = connect(frontdesk)
    alive.request("GET", "/healthz")

    assert (before[0], before[2]) == (200, None)
    for status, body, connection in (on_kept, on_new):
        assert (status, body["is_draining"], connection) == (503, True, "close")
    assert alive.getresponse().status == 200
    assert wait(frontdesk, 15) == 0


def test_idle_connections_do_not_hold_the_end(serve: Callable[..., Frontdesk]) -> None:
    frontdesk = serve()
    idle = [connect(frontdesk) for _ in range(3)]
    for connection in idle:
        readiness(connection)
    silent = socket.create_connection(idle[0].sock.getpeername())

    status = frontdesk.stop()

    assert status == 0
    assert [connection.sock.recv(1) for connection in idle] == [b""] * 3
    assert silent.recv(1) == b""
    silent.close()
    for connection in idle:
        connection.close()


def test_what_outlasts_the_grace_period_is_cancelled_and_booked(serve: Callable[..., Frontdesk]) -> None:
    frontdesk = serve(FRONTDESK_GRACE_S="1")
    connection, _ = begin_endless_stream(frontdesk)

    status = frontdesk.stop()
    connection.close()

    assert status == 0
    (call,) = frontdesk.last_calls(1)
    assert (call["status"], call["usage_source"]) == ("cancelled", "estimated")
    assert call["output_tokens"] > 0


@pytest.mark.parametrize("signals", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGQUIT)])
def test_a_second_signal_does_not_wait_and_books_what_ran(
    serve: Callable[..., Frontdesk], signals: tuple[signal.Signals, signal.Signals]
) -> None:
    frontdesk = serve(FRONTDESK_GRACE_S="600", FRONTDESK_DRAIN_S=str(DRAIN_S))
    connection, answer = begin_endless_stream(frontdesk)
    signal_to(frontdesk, signals[0])
    until_draining(frontdesk)

    signal_to(frontdesk, signals[1])
    status = wait(frontdesk, 20)
    connection.close()

    assert status == 0
    assert frontdesk.last_calls(1)[0]["status"] == "cancelled"
    assert frontdesk.last_calls(1)[0]["request_id"] == answer.headers["x-request-id"]


def test_a_request_that_runs_at_the_signal_is_answered_and_closes_its_connection(
    serve: Callable[..., Frontdesk], provider: StandIn
) -> None:
    frontdesk = serve()
    connection = connect(frontdesk)
    body = json.dumps(
        {"model": "openai/fault-slow-loris:delay_ms=5", "messages": [{"role": "user", "content": "Hello"}]}
    )
    headers = {"authorization": f"Bearer {frontdesk.demo['gateway_key']}", "content-type": "application/json"}
    connection.request("POST", "/v1/chat/completions", body, headers)
    while not provider.calls():
        time.sleep(0.02)
    stopping = threading.Thread(target=frontdesk.stop)

    stopping.start()
    answer = connection.getresponse()
    answer.read()
    stopping.join()

    assert answer.status == 200
    assert frontdesk.last_calls()[0]["status"] == "success"


def test_another_server_on_the_same_data_keeps_its_address(serve: Callable[..., Frontdesk], redis_db: str) -> None:
    first = serve(FRONTDESK_REDIS_URL=redis_db)
    second = copy.copy(first)
    second.start()

    assert first.stop() == 0
    announced = json.loads((first.data_dir / "server.json").read_text())["address"].rstrip("/")

    assert announced == second.address
    assert second.stop() == 0
    assert not (first.data_dir / "server.json").exists()
