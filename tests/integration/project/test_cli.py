"""The command line in this process: what it does, prints and refuses."""

import io
import json
import urllib.error

import pytest
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from frontdesk.knowledge.models import KnowledgeEntry
from frontdesk.project import cli
from frontdesk.project.cli import health
from frontdesk.project.demo import shop
from frontdesk.tenants import selectors, snapshot, vault
from frontdesk.tenants.models import ApiKey, ProviderCredential, Tenant, User
from frontdesk.tenants.services import digest
from frontdesk.usage.models import LLMProvider

pytestmark = pytest.mark.django_db

ADD = [
    "provider",
    "add",
    "local",
    "--wire",
    "openai",
    "--base-url",
    "http://127.0.0.1:9/v1/",
    "--key",
    "sk-local-0123456789",
]


@pytest.fixture
def run(capsys):
    """Run a command; gives exit code, standard output and standard error."""

    def _run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = cli.main(arguments)
        except SystemExit as leaving:
            code = leaving.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return _run


@pytest.fixture
def run_json(run):
    def _run_json(*arguments: str):
        code, out, err = run(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    return _run_json


def assert_refused(result, *words):
    code, out, err = result
    assert (code, out) == (2, "")
    assert err.startswith("frontdesk")
    assert err.count("\n") == 1
    for word in words:
        assert word in err


def test_demo_prints_working_keys(run_json):
    access = run_json("demo")

    assert list(access) == [
        "tenant_id", "tenant_api_key", "gateway_key", "widget_key", "admin_user", "admin_password"
    ]  # fmt: skip
    keys = snapshot.section().api_keys
    assert keys[digest(access["gateway_key"])].scopes == {"gateway:call"}
    assert keys[digest(access["tenant_api_key"])].scopes == {"analytics:view", "users:manage"}
    assert keys[digest(access["gateway_key"])].tenant_id == access["tenant_id"]
    admin = User.objects.get(username=access["admin_user"])
    assert admin.check_password(access["admin_password"])
    assert (admin.is_superuser, admin.is_staff) == (True, True)
    assert admin.password.startswith("argon2$")


def test_demo_again_gives_fresh_keys_and_keeps_five(run_json):
    runs = [run_json("demo") for _ in range(7)]

    valid = set(snapshot.section().api_keys)
    assert [digest(access["gateway_key"]) in valid for access in runs] == [False] * 2 + [True] * 5
    assert len({access["gateway_key"] for access in runs}) == 7
    assert len({access["admin_password"] for access in runs}) == 7
    assert len({access["widget_key"] for access in runs}) == 1
    assert Tenant.objects.filter(slug="demo").count() == 1
    assert KnowledgeEntry.objects.filter(tenant__slug="demo", tenant_id=runs[0]["tenant_id"]).count() == len(
        shop.texts().entries
    )


def test_demo_leaves_what_was_changed_in_the_shop(run_json):
    tenant_id = run_json("demo")["tenant_id"]
    run_json("tenant", "settings", "demo", "--set", 'business_name="Mine"')
    KnowledgeEntry.objects.for_tenant(tenant_id).delete()

    run_json("demo")

    assert run_json("tenant", "settings", "demo")["business_name"] == "Mine"
    assert not KnowledgeEntry.objects.for_tenant(tenant_id).exists()


def test_demo_for_people_is_a_table(run):
    code, out, _ = run("demo")

    assert code == 0
    assert "gateway_key     fd_" in out


def test_settings_are_changed_all_or_none(run, run_json, alice_tenant):
    changed = run_json("tenant", "settings", "alice", "--set", "temperature=0.2", "--set", 'persona="warm"')
    assert (changed["temperature"], changed["persona"]) == (0.2, "warm")

    refused = run("tenant", "settings", "alice", "--set", "max_tokens=9", "--set", "temperature=9", "--json")

    assert_refused(refused, "temperature")
    after = run_json("tenant", "settings", str(alice_tenant.pk))
    assert (after["temperature"], after["max_tokens"]) == (0.2, 500)


def test_provider_key_of_a_tenant_is_shown_masked(run_json, alice_tenant):
    shown = run_json("tenant", "settings", "alice", "--set", 'openai_api_key="sk-alice-0123456789"')

    assert shown["openai_api_key"] == "…6789"
    assert "sk-alice" not in json.dumps(shown)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tenant", "settings", "nobody", "--json"], ["'nobody'", "frontdesk tenant list"]),
        (["tenant", "settings", "alice", "--set", "persona=warm"], ["not JSON", "quotes"]),
        (["tenant", "settings", "alice", "--set", "persona"], ["NAME=JSON"]),
        (["tenant", "settings", "alice", "--set", "colour=1"], ["unknown setting 'colour'", "business_name"]),
        (["tenant", "settings", "alice", "--set", f"persona={'[' * 100_000}"], ["not JSON"]),
        (["tenant", "create", ""], ["blank"]),
        (["tenant", "create", "x", "--slug", "no spaces"], ["slug"]),
        (["tenant"], ["ACTION"]),
        (["usage", "calls", "--tenant", "alice", "--last", "0"], ["--last"]),
        (["usage", "calls", "--tenant", "nobody"], ["nobody"]),
        (["usage", "calls"], ["--tenant"]),
        (["serve", "--port", "65536"], ["65536"]),
        (["demo", "--jsonn"], ["--jsonn"]),
        (["nonsense"], ["nonsense", "--help"]),
        ([*ADD[:2], "Local", *ADD[3:]], ["NAME"]),
        ([*ADD[:4], "smoke", *ADD[5:]], ["--wire", "openai"]),
        ([*ADD[:6], "127.0.0.1:9", *ADD[7:]], ["--base-url"]),
        ([*ADD[:6], "http://:9", *ADD[7:]], ["--base-url"]),
        ([*ADD[:6], "http://h:port", *ADD[7:]], ["--base-url"]),
        ([*ADD[:6], "http://u:p@h/", *ADD[7:]], ["--base-url"]),
        ([*ADD[:8], " "], ["key"]),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(run, alice_tenant, arguments, words):
    assert_refused(run(*arguments), *words)
    assert not LLMProvider.objects.filter(name__iexact="local").exists()
    assert not ProviderCredential.objects.across_tenants().exists()


def test_tenant_is_made_and_listed(run_json):
    made = run_json("tenant", "create", "Bob's Bikes")

    assert made == {"tenant_id": made["tenant_id"], "name": "Bob's Bikes", "slug": "bobs-bikes", "is_active": True}
    assert made in run_json("tenant", "list")


def test_provider_and_key_are_stored_together(run_json):
    shown = run_json(*ADD, "--default-model", "tiny")

    assert (shown["name"], shown["base_url"], shown["key"]) == ("local", "http://127.0.0.1:9/v1", "…6789")
    provider = LLMProvider.objects.get(name="local")
    assert (provider.wire, provider.default_model, provider.is_enabled) == ("openai", "tiny", True)
    (credential,) = selectors.credentials(selectors.operator())
    assert vault.current().open(credential.tenant_id, credential.sealed) == "sk-local-0123456789"
    assert shown in run_json("provider", "list")


def test_provider_added_again_is_changed(run_json):
    run_json(*ADD, "--default-model", "tiny")

    run_json(*[("https://api.example/v1" if argument == ADD[6] else argument) for argument in ADD])

    provider = LLMProvider.objects.get(name="local")
    assert (provider.base_url, provider.default_model) == ("https://api.example/v1", "tiny")
    assert len(selectors.credentials(selectors.operator())) == 1


def test_provider_key_can_come_from_standard_input(run_json, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("sk-piped-0123456789\n"))

    run_json(*ADD[:8], "-")

    (credential,) = selectors.credentials(selectors.operator())
    assert vault.current().open(credential.tenant_id, credential.sealed) == "sk-piped-0123456789"


def test_usage_of_a_tenant_without_calls_is_an_empty_list(run_json, alice_tenant):
    assert run_json("usage", "calls", "--tenant", "alice", "--last", "5") == []
    assert run_json("usage", "audit")["calls"] == 0


def test_config_masks_keys_and_names_their_source(run_json, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment-0123456789")
    run_json(*ADD)

    summary = run_json("config")

    assert (summary["environment"], summary["valid"], summary["errors"]) == ("test", True, [])
    assert summary["providers"]["openai"]["api_key"] == "…6789"
    assert summary["providers"]["openai"]["source"] == "environment variable OPENAI_API_KEY"
    assert summary["providers"]["local"]["source"] == "console"
    assert "0123456789" not in json.dumps(summary)


def test_config_finds_keys_that_the_master_key_does_not_open(run, run_json, alice_tenant):
    alice_tenant.settings.openai_api_key = "sk-alice-0123456789"
    ProviderCredential.objects.for_tenant(alice_tenant).update(key_id="lost")

    code, out, err = run("config", "--json")

    (error,) = json.loads(out)["errors"]
    assert (code, json.loads(out)["valid"]) == (2, False)
    assert f"tenant {alice_tenant.pk} for openai" in error
    assert "LLM_MASTER_KEY" in error
    assert err == f"frontdesk: {error}\n"


def test_config_that_cannot_start_says_so(run, monkeypatch):
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("FRONTDESK_ALLOWED_HOSTS", "shop.example")

    code, out, err = run("config", "--json")

    assert code == 2
    assert json.loads(out)["valid"] is False
    assert "LLM_MASTER_KEY" in json.loads(out)["errors"][0]
    assert err.count("\n") == 1


def test_database_of_a_newer_version_is_refused(run):
    MigrationRecorder(connection).record_applied("tenants", "9999_from_the_future")

    for command in (["demo"], ["tenant", "list"], ["migrate"], ["serve"]):
        assert_refused(run(*command), "newer version", "tenants.9999_from_the_future")


def test_database_that_is_behind_is_refused(run):
    MigrationRecorder(connection).record_unapplied("tenants", "0002_operator")

    for command in (["demo"], ["tenant", "list"], ["provider", "list"], ["usage", "audit"], ["serve"]):
        assert_refused(run(*command), "run `frontdesk migrate`")


def test_migrate_is_idempotent(run_json):
    assert run_json("migrate") == {"applied": []}
    assert run_json("migrate") == {"applied": []}


def test_health_without_a_server_says_how_to_start_one(run):
    code, out, _ = run("health", "--json")

    report = json.loads(out)
    assert (code, report["status"], report["providers"]) == (1, "unhealthy", [])
    assert "frontdesk serve" in report["errors"][0]


@pytest.fixture
def server_address(tmp_path):
    path = settings.DATA_DIR / "server.json"
    path.write_text('{"address": "http://127.0.0.1:9/"}')
    yield path
    path.unlink()


def test_health_of_a_server_that_died_is_unhealthy(run, server_address):
    code, out, _ = run("health", "--json")

    assert (code, json.loads(out)["status"]) == (1, "unhealthy")
    assert "does not answer" in json.loads(out)["errors"][0]


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ('{"address": "http://127.0.0.1:8000/"}', "http://127.0.0.1:8000"),
        ('{"address": "http://[::1]:8000/"}', "http://[::1]:8000"),
        ("{}", None),
        ("[]", None),
        ("{", None),
    ],
)
def test_address_of_the_server_is_read_from_its_file(tmp_path, written, address):
    path = tmp_path / "server.json"
    path.write_text(written)

    assert health._address(path) == address


class Answer(io.BytesIO):
    """A server's answer as urllib gives it."""


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"status": "healthy", "success_rate": 1.0}, ("healthy", 1.0)),
        (503, {"status": "unhealthy", "errors": ["x"]}, ("unhealthy", None)),
        (200, {"status": "ok"}, ("healthy", None)),
        (503, {}, ("unhealthy", None)),
    ],
)
def test_servers_own_report_is_passed_on(monkeypatch, status, body, expected):
    def open_(self, url, timeout):
        answer = Answer(json.dumps(body).encode())
        if status != 200:
            raise urllib.error.HTTPError(url, status, "", {}, answer)
        return answer

    monkeypatch.setattr("urllib.request.OpenerDirector.open", open_)

    report = health._ask("http://127.0.0.1:9")

    assert (report["status"], report["success_rate"]) == expected


def test_django_commands_work_too(run):
    code, out, _ = run("showmigrations", "tenants")

    assert code == 0
    assert "[X] 0001_initial" in out


def test_master_key_is_new_each_time(run, run_json):
    assert run("generate_master_key")[1].strip() != run_json("generate_master_key")["master_key"]
    assert ApiKey.objects.across_tenants().count() == 0
