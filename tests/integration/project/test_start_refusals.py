"""What a start or a command refuses because of the configuration, and what it says."""

from __future__ import annotations

import pytest

from frontdesk.project import cli, configuration
from frontdesk.project.cli import preflight
from frontdesk.project.cli.errors import UsageError
from frontdesk.usage import services as usage

pytestmark = pytest.mark.django_db


def test_command_that_would_print_the_settings_is_refused(capsys):
    code = cli.main(["diffsettings", "--all"])

    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err == "frontdesk: diffsettings prints secrets: use `frontdesk config`, which masks them\n"


@pytest.fixture
def prefers(settings):
    """The process runs with these preferences."""
    usage.setup_catalog()

    def choose(provider="", model=""):
        given = {"LLM_PROVIDER": provider, "LLM_MODEL_NAME": model, "OPENAI_API_KEY": "sk-env"}
        settings.CONFIGURATION = configuration.load(given)
        settings.LLM_PREFERRED_PROVIDER, settings.LLM_PREFERRED_MODEL = provider, model

    return choose


@pytest.mark.parametrize(
    ("provider", "model", "reason"),
    [("nobody", "", "names nobody, which is no provider here"), ("", "no-such", "The model `no-such` does not exist")],
)
def test_server_does_not_start_with_a_preference_for_nothing(prefers, provider, model, reason):
    prefers(provider, model)

    with pytest.raises(UsageError, match=reason):
        preflight.require_preferences()


@pytest.mark.parametrize(
    ("provider", "model"), [("", ""), ("openai", ""), ("", "gpt-4o"), ("openai", "brand-new"), ("groq", "")]
)
def test_server_starts_with_a_preference_that_can_be_followed_or_may_be_soon(prefers, provider, model):
    prefers(provider, model)

    preflight.require_preferences()
