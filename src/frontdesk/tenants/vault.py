"""The process's Vault, made from the master keys in the settings."""

from functools import lru_cache

from django.conf import settings

from frontdesk.gateway.vault import Vault


def current() -> Vault:
    """Give the Vault that seals with the first master key and opens with all. VaultError when there is none."""
    return _vault(tuple(settings.LLM_MASTER_KEYS))


@lru_cache(maxsize=4)
def _vault(master_keys: tuple[str, ...]) -> Vault:
    return Vault(master_keys)
