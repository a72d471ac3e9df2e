"""Logs tell what happened, never what was in the variables."""

import logging

import pytest
import structlog

from frontdesk.project import log


@pytest.fixture(params=[True, False], ids=["json", "console"])
def logging_to(request, capsys):
    """Set logging up for production or development, and back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    log.configure({"level": "INFO", "as_json": request.param})
    yield capsys
    root.handlers[:], _ = handlers, root.setLevel(level)
    structlog.reset_defaults()


def test_traceback_shows_no_local_variables(logging_to):
    def fail(api_key: str) -> None:
        raise RuntimeError("no answer")

    try:
        fail("-".join(["sk", "secret"]))
    except RuntimeError:
        structlog.get_logger("x").exception("call_failed")

    written = logging_to.readouterr()
    assert written.out == ""
    assert "call_failed" in written.err
    assert "no answer" in written.err
    assert "in fail" in written.err or '"name": "fail"' in written.err
    assert "sk-secret" not in written.err


def test_sql_is_not_logged_at_debug_level(logging_to):
    log.configure({"level": "DEBUG", "as_json": True})

    logging.getLogger("django.db.backends").debug("SELECT 'sk-secret'")

    assert logging_to.readouterr().err == ""
