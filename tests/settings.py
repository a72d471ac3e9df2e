"""Django's settings under test: the project's own, in an environment fixed before they are read.

pytest-django loads settings before any conftest, so the environment is made here.
"""

import atexit
import os
import shutil
import tempfile

_DATA_DIR = tempfile.mkdtemp(prefix="frontdesk-tests-")
atexit.register(shutil.rmtree, _DATA_DIR, ignore_errors=True)

# A developer's own keys must not reach the tests, nor the tests a provider.
for _name in list(os.environ):
    if _name.startswith(("FRONTDESK_", "LLM_")) or _name.endswith(("_API_KEY", "_BASE_URL", "_ORGANIZATION")):
        del os.environ[_name]
for _name in ("PORT", "LOG_LEVEL"):
    os.environ.pop(_name, None)
os.environ.update(ENVIRONMENT="test", FRONTDESK_DATA_DIR=_DATA_DIR)

if os.environ.get("TEST_DATABASE") == "postgres":
    from tests.services import shared  # (only here: the fast tests start no server)

    os.environ["FRONTDESK_DATABASE_URL"] = shared.postgres().url("frontdesk")

from frontdesk.project.settings import *  # noqa: E402, F403 (after the environment is made)

# What the tests start themselves has an environment of its own; nothing of theirs may reach this run's database.
os.environ.pop("FRONTDESK_DATABASE_URL", None)
