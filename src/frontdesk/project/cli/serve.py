"""`frontdesk serve`: one process that serves, or the parent of several, which serves nothing itself."""

import argparse
import importlib
import importlib.util
import os
from typing import Any

from frontdesk.project import configuration, log
from frontdesk.project.cli.errors import UsageError
from frontdesk.project.cli.runner import guarded
from frontdesk.project.configuration import Configuration
from frontdesk.server import supervisor
from frontdesk.server.listening import CannotServe


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop."""
    chosen = configuration.load()
    host = arguments.host or chosen.host
    port = chosen.port if arguments.port is None else arguments.port
    workers = arguments.workers or chosen.workers
    _require_redis(chosen, workers)
    try:
        if workers == 1:
            server = _prepared()
            server.run(host, port, _patience(server, chosen), _services())
            return 0
        return _supervise(chosen, host, port, workers)
    except CannotServe as error:
        raise UsageError(str(error)) from error


def _supervise(chosen: Configuration, host: str, port: int, workers: int) -> int:
    log.configure({"level": chosen.log_level, "as_json": chosen.is_production})

    def serve(tie: supervisor.Tie) -> int:
        return guarded(lambda: _serve_supervised(chosen, tie, workers))

    return supervisor.run(
        host, port, workers=workers, data_dir=chosen.data_dir, patience_s=chosen.drain_s + chosen.grace_s, serve=serve
    )


def _serve_supervised(chosen: Configuration, tie: supervisor.Tie, workers: int) -> int:
    os.environ["FRONTDESK_WORKERS"] = str(workers)  # what --workers said: budgets are shared among so many
    server = _prepared()
    supervision = server.Supervision(ready=tie.ready, leash=tie.leash, processes=workers)
    try:
        server.run_supervised(tie.listener, _patience(server, chosen), supervision, _services())
    except CannotServe as error:
        raise UsageError(str(error)) from error
    return 0


def _prepared() -> Any:
    """Check the surroundings and give the module that serves, with Django: only where it runs, never in a parent."""
    importlib.import_module("frontdesk.project.cli.preflight").prepare_to_serve()
    return importlib.import_module("frontdesk.server.serve")


def _patience(server: Any, chosen: Configuration) -> Any:
    return server.Patience(drain_s=chosen.drain_s, grace_s=chosen.grace_s)


def _services() -> tuple[Any, ...]:
    """Make what runs beside the requests in each serving process."""
    services: tuple[Any, ...] = importlib.import_module("frontdesk.project.jobs.embedded").services()
    return services


def _require_redis(chosen: Configuration, workers: int) -> None:
    has_redis = bool(chosen.redis_url.get_secret_value())
    if workers > 1 and not has_redis:
        raise UsageError(
            f"--workers {workers} needs FRONTDESK_REDIS_URL: without Redis each process would count budgets for itself "
            "and spend the limit again; set it, or serve with one process"
        )
    if has_redis and importlib.util.find_spec("redis") is None:
        raise UsageError(
            "FRONTDESK_REDIS_URL is set, but redis is not installed: pip install '.[redis]' in Frontdesk's folder"
        )
