"""Rotation of the master key: every stored secret is opened and sealed again with the first key.

Small transactions, each complete in itself, so that a killed run goes on where it was and a second run changes
nothing. Before the first row is touched every secret is tried: without a key that is needed nothing is changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import msgspec
from django.db import models, transaction

from frontdesk.gateway.vault import Vault, VaultError
from frontdesk.tenants.models import ProviderCredential
from frontdesk.tenants.tenancy import bump_version

BATCH = 100
"""Secrets a transaction: a server that writes meanwhile waits some milliseconds."""


class Unopenable(msgspec.Struct, frozen=True):
    """A stored secret that none of the given master keys opens."""

    tenant_id: int
    tenant: str
    provider: str
    label: str
    key_id: str
    """The master key that it names."""
    is_enabled: bool
    reason: str


class Inventory(msgspec.Struct, frozen=True):
    """What is stored, by the id of the master key that sealed it, and what cannot be opened."""

    sealing_id: str
    stored: Counter[str]
    unopenable: tuple[Unopenable, ...]


class CannotOpen(Exception):
    """Some stored secrets cannot be opened, so nothing was changed; `unopenable` lists them."""

    def __init__(self, unopenable: tuple[Unopenable, ...]) -> None:
        super().__init__(
            f"{len(unopenable)} stored secrets cannot be opened with the master keys given, so nothing was changed"
        )
        self.unopenable = unopenable


def take_inventory(vault: Vault) -> Inventory:
    """Try every stored secret, those of disabled rows too."""
    stored: Counter[str] = Counter()
    unopenable = []
    for row in _rows():
        stored[row.key_id] += 1
        try:
            vault.open(row.tenant_id, row.sealed)
        except VaultError as error:
            unopenable.append(
                Unopenable(
                    tenant_id=row.tenant_id,
                    tenant=str(row.tenant),
                    provider=row.provider,
                    label=row.label,
                    key_id=row.key_id,
                    is_enabled=row.is_enabled,
                    reason=str(error),
                )
            )
    return Inventory(vault.sealing_id, stored, tuple(unopenable))


def reseal(vault: Vault, on_progress: Callable[[int], None], batch: int = BATCH) -> int:
    """Seal again what another key has sealed, and tell how many; CannotOpen before anything is changed.

    `on_progress` is told the sum after each transaction.
    """
    if unopenable := take_inventory(vault).unopenable:
        raise CannotOpen(unopenable)
    done, after = 0, 0
    while keys := _outdated_after(vault, after, batch):
        after = keys[-1]
        done += _reseal(vault, keys)
        on_progress(done)
    return done


def _rows() -> Iterator[ProviderCredential]:
    rows = ProviderCredential.objects.across_tenants().select_related("tenant")
    return rows.order_by("id").iterator(chunk_size=500)


def _outdated_after(vault: Vault, after: int, batch: int) -> list[int]:
    rows = ProviderCredential.objects.across_tenants().exclude(key_id=vault.sealing_id).filter(pk__gt=after)
    return list(rows.order_by("id").values_list("id", flat=True)[:batch])


def _reseal(vault: Vault, keys: list[int]) -> int:
    """Write one batch; a row that somebody changed meanwhile was sealed by him and is left as it is."""
    changed = 0
    with transaction.atomic():
        for row in ProviderCredential.objects.across_tenants().filter(pk__in=keys).select_for_update():
            if row.key_id == vault.sealing_id:
                continue
            sealed = vault.seal(row.tenant_id, vault.open(row.tenant_id, row.sealed))
            # A plain query: the version need not move with each row, and nobody edited the row.
            same: models.QuerySet[ProviderCredential] = models.QuerySet(ProviderCredential).filter(
                pk=row.pk, ciphertext=bytes(row.ciphertext)
            )
            changed += same.update(key_id=sealed.key_id, ciphertext=sealed.ciphertext)
        if changed:
            bump_version()
    return changed
