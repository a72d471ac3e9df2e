"""FRONTDESK_DATABASE_URL: what it may be, and refusals that never tell its password."""

from pathlib import Path

import pytest

from frontdesk.project import database_url
from frontdesk.project.errors import ConfigurationError


def test_database_is_sqlite_in_the_data_directory_unless_told(tmp_path):
    assert database_url.parse("", tmp_path)["NAME"] == str(tmp_path / "db.sqlite3")
    assert database_url.parse("sqlite:////elsewhere/my%20db.sqlite3", tmp_path)["NAME"] == "/elsewhere/my db.sqlite3"
    assert database_url.parse("sqlite:///near.sqlite3", tmp_path)["NAME"] == str(Path("near.sqlite3").absolute())


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_postgresql_address_is_taken_apart(tmp_path, scheme):
    chosen = database_url.parse(f"{scheme}://bob:p%40s%2Fs@db.example:6432/front", tmp_path)

    assert chosen == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "front",
        "USER": "bob",
        "PASSWORD": "p@s/s",
        "HOST": "db.example",
        "PORT": "6432",
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            "connect_timeout": 5,
            "application_name": "frontdesk",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 4,
            "tcp_user_timeout": 30_000,
        },
    }


def test_parameters_of_libpq_pass_through(tmp_path):
    url = "postgres://bob@db.example/front?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem&connect_timeout=2"

    options = database_url.parse(url, tmp_path)["OPTIONS"]

    assert options["sslmode"] == "verify-full"
    assert options["sslrootcert"] == "/etc/ca.pem"
    assert options["connect_timeout"] == "2"
    assert options["application_name"] == "frontdesk"


def test_unix_socket_is_a_host_of_its_own(tmp_path):
    chosen = database_url.parse("postgres:///front?host=/var/run/postgresql", tmp_path)

    assert (chosen["HOST"], chosen["PORT"], chosen["USER"], chosen["NAME"]) == ("/var/run/postgresql", "", "", "front")
    assert "host" not in chosen["OPTIONS"]


def test_address_of_ipv6_loses_its_brackets(tmp_path):
    assert database_url.parse("postgres://u@[::1]:5433/d", tmp_path)["HOST"] == "::1"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://u:pw-secret@h/d", "neither sqlite:// nor postgres://"),
        ("pw-secret", "neither sqlite:// nor postgres://"),
        ("u:pw-secret@h/d", "neither sqlite:// nor postgres://"),
        ("sqlite://relative.sqlite3", "sqlite:////absolute/path"),
        ("sqlite:///", "sqlite:////absolute/path"),
        ("postgres://u:pw-secret@h:port/d", "its port is not a number"),
        ("postgres://u:pw-secret@h:65536/d", "its port is not a number"),
        ("postgres://u:pw-secret@h", "names no database"),
        ("postgres://u:pw-secret@h/", "names no database"),
        ("postgres://u:pw-secret@h/a/b", "more than a database's name"),
        ("postgres://u:pw-secret#1@h/d", "special characters of a password"),
        ("postgres://u:pw-secret%@h/d", "special characters of a password"),
        ("postgres://u:pw/secret@h/d", "its port is not a number"),
        ("postgres://u:[pw-secret@h/d", "special characters of a password"),
        ("postgres://u:pw-secret@h/d?sslmode", "name=value"),
        ("postgres://u:pw-secret@h/d?ssl=true", "unknown parameter ssl;"),
        ("postgres://u@h/d?password=pw-secret", "unknown parameter password;"),
        ("postgres://u@h/d?Pw-Secret=1", r"unknown parameter after its \?;"),
    ],
)
def test_unusable_address_is_explained_without_its_password(tmp_path, url, message):
    with pytest.raises(ConfigurationError, match=message) as refusal:
        database_url.parse(url, tmp_path)

    assert "secret" not in str(refusal.value).lower()
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


def test_postgresql_without_its_driver_says_what_to_install(tmp_path, monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(database_url.importlib, "import_module", absent)

    with pytest.raises(ConfigurationError, match=r"pip install '\.\[postgres\]'"):
        database_url.parse("postgresql://u@h/d", tmp_path)
