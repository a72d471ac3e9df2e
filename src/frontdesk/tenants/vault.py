"""The process's Vault, made from the master keys in force."""

from collections.abc import Sequence
from functools import lru_cache

from django.conf import settings

from frontdesk.gateway.vault import Vault


def current() -> Vault:
    """Give the Vault that seals with the first master key and opens with all. VaultError when there is none.

    Ask for it when it is needed: where the keys are in a file, a rotation changes them while the process runs.
    """
    return _vault(tuple(_reread() or settings.LLM_MASTER_KEYS))


@lru_cache(maxsize=4)
def _vault(master_keys: tuple[str, ...]) -> Vault:
    return Vault(master_keys, _reread)


def _reread() -> Sequence[str]:
    found: Sequence[str] = settings.LLM_REREAD_MASTER_KEYS()
    return found
