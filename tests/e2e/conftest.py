"""Fixtures of the end-to-end tests: the browser, the widget's scripted server, and Frontdesk before its stand-in."""

from collections.abc import Iterator

import pytest

from tests.e2e.browser import chromium, visit
from tests.e2e.server import PROVIDER_KEY, Frontdesk, StandIn, serving
from tests.e2e.widget_stand_in import stand_in

__all__ = ["chromium", "stand_in", "visit"]


@pytest.fixture(scope="module")
def provider() -> Iterator[StandIn]:
    """The stand-in provider, one for a module."""
    standin = StandIn()
    yield standin
    standin.stop()


@pytest.fixture(scope="module")
def frontdesk(provider: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frontdesk]:
    """A server that calls the stand-in, one for a module."""
    data_dir = tmp_path_factory.mktemp("frontdesk") / "var"
    with serving(data_dir, OPENAI_API_KEY=PROVIDER_KEY, OPENAI_BASE_URL=provider.base_url) as served:
        yield served
