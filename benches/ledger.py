"""Measures the way of a call's records: appending to the journal, and the journal becoming rows. Prints JSON.

Run `python benches/ledger.py [CALLS]`; it works in a temporary data directory of its own, on SQLite.
"""

import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Append an intent and a settled record for each call, then drain them."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    with tempfile.TemporaryDirectory() as directory:
        os.environ["FRONTDESK_DATA_DIR"] = directory
        os.environ.pop("FRONTDESK_DATABASE_URL", None)
        os.environ["DJANGO_SETTINGS_MODULE"] = "frontdesk.project.settings"
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        print(json.dumps({"bench": "ledger", "machine": machine(), **measure(Path(directory), calls)}, indent=2))


def measure(root: Path, calls: int) -> dict[str, object]:
    """Time appending and draining."""
    from frontdesk.gateway.clock import SystemClock, uuid7
    from frontdesk.gateway.journal.record import Caller, Intent, Settled
    from frontdesk.gateway.journal.writer import JournalWriter
    from frontdesk.gateway.messages import Usage
    from frontdesk.usage.drain import Drain
    from frontdesk.usage.models import ProviderUsage

    clock = SystemClock()
    usage = Usage(900, 100, 0, 250, 0)
    records = []
    for _ in range(calls):
        call_id = uuid7(clock.now_ns())
        caller = Caller(1, str(call_id), "chat", 1)
        intent = Intent(call_id.bytes, clock.now_ns(), caller, "openai", "gpt-4o-mini", "c1", False, 1000, 500, 0.7)
        settled = Settled(
            intent, "success", usage, 292_500, 812, 240, "gpt-4o-mini-2024-07-18", "stop", "stop", "genai-prices"
        )
        records.append((intent, settled))
    writer = JournalWriter.open(root / "journal", clock)
    started = time.perf_counter()
    for intent, settled in records:
        writer.append(intent)
        writer.append(settled)
    append_s = time.perf_counter() - started
    drain = Drain(writer)
    started, started_cpu = time.perf_counter(), time.process_time()
    rows = drain.drain()
    drain_s, drain_cpu_s = time.perf_counter() - started, time.process_time() - started_cpu
    stored = ProviderUsage.objects.across_tenants().count()
    writer.close()
    if not rows == stored == calls:
        raise SystemExit(f"{calls} calls made {rows} rows, of which the table holds {stored}")
    return {
        "calls": calls,
        "append_us_per_record": round(append_s / calls / 2 * 1e6, 2),
        "drain_rows_per_s": round(calls / drain_s),
        "drain_cpu_us_per_row": round(drain_cpu_s / calls * 1e6, 1),
    }


def machine() -> dict[str, object]:
    """Tell what the figures were measured on."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cpus": os.cpu_count(),
        "load_1m": round(os.getloadavg()[0], 2),
    }


if __name__ == "__main__":
    main()
