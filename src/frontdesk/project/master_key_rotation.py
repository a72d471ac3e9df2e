"""The whole exchange of a master key, wherever the keys are kept.

In LLM_MASTER_KEY the operator puts the new key first and takes the old one out afterwards. In the file `master.key`
all of it happens here: a new key is written before the old one, everything is sealed again, the old one is removed.
Running servers read the file anew when they meet a key that they do not know.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
from django.conf import settings
from django.db import transaction

from frontdesk.gateway.vault import Vault, generate_master_key, master_key_id
from frontdesk.project import secret_file
from frontdesk.tenants import audit, rotation

Progress = Callable[[int, int], None]
"""Told how many secrets are sealed again, of how many."""


class RotationRunning(Exception):
    """Another rotation runs on this data directory."""


class Outcome(msgspec.Struct, frozen=True):
    """What a rotation did, or with `is_dry_run` would do. Keys are named by their ids."""

    sealing_key: str
    stored: int
    resealed: int
    unneeded_keys: list[str]
    """Keys that no stored secret needs any more."""
    is_new_key: bool
    """Whether a new key was made, in `master.key`."""
    is_dry_run: bool


def rotate(on_progress: Progress, *, is_dry_run: bool = False) -> Outcome:
    """Seal every stored secret with the first master key; `rotation.CannotOpen` leaves everything as it was."""
    with _alone(settings.DATA_DIR / "rotate.lock"):
        if settings.CONFIGURATION.master_keys:
            return _rotate(tuple(settings.LLM_MASTER_KEYS), on_progress, is_dry_run=is_dry_run)
        return _exchange(settings.CONFIGURATION.master_key_file, on_progress, is_dry_run=is_dry_run)


def _rotate(
    keys: Sequence[str], on_progress: Progress, *, is_dry_run: bool, known: rotation.Inventory | None = None
) -> Outcome:
    vault = Vault(keys)
    inventory = known or rotation.take_inventory(vault)
    if inventory.unopenable:
        raise rotation.CannotOpen(inventory.unopenable)
    resealed = outdated = inventory.stored.total() - inventory.stored[vault.sealing_id]
    if not is_dry_run:
        resealed = rotation.reseal(vault, lambda done: on_progress(done, outdated))
        if resealed:
            audit.record(None, "rotate_master_key", changes={"sealing": vault.sealing_id, "resealed": resealed})
    return Outcome(
        sealing_key=vault.sealing_id,
        stored=inventory.stored.total(),
        resealed=resealed,
        unneeded_keys=[key_id for key_id in vault.key_ids if key_id != vault.sealing_id],
        is_new_key=False,
        is_dry_run=is_dry_run,
    )


def _exchange(path: Path, on_progress: Progress, *, is_dry_run: bool) -> Outcome:
    """Make a new key, unless a run before was ended between making one and removing the old."""
    keys = settings.CONFIGURATION.resolved_master_keys()
    inventory = rotation.take_inventory(Vault(keys))
    if inventory.unopenable:
        raise rotation.CannotOpen(inventory.unopenable)
    is_new = len(keys) == 1
    if is_new:
        keys = (generate_master_key(), *keys)
        if not is_dry_run:
            secret_file.replace(path, keys)
    outcome = _rotate(keys, on_progress, is_dry_run=is_dry_run, known=inventory)
    if not is_dry_run:
        _forget(path, keys)
    return msgspec.structs.replace(outcome, is_new_key=is_new)


def _forget(path: Path, keys: Sequence[str]) -> None:
    """Leave the first key alone in the file, if nothing was sealed with another one meanwhile."""
    with transaction.atomic():  # on SQLite nobody else writes in here
        inventory = rotation.take_inventory(Vault(keys))
        needed = [key for key in keys[1:] if inventory.stored[master_key_id(key)]]
        secret_file.replace(path, [keys[0], *needed])


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RotationRunning("another rotation runs on this data directory: let it end") from None
        yield
