"""Secrets at rest: AES-256-GCM under a master key, bound to the tenant they belong to.

A ciphertext copied to another tenant's row does not open (the tenant id is associated data). A ciphertext names its
master key, so that several can be in use while one is being replaced.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
_KEY_BYTES = 32


class VaultError(Exception):
    """A secret cannot be opened, or a master key cannot be used; the message says what to do."""


class Sealed(msgspec.Struct, frozen=True):
    """An encrypted secret: `key_id` names the master key, `ciphertext` is nonce + AES-GCM output."""

    key_id: str
    ciphertext: bytes


def generate_master_key() -> str:
    """Make a fresh master key for `LLM_MASTER_KEY`: 32 random bytes in URL-safe base64 (44 characters)."""
    return base64.urlsafe_b64encode(os.urandom(_KEY_BYTES)).decode()


def mask(secret: str) -> str:
    """Show enough of a secret to recognise it: the last four characters, and none of a short one."""
    return f"…{secret[-4:]}" if len(secret) >= 12 else "…"


class Vault:
    """Seals with the first master key, opens with any of them."""

    def __init__(self, master_keys: Sequence[str]) -> None:
        if not master_keys:
            raise VaultError("no master key: set LLM_MASTER_KEY (make one with `frontdesk generate_master_key`)")
        raw_keys = [_decode(key) for key in master_keys]
        self._ciphers = {_key_id(raw): AESGCM(raw) for raw in raw_keys}
        self._sealing_id = _key_id(raw_keys[0])

    def __repr__(self) -> str:
        return f"Vault(keys={list(self._ciphers)})"

    def seal(self, tenant_id: int, secret: str) -> Sealed:
        """Encrypt `secret` for the tenant."""
        nonce = os.urandom(_NONCE_BYTES)
        body = self._ciphers[self._sealing_id].encrypt(nonce, secret.encode(), _associated(tenant_id))
        return Sealed(self._sealing_id, nonce + body)

    def open(self, tenant_id: int, sealed: Sealed) -> str:
        """Decrypt a secret of the tenant; VaultError if its key is missing or it was sealed for someone else."""
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            raise VaultError(
                f"a stored secret was sealed with master key {sealed.key_id}, which is not among those given: "
                "add that key to LLM_MASTER_KEY or enter the secret again"
            )
        nonce, body = sealed.ciphertext[:_NONCE_BYTES], sealed.ciphertext[_NONCE_BYTES:]
        try:
            return cipher.decrypt(nonce, body, _associated(tenant_id)).decode()
        except InvalidTag as error:
            raise VaultError("a stored secret is damaged or belongs to another tenant: enter it again") from error


def _associated(tenant_id: int) -> bytes:
    return f"tenant:{tenant_id}".encode()


def _decode(master_key: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(master_key)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != _KEY_BYTES:
        raise VaultError(
            "LLM_MASTER_KEY is not 32 bytes in URL-safe base64: make one with `frontdesk generate_master_key`"
        )
    return raw


def _key_id(raw: bytes) -> str:
    return hashlib.sha256(b"frontdesk-master-key:" + raw).hexdigest()[:8]
