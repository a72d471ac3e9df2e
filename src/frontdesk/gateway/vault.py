"""Secrets at rest: AES-256-GCM under a master key, bound to the tenant they belong to.

A ciphertext copied to another tenant's row does not open (the tenant id is associated data). A ciphertext names its
master key, so that several can be in use while one is being replaced.
"""

import base64
import binascii
import hashlib
import itertools
import os
from collections.abc import Callable, Sequence

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
_KEY_BYTES = 32
_LEAST_DIFFERENT_BYTES = 16
"""Random keys have 30 different bytes on average, and fewer than 17 once in 10^13."""


class VaultError(Exception):
    """A secret cannot be opened, or a master key cannot be used; the message says what to do."""


class MasterKeyMissing(VaultError):
    """A secret was sealed with a master key that is not among those given: `key_id`."""

    def __init__(self, key_id: str) -> None:
        super().__init__(
            f"a stored secret was sealed with master key {key_id}, which is not among those given: "
            "add that key to LLM_MASTER_KEY or enter the secret again"
        )
        self.key_id = key_id


class Sealed(msgspec.Struct, frozen=True):
    """An encrypted secret: `key_id` names the master key, `ciphertext` is nonce + AES-GCM output."""

    key_id: str
    ciphertext: bytes


def generate_master_key() -> str:
    """Make a fresh master key for `LLM_MASTER_KEY`: 32 random bytes in URL-safe base64 (44 characters)."""
    return base64.urlsafe_b64encode(os.urandom(_KEY_BYTES)).decode()


def master_key_id(master_key: str) -> str:
    """Tell the public name of a master key, from which nothing of the key can be found. VaultError for a weak one."""
    return _key_id(_decode(master_key))


def mask(secret: str) -> str:
    """Show enough of a secret to recognise it: the last four characters, and none of a short one."""
    return f"…{secret[-4:]}" if len(secret) >= 12 else "…"


class Vault:
    """Seals with the first master key, opens with any of them.

    `reread` gives the keys anew; it is asked when a secret names a key that is not known, so that a running process
    follows a rotation. It must be cheap, and may raise VaultError.
    """

    def __init__(self, master_keys: Sequence[str], reread: Callable[[], Sequence[str]] | None = None) -> None:
        if not master_keys:
            raise VaultError("no master key: set LLM_MASTER_KEY (make one with `frontdesk generate_master_key`)")
        raw_keys = [_decode(key) for key in master_keys]
        self._ciphers = {_key_id(raw): AESGCM(raw) for raw in raw_keys}
        self._reread = reread
        self.sealing_id = _key_id(raw_keys[0])
        """The id of the master key that new secrets are sealed with."""

    def __repr__(self) -> str:
        return f"Vault(keys={list(self._ciphers)})"

    @property
    def key_ids(self) -> tuple[str, ...]:
        """List the ids of the master keys; the first seals."""
        return tuple(self._ciphers)

    def seal(self, tenant_id: int, secret: str) -> Sealed:
        """Encrypt `secret` for the tenant."""
        nonce = os.urandom(_NONCE_BYTES)
        body = self._ciphers[self.sealing_id].encrypt(nonce, secret.encode(), _associated(tenant_id))
        return Sealed(self.sealing_id, nonce + body)

    def open(self, tenant_id: int, sealed: Sealed) -> str:
        """Decrypt a secret of the tenant; MasterKeyMissing, or VaultError if it was sealed for someone else."""
        cipher = self._ciphers.get(sealed.key_id) or self._look_again(sealed.key_id)
        nonce, body = sealed.ciphertext[:_NONCE_BYTES], sealed.ciphertext[_NONCE_BYTES:]
        try:
            return cipher.decrypt(nonce, body, _associated(tenant_id)).decode()
        except (InvalidTag, ValueError) as error:
            raise VaultError("a stored secret is damaged or belongs to another tenant: enter it again") from error

    def _look_again(self, key_id: str) -> AESGCM:
        if self._reread is not None:
            raw_keys = [_decode(key) for key in self._reread()]
            self._ciphers = {**self._ciphers, **{_key_id(raw): AESGCM(raw) for raw in raw_keys}}
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise MasterKeyMissing(key_id)
        return cipher


def _associated(tenant_id: int) -> bytes:
    return f"tenant:{tenant_id}".encode()


def _decode(master_key: str) -> bytes:
    """Read a master key; VaultError says why one is refused, and repeats nothing of it."""
    try:
        raw = base64.b64decode(master_key.strip().replace("+", "-").replace("/", "_"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _refusal("it is not URL-safe base64") from None
    if len(raw) != _KEY_BYTES:
        raise _refusal(f"it is {len(raw)} bytes long")
    if len(set(raw)) == 1:
        raise _refusal("all its bytes are equal")
    if len(set(raw)) < _LEAST_DIFFERENT_BYTES:
        raise _refusal(f"it has only {len(set(raw))} different bytes")
    if len({(after - before) % 256 for before, after in itertools.pairwise(raw)}) == 1:
        raise _refusal("its bytes are a plain sequence")
    if all(32 <= byte < 127 for byte in raw):
        raise _refusal("it is a text, not random bytes")
    return raw


def _refusal(reason: str) -> VaultError:
    return VaultError(
        f"LLM_MASTER_KEY is not 32 random bytes in URL-safe base64 ({reason}): "
        "make one with `frontdesk generate_master_key`"
    )


def _key_id(raw: bytes) -> str:
    return hashlib.sha256(b"frontdesk-master-key:" + raw).hexdigest()[:8]
