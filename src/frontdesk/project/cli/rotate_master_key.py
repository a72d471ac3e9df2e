"""`frontdesk rotate_master_key`."""

import argparse
import sys

import msgspec

from frontdesk.project import master_key_rotation
from frontdesk.project.cli import output
from frontdesk.project.cli.errors import UsageError
from frontdesk.project.master_key_rotation import Outcome
from frontdesk.tenants.rotation import CannotOpen, Unopenable

COLUMNS = ["tenant_id", "tenant", "provider", "label", "key_id"]


def run(arguments: argparse.Namespace) -> int:
    """Seal every stored secret with the first master key; exit code 1 if some cannot be opened."""
    try:
        outcome = master_key_rotation.rotate(_tell, is_dry_run=arguments.is_dry_run)
    except master_key_rotation.RotationRunning as error:
        raise UsageError(str(error)) from error
    except CannotOpen as error:
        return _refuse(error, as_json=arguments.as_json)
    if arguments.as_json:
        output.print_json({**msgspec.to_builtins(outcome), "unopenable": []})
    else:
        _explain(outcome, is_in_file=not _is_in_environment())
    return 0


def _is_in_environment() -> bool:
    # Django's settings are loaded by now, and not before a command needs them.
    from django.conf import settings  # noqa: PLC0415

    return bool(settings.CONFIGURATION.master_keys)


def _tell(done: int, of: int) -> None:
    sys.stderr.write(f"sealed again: {done} of {of}\n")


def _refuse(error: CannotOpen, *, as_json: bool) -> int:
    if as_json:
        output.print_json({"unopenable": [_row(one) for one in error.unopenable]})
    else:
        output.print_table([_row(one) for one in error.unopenable], COLUMNS, "")
    sys.stderr.write(
        f"frontdesk: {error}: add the master keys of column key_id, or enter these keys again in the console\n"
    )
    return 1


def _row(one: Unopenable) -> dict[str, object]:
    return dict(msgspec.structs.asdict(one))


def _explain(outcome: Outcome, *, is_in_file: bool) -> None:
    sealed = "to be sealed" if outcome.is_dry_run else "sealed"
    first = "A new key" if outcome.is_new_key and outcome.is_dry_run else f"Master key {outcome.sealing_key}"
    current = outcome.stored - outcome.resealed
    output.print_line(
        f"{first} seals. Stored secrets: {outcome.stored}, {sealed} again: {outcome.resealed}, current: {current}."
    )
    unneeded = ", ".join(outcome.unneeded_keys)
    if is_in_file:
        gone = "would be removed" if outcome.is_dry_run else "was removed"
        output.print_line(f"Old key {unneeded} {gone} from master.key.")
    elif unneeded:
        when = "After a real run no" if outcome.is_dry_run else "No"
        output.print_line(f"{when} stored secret needs {unneeded}: remove it from LLM_MASTER_KEY and restart.")
    elif not outcome.resealed:
        output.print_line(
            "To replace the key, put a new one first (LLM_MASTER_KEY=new,old), restart every server, run this again."
        )
