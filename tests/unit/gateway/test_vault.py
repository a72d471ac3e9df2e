"""Secrets at rest: what opens what, which master keys are refused, how a running process follows a rotation."""

import base64
import random
import string

import pytest

from frontdesk.gateway.vault import (
    MasterKeyMissing,
    Sealed,
    Vault,
    VaultError,
    generate_master_key,
    mask,
    master_key_id,
)

OLD, NEW = generate_master_key(), generate_master_key()
ALICE, MALLORY = 2, 3


def weak(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()


def test_first_key_seals_and_every_key_opens():
    sealed_before = Vault([OLD]).seal(ALICE, "sk-secret")
    vault = Vault([NEW, OLD])

    sealed_now = vault.seal(ALICE, "sk-secret")

    assert (sealed_before.key_id, sealed_now.key_id) == (master_key_id(OLD), master_key_id(NEW))
    assert [vault.open(ALICE, sealed) for sealed in (sealed_before, sealed_now)] == ["sk-secret", "sk-secret"]
    assert (vault.sealing_id, vault.key_ids) == (master_key_id(NEW), (master_key_id(NEW), master_key_id(OLD)))


def test_secret_of_another_tenant_does_not_open():
    sealed = Vault([OLD]).seal(ALICE, "sk-secret")

    with pytest.raises(VaultError, match="damaged or belongs to another tenant"):
        Vault([OLD]).open(MALLORY, sealed)


@pytest.mark.parametrize(
    "damage", [lambda body: body[:-1], lambda body: b"", lambda body: body[:12], lambda body: body[:5]]
)
def test_damaged_secret_is_told(damage):
    sealed = Vault([OLD]).seal(ALICE, "sk-secret")

    with pytest.raises(VaultError, match="damaged"):
        Vault([OLD]).open(ALICE, Sealed(sealed.key_id, damage(sealed.ciphertext)))


def test_key_that_is_missing_is_named():
    with pytest.raises(MasterKeyMissing) as refusal:
        Vault([NEW]).open(ALICE, Vault([OLD]).seal(ALICE, "sk-secret"))

    assert refusal.value.key_id == master_key_id(OLD)
    assert master_key_id(OLD) in str(refusal.value)


def test_unknown_key_is_looked_for_again():
    in_file = [OLD]
    running = Vault(in_file, lambda: in_file)
    in_file = [NEW, OLD]

    assert running.open(ALICE, Vault(in_file).seal(ALICE, "sk-secret")) == "sk-secret"


def test_key_that_is_gone_from_the_file_still_opens_in_a_running_process():
    in_file = [OLD]
    running = Vault(in_file, lambda: in_file)
    in_snapshot = running.seal(ALICE, "sk-old")
    in_file = [NEW]
    running.open(ALICE, Vault(in_file).seal(ALICE, "sk-new"))

    assert running.open(ALICE, in_snapshot) == "sk-old"


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "it is 0 bytes long"),
        ("your-encryption-key-for-production", "it is not URL-safe base64"),
        (weak(bytes(range(31))), "it is 31 bytes long"),
        (weak(random.Random(1).randbytes(33)), "it is 33 bytes long"),
        (NEW + "AAAA", "it is not URL-safe base64"),
        (NEW[:20] + "!" + NEW[21:], "it is not URL-safe base64"),
        (weak(bytes(32)), "all its bytes are equal"),
        (weak(b"\xff" * 32), "all its bytes are equal"),
        (weak(b"\x01\x02" * 16), "it has only 2 different bytes"),
        (weak(bytes(range(15)) + bytes(17)), "it has only 15 different bytes"),
        (weak(bytes(range(100, 132))), "its bytes are a plain sequence"),
        (weak(string.ascii_letters[:32].encode()), "it is a text, not random bytes"),
        (weak(b"correct horse battery staple 123"), "it is a text, not random bytes"),
    ],
)
def test_weak_master_key_is_refused_with_the_reason_and_not_repeated(key, reason):
    with pytest.raises(VaultError) as refusal:
        Vault([key])

    assert f"({reason})" in str(refusal.value)
    assert not key or key not in str(refusal.value)


def test_weak_key_behind_a_good_one_is_refused_too():
    with pytest.raises(VaultError, match="all its bytes are equal"):
        Vault([NEW, weak(bytes(32))])


def test_master_key_in_the_other_base64_alphabet_is_the_same_key():
    raw = bytes(range(251, 256)) + random.Random(5).randbytes(27)

    assert master_key_id(base64.b64encode(raw).decode()) == master_key_id(weak(raw))


def test_fresh_keys_are_never_refused():
    assert len({master_key_id(generate_master_key()) for _ in range(2_000)}) == 2_000


def test_neither_vault_nor_mask_shows_a_secret():
    assert OLD not in repr(Vault([OLD]))
    assert (mask("sk-0123456789abcd"), mask("short"), mask("")) == ("…abcd", "…", "…")
