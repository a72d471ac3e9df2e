"""The net under the logs: known secrets do not pass, whatever line they are in."""

import json
import logging

from frontdesk.project import configuration, log
from frontdesk.project.redaction import Redaction

API_KEY = "fd_abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


def test_known_secrets_and_api_keys_become_stars():
    redaction = Redaction(["sk-canary-1", "sk-canary-1-longer"])

    assert redaction.clean(f"key sk-canary-1-longer, sk-canary-1 and {API_KEY}.") == "key ***, *** and ***."


def test_short_values_and_other_words_stay():
    assert Redaction(["a", ""]).clean("a plain line about fd_short") == "a plain line about fd_short"


def test_secret_is_found_as_json_writes_it():
    secret = 'pa"ss\\word'

    assert Redaction([secret]).clean(json.dumps({"error": f"no {secret}"})) == '{"error": "no ***"}'


def test_every_secret_of_the_environment_is_known(tmp_path):
    (tmp_path / "master.key").write_text("in-the-master-file\n")
    chosen = configuration.load(
        {
            "FRONTDESK_DATA_DIR": str(tmp_path),
            "FRONTDESK_SECRET_KEY": "signing-secret",
            "FRONTDESK_DATABASE_URL": "postgres://bob:p%40ss-word@db.example/front",
            "FRONTDESK_REDIS_URL": "redis://:redis-password@cache.example:6379/0",
            "OPENAI_API_KEY": "sk-canary-1",
            "LLM_PROVIDERS": '{"groq": {"api_key": "gsk-canary-2"}}',
        }
    )

    found = set(chosen.secrets())

    assert {"signing-secret", "p%40ss-word", "p@ss-word", "redis-password", "sk-canary-1", "gsk-canary-2"} <= found
    assert "in-the-master-file" in found
    assert not any("example" in secret for secret in found)


def test_secret_in_a_traceback_is_not_logged(capsys):
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    try:
        log.configure({"level": "INFO", "as_json": False, "secrets": lambda: ["sk-canary-1"]})
        try:
            raise ValueError("refused: sk-canary-1")
        except ValueError:
            logging.getLogger("some.library").exception("it failed with %s", "sk-canary-1")
    finally:
        root.handlers, root.level = before

    written = capsys.readouterr().err
    assert "sk-canary-1" not in written
    assert "refused: ***" in written
