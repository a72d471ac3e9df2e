"""`frontdesk health`."""

import argparse
import contextlib
import importlib
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from frontdesk.project import configuration
from frontdesk.project.cli import output
from frontdesk.project.cli.errors import UsageError
from frontdesk.project.errors import ConfigurationError

TIMEOUT_S = 5.0
ADDRESS_FILE = "server.json"
HEALTHY, UNHEALTHY, ERROR = "healthy", "unhealthy", "error"

_LONGEST_BODY = 1_000_000


def run(arguments: argparse.Namespace) -> int:
    """Print how the server is; exit code 0 only if it is healthy."""
    report = _report()
    if arguments.as_json:
        output.print_json(report)
    else:
        _print(report)
    return 0 if report["status"] == HEALTHY else 1


def _report() -> dict[str, Any]:
    try:
        data_dir = configuration.load().data_dir
    except ConfigurationError as error:
        return _without_server(ERROR, str(error))
    address = _address(data_dir / ADDRESS_FILE)
    if address is None:
        return _without_server(
            UNHEALTHY, "no server is running on this data directory: start one with `frontdesk serve`"
        )
    try:
        return _ask(address)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return _without_server(UNHEALTHY, f"the server at {address} does not answer: {reason}")


def _address(path: Path) -> str | None:
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        return str(json.loads(path.read_text())["address"]).rstrip("/")
    return None


def _ask(address: str) -> dict[str, Any]:
    # The server is on this machine: no proxy of the environment has anything to do with it.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    if not address.startswith("http"):
        raise ValueError("its address is not an HTTP address")
    try:
        with opener.open(f"{address}/readyz", timeout=TIMEOUT_S) as response:
            body, is_ready = response.read(_LONGEST_BODY), True
    except urllib.error.HTTPError as error:
        body, is_ready = error.read(_LONGEST_BODY), False
    answer = json.loads(body)
    if not isinstance(answer, dict):
        raise ValueError("its answer is not a JSON object")
    recent = _recent_calls()
    answer["warnings"] = [*answer.get("warnings", []), *recent.pop("warnings", [])]
    status = answer.get("status") if answer.get("status") in {HEALTHY, UNHEALTHY, ERROR} else None
    return {
        "providers": [],
        "errors": [],
        "warnings": [],
        **recent,
        **answer,
        "status": status or (HEALTHY if is_ready else UNHEALTHY),
        "server": address,
    }


def _recent_calls() -> dict[str, Any]:
    """Ask the ledger; the report is given without these figures when the database cannot be read."""
    # Django is loaded only once a server has answered.
    try:
        figures: dict[str, Any] = importlib.import_module("frontdesk.project.cli.recent_calls").figures()
    except (ConfigurationError, UsageError):
        return {"success_rate": None, "avg_response_time": None}
    return figures


def _without_server(status: str, error: str) -> dict[str, Any]:
    return {
        "status": status,
        "server": None,
        "providers": [],
        "success_rate": None,
        "avg_response_time": None,
        "errors": [error],
        "warnings": [],
    }


def _print(report: dict[str, Any]) -> None:
    first = {name: report[name] for name in ("status", "server", "providers", "success_rate", "avg_response_time")}
    more = {name: value for name, value in report.items() if name not in {*first, "errors", "warnings"}}
    output.print_pairs({name: _plain(value) for name, value in {**first, **more}.items()})
    for kind in ("errors", "warnings"):
        for sentence in report[kind]:
            output.print_line(f"{kind.removesuffix('s')}: {sentence}")


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    return value
