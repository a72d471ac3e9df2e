"""Measures what the gateway costs: `make bench`, or `python -m benches.gateway`.

The upstream is a mock that answers at once, in a process of its own. Measured are the real `frontdesk serve` with
everything on, the bare stack (see `bare_stack`), and the peers that are installed: all run side by side and are
measured in turn. JSON with the machine's facts goes to stdout and to `benches/results/`; progress goes to stderr.
Figures of different machines do not compare; ratios within a run do.
"""

import argparse
import contextlib
import dataclasses
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psutil
import uvloop

from benches import peers
from benches.measuring import (
    ROOT,
    BenchError,
    Endpoint,
    cpu_s,
    first_answer_s,
    free_port,
    machine,
    main_thread_cpu_s,
    pss_mib,
    read_streams,
    run_json,
    running,
    wrk,
)
from benches.mock_upstream import CHUNKS

ROUNDS = 3
STREAMS = 200
_SETTLE_S = 1.0
"""Time for what goes on after the last answer (the journal's way to the database): it is part of the cost."""


def main() -> None:
    """Measure and report."""
    arguments = _arguments()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed: apt-get install wrk")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as name:
        folder = pathlib.Path(name)
        with _upstream(folder) as upstream:
            report = _measure_all(arguments, upstream, folder)
    report["took_s"] = round(time.monotonic() - began, 1)
    text = json.dumps(report, indent=2)
    results = ROOT / "benches" / "results"
    results.mkdir(exist_ok=True)
    (results / f"gateway-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json").write_text(text + "\n")
    print(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=9, help="length of the main measurement of each gateway")
    parser.add_argument("--litellm-python", default="", help="the Python of an environment that has litellm[proxy]")
    parser.add_argument("--portkey-dir", default="", help="the folder of the npm package @portkey-ai/gateway")
    parser.add_argument("--only", choices=["frontdesk", "bare"], help="measure only this one")
    return parser.parse_args()


@dataclasses.dataclass
class Subject:
    """A gateway that is running, and what was measured of it so far."""

    name: str
    endpoint: Endpoint
    process: psutil.Process
    start_to_first_answer_s: float
    pss_mib_idle: float
    cpu_us_per_request: list[float] = dataclasses.field(default_factory=list)
    loop_us_per_request: list[float] = dataclasses.field(default_factory=list)
    """The main thread's part of it; the rest is the journal's way to the database."""
    cpu_us_per_chunk: list[float] = dataclasses.field(default_factory=list)
    requests: int = 0
    seconds: float = 0.0
    figures: dict[str, Any] = dataclasses.field(default_factory=dict)
    streams_fail: str = ""
    """Why its streams are not measured: a peer that cannot stream here is still measured without."""

    def report(self) -> dict[str, Any]:
        """Summarise: medians of the rounds, with each round beside them."""
        return {
            "start_to_first_answer_s": self.start_to_first_answer_s,
            "cpu_us_per_request": round(statistics.median(self.cpu_us_per_request), 1),
            "cpu_us_per_request_rounds": self.cpu_us_per_request,
            "cpu_us_per_request_main_thread": round(statistics.median(self.loop_us_per_request), 1),
            "cpu_us_per_chunk": round(statistics.median(self.cpu_us_per_chunk), 1) if self.cpu_us_per_chunk else None,
            "cpu_us_per_chunk_rounds": self.cpu_us_per_chunk,
            "requests_per_s": round(self.requests / self.seconds),
            "requests": self.requests,
            **self.figures,
            "pss_mib_idle": self.pss_mib_idle,
            "pss_mib_after_load": pss_mib(self.process),
        }


def _measure_all(arguments: argparse.Namespace, upstream: str, folder: pathlib.Path) -> dict[str, Any]:
    """Run all gateways side by side and measure them in turn, so that a busy machine troubles all alike."""
    direct = wrk(Endpoint(upstream), 1, 2)
    starts, absent = _subjects(arguments, upstream, folder)
    report: dict[str, Any] = {"machine": machine(), "upstream_p50_ms": direct["p50_ms"]}
    with contextlib.ExitStack() as stack:
        subjects = [_start(name, start, stack) for name, start in starts.items()]
        for _ in range(ROUNDS):
            for subject in subjects:
                _measure_requests(subject, max(1, arguments.seconds // ROUNDS))
                if not subject.streams_fail:
                    _measure_streams(subject)
        for subject in subjects:
            _measure_latency(subject, max(2, arguments.seconds // 4), direct["p50_ms"])
        report["gateways"] = {subject.name: subject.report() for subject in subjects}
    if arguments.only is None:
        report["bare_stack_pss_mib"] = _bare_memory()
    report["ratios"] = _ratios(report["gateways"])
    absent |= {f"{subject.name} streams": subject.streams_fail for subject in subjects if subject.streams_fail}
    report["not_measured"] = absent
    for name, reason in absent.items():
        _say(f"{name}: {reason}")
    return report


Started = contextlib.AbstractContextManager[tuple[Endpoint, psutil.Process]]


def _subjects(
    arguments: argparse.Namespace, upstream: str, folder: pathlib.Path
) -> tuple[dict[str, Started], dict[str, str]]:
    """Find what can be measured, and say why the rest cannot."""
    starts: dict[str, Started] = {"frontdesk": _frontdesk(upstream, folder), "bare": _bare(upstream, folder)}
    if arguments.only:
        return {arguments.only: starts[arguments.only]}, {}
    absent: dict[str, str] = {}
    if command := peers.litellm_command(arguments.litellm_python):
        starts["litellm"] = peers.litellm(command, upstream, folder)
    else:
        absent["litellm"] = "not installed: no `litellm` in PATH, none given by --litellm-python"
    if entry := peers.portkey_entry(arguments.portkey_dir):
        starts["portkey"] = peers.portkey(entry, upstream, folder)
    else:
        absent["portkey"] = "not installed: no npm package @portkey-ai/gateway, none given by --portkey-dir"
    return starts, absent


def _start(name: str, start: Started, stack: contextlib.ExitStack) -> Subject:
    _say(f"{name}: starting")
    endpoint, process = stack.enter_context(start)
    first_s = first_answer_s(endpoint, process.create_time())
    time.sleep(_SETTLE_S)
    subject = Subject(name, endpoint, process, first_s, pss_mib(process))
    _say(f"{name}: first answer after {first_s} s; warming up")
    wrk(endpoint, 32, 2)
    try:
        uvloop.run(read_streams(endpoint, 20))
    except BenchError as error:
        if name == "frontdesk":
            raise
        subject.streams_fail = str(error)
    return subject


def _measure_requests(subject: Subject, seconds: int) -> None:
    before, before_main = cpu_s(subject.process), main_thread_cpu_s(subject.process)
    run = wrk(subject.endpoint, 32, seconds)
    time.sleep(_SETTLE_S)
    subject.cpu_us_per_request.append(round((cpu_s(subject.process) - before) / run["requests"] * 1e6, 1))
    in_main = main_thread_cpu_s(subject.process) - before_main
    subject.loop_us_per_request.append(round(in_main / run["requests"] * 1e6, 1))
    subject.requests += int(run["requests"])
    subject.seconds += run["seconds"]
    _say(f"{subject.name}: {subject.cpu_us_per_request[-1]:.0f} µs CPU a request")


def _measure_streams(subject: Subject) -> None:
    before = cpu_s(subject.process)
    events = uvloop.run(read_streams(subject.endpoint, STREAMS))
    time.sleep(_SETTLE_S)
    expected = STREAMS * CHUNKS
    if events < expected:
        raise BenchError(f"{subject.name}: only {events} of {expected} chunks arrived")
    subject.cpu_us_per_chunk.append(round((cpu_s(subject.process) - before) / expected * 1e6, 1))
    _say(f"{subject.name}: {subject.cpu_us_per_chunk[-1]:.0f} µs CPU a chunk")


def _measure_latency(subject: Subject, seconds: int, upstream_p50_ms: float) -> None:
    one = wrk(subject.endpoint, 1, seconds)
    many = wrk(subject.endpoint, 128, seconds + 1)
    subject.figures = {
        "p50_ms_1_connection": one["p50_ms"],
        "added_p50_ms_1_connection": round(one["p50_ms"] - upstream_p50_ms, 3),
        "p99_ms_128_connections": many["p99_ms"],
    }


def _ratios(gateways: dict[str, Any]) -> dict[str, Any]:
    ours = gateways.get("frontdesk")
    if ours is None:
        return {}
    return {
        f"frontdesk_to_{name}": {
            "cpu_per_request": round(ours["cpu_us_per_request"] / other["cpu_us_per_request"], 3),
            "cpu_per_chunk": _ratio(ours["cpu_us_per_chunk"], other["cpu_us_per_chunk"]),
            "p50_1_connection": round(ours["p50_ms_1_connection"] / other["p50_ms_1_connection"], 3),
        }
        for name, other in gateways.items()
        if name != "frontdesk"
    }


def _ratio(ours: float, other: float | None) -> float | None:
    return None if other is None else round(ours / other, 3)


@contextlib.contextmanager
def _upstream(folder: pathlib.Path) -> Iterator[str]:
    log = folder / "upstream.log"
    with running([sys.executable, "-m", "benches.mock_upstream"], log):
        for _ in range(500):
            if (url := log.read_text().strip()).startswith("http"):
                yield url
                return
            time.sleep(0.01)
        raise BenchError(f"the mock upstream did not start: {log.read_text()[-300:]}")


@contextlib.contextmanager
def _frontdesk(upstream: str, folder: pathlib.Path) -> Iterator[tuple[Endpoint, psutil.Process]]:
    """Set up a data directory of its own and run `frontdesk serve`."""
    command = str(pathlib.Path(sys.executable).parent / "frontdesk")
    env = {
        "FRONTDESK_DATA_DIR": str(folder / "data"),
        "OPENAI_API_KEY": "sk-bench",
        "OPENAI_BASE_URL": upstream,
    }
    run_json([command, "migrate"], env)
    key = run_json([command, "demo", "--json"], env)["gateway_key"]
    port = free_port()
    arguments = [command, "serve", "--host", "127.0.0.1", "--port", str(port)]
    with running(arguments, folder / "frontdesk.log", env) as process:
        try:
            yield Endpoint(f"http://127.0.0.1:{port}/v1", key, "openai/gpt-4o-mini"), process
        except BenchError as error:
            raise BenchError(f"{error}\n{(folder / 'frontdesk.log').read_text()[-1500:]}") from error


@contextlib.contextmanager
def _bare(upstream: str, folder: pathlib.Path) -> Iterator[tuple[Endpoint, psutil.Process]]:
    port = free_port()
    arguments = [sys.executable, "-m", "benches.bare_stack", "proxy", "--port", str(port), "--upstream", upstream]
    with running(arguments, folder / "bare.log") as process:
        yield Endpoint(f"http://127.0.0.1:{port}/v1"), process


def _bare_memory() -> float:
    command = [sys.executable, "-c", "from benches.bare_stack import hold_memory; hold_memory()"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if line != b"ready":
            raise BenchError(f"the bare stack did not load: {line!r}")
        weighed = pss_mib(psutil.Process(process.pid))
        process.communicate()
        return weighed


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except BenchError as problem:
        sys.exit(f"bench: {problem}")
