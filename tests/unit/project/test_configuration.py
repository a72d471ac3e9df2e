"""The environment, read strictly: each fault is one line that names its variable."""

import importlib.util
import stat
from pathlib import Path

import pytest

from frontdesk.gateway.vault import generate_master_key
from frontdesk.project import configuration, secret_file
from frontdesk.project.configuration import Configuration
from frontdesk.project.errors import ConfigurationError

KEY = generate_master_key()
PRODUCTION = {"ENVIRONMENT": "production", "LLM_MASTER_KEY": KEY, "FRONTDESK_ALLOWED_HOSTS": "shop.example"}


def test_empty_environment_gives_the_defaults():
    chosen = configuration.load({})

    assert (chosen.environment, chosen.host, chosen.port) == ("development", "127.0.0.1", 8000)
    assert chosen.data_dir == Path("var").absolute()
    assert (chosen.allowed_hosts, chosen.operator_credentials()) == ((), [])
    assert (chosen.log_level, chosen.is_production) == ("INFO", False)


def test_lists_are_split_at_commas():
    chosen = configuration.load({"FRONTDESK_ALLOWED_HOSTS": " a.example, b.example ,"})

    assert chosen.allowed_hosts == ("a.example", "b.example")


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ({"PORT": "9000"}, "port", 9000),
        ({"PORT": "9000", "FRONTDESK_PORT": "9001"}, "port", 9001),
        ({"PORT": "9000", "FRONTDESK_PORT": ""}, "port", 9000),
        ({"LLM_PROVIDER": "groq"}, "preferred_provider", "groq"),
        ({"LLM_MODEL_NAME": "m", "LLM_PREFERRED_MODEL": "n"}, "preferred_model", "n"),
        ({"LOG_LEVEL": "debug"}, "log_level", "DEBUG"),
        ({"ENVIRONMENT": "Test"}, "environment", "test"),
    ],
)
def test_variables_and_their_other_names(given, field, value):
    assert getattr(configuration.load(given), field) == value


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"FRONTDESK_PORT": "eighty"}, "FRONTDESK_PORT is not valid"),
        ({"PORT": "70000"}, "PORT is not valid: input should be less than or equal to 65535"),
        ({"ENVIRONMENT": "staging"}, "ENVIRONMENT is not valid: input should be 'development', 'production' or 'test'"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL is not valid"),
        ({"OPENAI_BASE_URL": "ftp://x"}, "OPENAI_BASE_URL is not valid: an http:// or https:// address is needed"),
        ({"LLM_MASTER_KEY": "short"}, "LLM_MASTER_KEY is not 32 random bytes"),
        ({"ENVIRONMENT": "production", "FRONTDESK_ALLOWED_HOSTS": "x"}, "LLM_MASTER_KEY is not set"),
    ],
)
def test_fault_is_one_line_that_names_the_variable(given, message):
    with pytest.raises(ConfigurationError) as refusal:
        configuration.load(given)

    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


def test_several_faults_are_all_named():
    with pytest.raises(ConfigurationError, match=r"ENVIRONMENT is not valid.*; FRONTDESK_PORT is not valid"):
        configuration.load({"ENVIRONMENT": "x", "FRONTDESK_PORT": "x"})


def test_operator_keys_come_with_address_and_organization():
    chosen = configuration.load(
        {
            "OPENAI_API_KEY": "sk-one",
            "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
            "OPENAI_ORGANIZATION": "org",
            "GOOGLE_API_KEY": "google",
            "GROQ_API_KEY": "",
        }
    )

    first, second = chosen.operator_credentials()
    assert (first.provider, first.key.get_secret_value(), first.base_url, first.organization) == (
        "openai", "sk-one", "http://127.0.0.1:9/v1", "org"
    )  # fmt: skip
    assert (second.provider, second.key.get_secret_value(), second.base_url) == ("gemini", "google", "")


def test_secrets_are_never_printed():
    chosen = configuration.load(
        {**PRODUCTION, "OPENAI_API_KEY": "sk-secret", "FRONTDESK_DATABASE_URL": "postgres://u:pw-secret@h/d"}
    )

    shown = repr(chosen) + str(chosen) + repr(chosen.operator_credentials()) + str(chosen.model_dump())
    assert "sk-secret" not in shown
    assert "pw-secret" not in shown
    assert KEY not in shown


def test_first_of_several_master_keys_seals():
    other = generate_master_key()

    assert configuration.load({"LLM_MASTER_KEY": f"{KEY},{other}"}).resolved_master_keys() == (KEY, other)


def test_development_makes_its_keys_once_and_for_the_owner_alone(tmp_path):
    given = {"FRONTDESK_DATA_DIR": str(tmp_path / "new")}

    first = configuration.load(given)
    keys = (first.resolved_secret_key(), first.resolved_master_keys())
    second = configuration.load(given)

    assert (second.resolved_secret_key(), second.resolved_master_keys()) == keys
    for name in ("secret.key", "master.key"):
        assert stat.S_IMODE((tmp_path / "new" / name).stat().st_mode) == 0o600
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["master.key", "secret.key"]


def test_production_never_makes_a_master_key(tmp_path):
    chosen = Configuration.model_validate({"ENVIRONMENT": "production", "FRONTDESK_DATA_DIR": str(tmp_path)})

    with pytest.raises(ConfigurationError, match="LLM_MASTER_KEY is not set"):
        chosen.resolved_master_keys()
    assert list(tmp_path.iterdir()) == []


def test_secret_file_that_lost_its_content_is_not_replaced(tmp_path):
    path = tmp_path / "master.key"
    path.write_text("\n")

    with pytest.raises(ConfigurationError, match="is empty"):
        secret_file.read_or_create(path, lambda: "new")
    assert path.read_text() == "\n"


def test_data_directory_that_is_a_file_is_explained(tmp_path):
    path = tmp_path / "file"
    path.write_text("")

    with pytest.raises(ConfigurationError, match="set FRONTDESK_DATA_DIR"):
        secret_file.read_or_create(path / "secret.key", lambda: "new")


def test_production_settings_are_strict(monkeypatch):
    for name, value in PRODUCTION.items():
        monkeypatch.setenv(name, value)
    specification = importlib.util.find_spec("frontdesk.project.settings")
    settings = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(settings)

    assert (settings.DEBUG, settings.ALLOWED_HOSTS) == (False, ["shop.example"])
    assert (settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE) == (True, True)
    assert settings.CSRF_TRUSTED_ORIGINS == ["https://shop.example"]
    assert tuple(settings.LLM_MASTER_KEYS) == (KEY,)


def test_production_answers_to_its_own_machine_until_hosts_are_named() -> None:
    named = configuration.load(PRODUCTION)
    unnamed = configuration.load({**PRODUCTION, "FRONTDESK_ALLOWED_HOSTS": ""})

    assert named.effective_hosts() == ("shop.example",)
    assert unnamed.effective_hosts() == ("localhost", "127.0.0.1", "[::1]")
    assert configuration.load({}).effective_hosts() == ("*",)
