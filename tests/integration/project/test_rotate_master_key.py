"""`frontdesk rotate_master_key`: with keys in the environment, and the whole exchange with a key in a file."""

from __future__ import annotations

import fcntl
import json
import stat
from types import SimpleNamespace

import pytest
from django.conf import settings as django_settings

from frontdesk.gateway.vault import Vault, generate_master_key, master_key_id
from frontdesk.project import cli, configuration
from frontdesk.tenants import services
from frontdesk.tenants import vault as tenants_vault
from frontdesk.tenants.models import AuditEvent, ProviderCredential

pytestmark = pytest.mark.django_db

NEW = generate_master_key()


@pytest.fixture
def run(capsys, monkeypatch):
    """The command with its exit code, output and errors; Django is loaded already."""
    monkeypatch.setattr("frontdesk.project.cli.preflight.prepare", lambda: None)

    def run_command(*options):
        code = cli.main(["rotate_master_key", *options])
        return SimpleNamespace(code=code, **dict(zip(("out", "err"), capsys.readouterr(), strict=True)))

    return run_command


@pytest.fixture
def key_file(settings, tmp_path):
    """Master keys in a file, as in development; gives the file."""
    chosen = configuration.load({"ENVIRONMENT": "test", "FRONTDESK_DATA_DIR": str(tmp_path)})
    settings.CONFIGURATION, settings.DATA_DIR = chosen, tmp_path
    settings.LLM_MASTER_KEYS = chosen.resolved_master_keys()
    settings.LLM_REREAD_MASTER_KEYS = chosen.reread_master_keys
    return tmp_path / "master.key"


@pytest.fixture
def in_environment(settings, tmp_path):
    """Master keys in LLM_MASTER_KEY: the function sets them."""

    def choose(*keys):
        given = {"ENVIRONMENT": "test", "FRONTDESK_DATA_DIR": str(tmp_path), "LLM_MASTER_KEY": ",".join(keys)}
        chosen = configuration.load(given)
        settings.CONFIGURATION, settings.DATA_DIR = chosen, tmp_path
        settings.LLM_MASTER_KEYS = chosen.resolved_master_keys()
        settings.LLM_REREAD_MASTER_KEYS = chosen.reread_master_keys

    return choose


@pytest.fixture
def stored(alice_tenant):
    def store():
        services.store_credential(alice_tenant.pk, "openai", "sk-alice-0123456789")
        return ProviderCredential.objects.for_tenant(alice_tenant)

    return store


def test_first_key_of_the_environment_seals_and_the_others_are_named_as_unneeded(run, in_environment, stored):
    old = generate_master_key()
    in_environment(old)
    rows = stored()
    in_environment(NEW, old)

    ran = run("--json")

    assert (ran.code, json.loads(ran.out)) == (
        0,
        {
            "sealing_key": master_key_id(NEW),
            "stored": 1,
            "resealed": 1,
            "unneeded_keys": [master_key_id(old)],
            "is_new_key": False,
            "is_dry_run": False,
            "unopenable": [],
        },
    )
    assert ran.err == "sealed again: 1 of 1\n"
    assert Vault([NEW]).open(rows.get().tenant_id, rows.get().sealed) == "sk-alice-0123456789"
    event = AuditEvent.unscoped.filter(action="rotate_master_key").get()
    assert event.changes == {"sealing": master_key_id(NEW), "resealed": 1}


def test_dry_run_changes_nothing(run, in_environment, stored):
    old = generate_master_key()
    in_environment(old)
    before = stored().get().sealed
    in_environment(NEW, old)

    ran = run("--dry-run")

    assert ran.code == 0
    assert "to be sealed again: 1" in ran.out
    assert ProviderCredential.unscoped.get().sealed == before


def test_secret_that_cannot_be_opened_is_listed_and_nothing_is_done(run, in_environment, stored):
    old = generate_master_key()
    in_environment(old)
    stored()
    in_environment(NEW)

    ran = run()
    as_json = run("--json")

    assert (ran.code, as_json.code) == (1, 1)
    assert ran.out.splitlines()[1].split()[-3:] == ["openai", "default", master_key_id(old)]
    assert "nothing was changed" in ran.err
    assert [one["key_id"] for one in json.loads(as_json.out)["unopenable"]] == [master_key_id(old)]
    assert ProviderCredential.unscoped.get().key_id == master_key_id(old)


def test_key_in_a_file_is_exchanged_whole(run, key_file, stored):
    old = key_file.read_text().strip()
    rows = stored()

    ran = run("--json")

    (new,) = key_file.read_text().split()
    assert (ran.code, json.loads(ran.out)["is_new_key"]) == (0, True)
    assert new != old
    assert rows.get().key_id == master_key_id(new)
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert [path.name for path in key_file.parent.iterdir() if path.name.startswith(".")] == []


def test_running_server_follows_the_exchange(run, key_file, stored, alice_tenant):
    rows = stored()
    of_the_server = tenants_vault.current()
    in_its_snapshot = rows.get().sealed

    run()

    assert of_the_server.open(alice_tenant.pk, rows.get().sealed) == "sk-alice-0123456789"
    assert of_the_server.open(alice_tenant.pk, in_its_snapshot) == "sk-alice-0123456789"
    services.store_credential(alice_tenant.pk, "groq", "gsk-entered-afterwards")
    assert {row.key_id for row in rows} == {master_key_id(key_file.read_text())}


def test_exchange_that_was_killed_ends_with_the_key_it_began_with(run, key_file, stored, monkeypatch):
    old = key_file.read_text().strip()
    rows = stored()
    with monkeypatch.context() as patched:
        patched.setattr("frontdesk.tenants.rotation._reseal", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        killed = run()
    halfway = key_file.read_text().split()

    ran = run("--json")

    assert (killed.code, len(halfway), halfway[1]) == (130, 2, old)
    assert (ran.code, json.loads(ran.out)["is_new_key"]) == (0, False)
    assert key_file.read_text().split() == halfway[:1]
    assert rows.get().key_id == master_key_id(halfway[0])


def test_key_in_a_file_stays_when_a_secret_cannot_be_opened(run, key_file, stored):
    rows = stored()
    rows.update(key_id="lost")
    before = key_file.read_text()

    assert run().code == 1
    assert key_file.read_text() == before


def test_dry_run_leaves_the_file_alone(run, key_file, stored):
    stored()
    before = key_file.read_text()

    ran = run("--dry-run")

    assert (ran.code, key_file.read_text()) == (0, before)
    assert "A new key seals. Stored secrets: 1, to be sealed again: 1, current: 0." in ran.out


def test_two_rotations_at_once_are_refused(run, key_file, stored):
    with (django_settings.DATA_DIR / "rotate.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        ran = run()

    assert (ran.code, ran.err) == (2, "frontdesk: another rotation runs on this data directory: let it end\n")
