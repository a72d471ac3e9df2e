"""A pytest plugin: `--database postgres` runs the Django tests on a throw-away PostgreSQL instead of SQLite.

It is loaded by name (pyproject.toml), since the option must be known before pytest-django reads the settings.
"""

import os
from collections.abc import Generator

import pytest

from tests.services import shared
from tests.services.process import ServiceMissing

VARIABLE = "TEST_DATABASE"
"""How `tests.settings` is told; also an environment variable to set by hand."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--database`."""
    parser.addoption(
        "--database",
        choices=("sqlite", "postgres"),
        default=os.environ.get(VARIABLE, "sqlite"),
        help="the database of the Django tests: sqlite (the default) or a throw-away postgres",
    )


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Hand the choice to the settings, before anything reads them."""
    chosen = early_config.known_args_namespace.database
    if chosen == "postgres":
        try:
            shared.postgres()
        except ServiceMissing as missing:
            raise pytest.UsageError(f"--database postgres: {missing}") from None
    os.environ[VARIABLE] = chosen
    return (yield)


def pytest_report_header(config: pytest.Config) -> str:
    """Tell in the first lines which database this run is on."""
    return f"database: {config.getoption('database')}"
