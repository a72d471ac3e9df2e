"""The command line as a process of its own: clean output, exit codes, nothing left behind by a refusal."""

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from frontdesk.gateway.vault import generate_master_key

ROOT = Path(__file__).parents[3]
PRODUCTION = {
    "ENVIRONMENT": "production",
    "FRONTDESK_ALLOWED_HOSTS": "shop.example",
    "LLM_MASTER_KEY": generate_master_key(),
}


@pytest.fixture
def frontdesk(tmp_path):
    """Run `frontdesk` in an empty environment with a data directory of its own."""

    def _frontdesk(*arguments: str, code: str = "", **environment: str):
        command = (
            ["-c", code] if code else ["-c", "import sys; from frontdesk.project.cli import main; sys.exit(main())"]
        )
        return subprocess.run(
            [sys.executable, *command, *arguments],
            env={"PATH": os.environ["PATH"], "FRONTDESK_DATA_DIR": str(tmp_path / "var"), **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return _frontdesk


def assert_refused(done, *words):
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


def test_first_run_from_nothing_to_a_demo(frontdesk, tmp_path):
    assert_refused(frontdesk("demo", "--json"), "run `frontdesk migrate`")

    migrated = frontdesk("migrate", "--json")
    demo = frontdesk("demo", "--json", LOG_LEVEL="DEBUG")

    assert migrated.returncode == 0, migrated.stderr
    assert "tenants.0001_initial" in json.loads(migrated.stdout)["applied"]
    assert demo.returncode == 0, demo.stderr
    assert json.loads(demo.stdout)["gateway_key"].startswith("fd_")
    shown = frontdesk("tenant", "settings", "demo", "--json")
    assert json.loads(shown.stdout)["business_name"] == "Bloom & Bean"
    for name in ("secret.key", "master.key"):
        assert stat.S_IMODE((tmp_path / "var" / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("command", [["serve"], ["migrate"], ["demo", "--json"], ["check"]])
def test_production_without_a_master_key_does_not_start(frontdesk, tmp_path, command):
    refused = frontdesk(*command, **{**PRODUCTION, "LLM_MASTER_KEY": ""})

    assert_refused(refused, "LLM_MASTER_KEY", "frontdesk generate_master_key")
    assert not (tmp_path / "var").exists()


def test_production_with_its_keys_passes_djangos_deployment_checks(frontdesk):
    done = frontdesk("check", "--deploy", "--fail-level", "ERROR", **PRODUCTION)

    assert done.returncode == 0, done.stderr


def test_unwritable_data_directory_is_refused(frontdesk, tmp_path):
    (tmp_path / "file").write_text("")

    for command in (["migrate"], ["demo", "--json"], ["serve"], ["showmigrations"]):
        refused = frontdesk(*command, FRONTDESK_DATA_DIR=str(tmp_path / "file" / "var"))
        assert_refused(refused, "data directory", "FRONTDESK_DATA_DIR")


def test_damaged_database_is_refused(frontdesk, tmp_path):
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "db.sqlite3").write_text("this is no database, " * 100)

    assert_refused(frontdesk("tenant", "list"), "db.sqlite3", "not a database")


def test_invalid_variable_is_refused(frontdesk):
    assert_refused(frontdesk("migrate", FRONTDESK_PORT="eighty"), "FRONTDESK_PORT")


def test_version_and_help_do_not_load_django(frontdesk):
    code = """
import sys
from frontdesk.project.cli import main
try:
    main()
except SystemExit:
    pass
sys.exit(sum(name.partition(".")[0] in {"django", "pydantic", "structlog"} for name in sys.modules))
"""
    for option in ("--version", "--help"):
        done = frontdesk(option, code=code)
        assert (done.returncode, "frontdesk" in done.stdout) == (0, True)


def test_reading_the_settings_writes_nothing(frontdesk, tmp_path):
    done = frontdesk(code="import frontdesk.project.settings")

    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "var").exists()


def test_manage_py_works(tmp_path):
    environment = {"PATH": os.environ["PATH"], "FRONTDESK_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "check"], env=environment, capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stdout) == (0, "System check identified no issues (0 silenced).\n")


def test_logs_go_to_standard_error_as_json_in_production(frontdesk):
    code = """
import django, structlog, logging, os
os.environ["DJANGO_SETTINGS_MODULE"] = "frontdesk.project.settings"
django.setup()
structlog.get_logger("x").info("call_settled", call_id="7")
logging.getLogger("django.request").warning("Not Found: %s", "/x")
structlog.get_logger("x").debug("hidden")
"""
    done = frontdesk(code=code, **PRODUCTION)

    first, second = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.stdout == ""
    assert (first["event"], first["call_id"], first["level"], first["logger"]) == ("call_settled", "7", "info", "x")
    assert (second["event"], second["level"]) == ("Not Found: /x", "warning")


def test_damaged_master_key_file_is_refused_and_kept(frontdesk, tmp_path):
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "master.key").write_text("not a key\n")

    assert_refused(frontdesk("migrate"), "32 random bytes")
    assert (tmp_path / "var" / "master.key").read_text() == "not a key\n"


def test_master_key_that_opens_nothing_is_refused_by_the_server(frontdesk):
    keys = [frontdesk("generate_master_key").stdout.strip() for _ in range(2)]
    assert frontdesk("migrate", LLM_MASTER_KEY=keys[0]).returncode == 0
    store = (
        "import django; django.setup(); from frontdesk.tenants import selectors, services; "
        "services.store_credential(selectors.operator().pk, 'openai', 'sk-0123456789')"
    )
    stored = frontdesk(code=store, LLM_MASTER_KEY=keys[0], DJANGO_SETTINGS_MODULE="frontdesk.project.settings")
    assert stored.returncode == 0, stored.stderr

    refused = frontdesk("serve", "--port", "0", LLM_MASTER_KEY=keys[1])

    assert_refused(refused, "none of the stored provider keys", "openai", "LLM_MASTER_KEY")


def test_port_in_use_is_refused(frontdesk, tmp_path):
    assert frontdesk("migrate").returncode == 0
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert_refused(frontdesk("serve", "--port", port), port, "in use", "--port")
    assert not (tmp_path / "var" / "server.json").exists()
