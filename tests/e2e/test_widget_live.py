"""The demo shop as a visitor finds it: the real server, the real widget, a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Visit
from tests.e2e.server import PROVIDER_KEY, Frontdesk, serving
from tests.e2e.server import StandIn as StandInProvider
from tests.e2e.widget_stand_in import StandIn

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frontdesk]:
    """The demo shop without any model."""
    with serving(tmp_path_factory.mktemp("shop") / "var") as frontdesk:
        yield frontdesk


@pytest.fixture
def shop_with_model(tmp_path: Path) -> Iterator[Frontdesk]:
    """The demo shop with the stand-in model connected."""
    provider = StandInProvider()
    connection = {"OPENAI_API_KEY": PROVIDER_KEY, "OPENAI_BASE_URL": provider.base_url}
    with serving(tmp_path / "var", **connection) as frontdesk:
        yield frontdesk
    provider.stop()


def ask(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Write a message…").fill(text)
    page.keyboard.press("Enter")


def test_the_knowledge_base_answers_with_its_source_and_the_rest_is_friendly(visit: Visit, shop: Frontdesk) -> None:
    page = visit.page
    page.goto(shop.address)
    expect(page.get_by_text("No AI provider is connected: the knowledge base answers.")).to_be_visible()
    page.get_by_role("button", name="Ask us anything").click()

    ask(page, "What are your opening hours?")

    log = page.get_by_role("log")
    expect(log.get_by_text("open Monday to Friday from 8:00 to 18:30")).to_be_visible()
    expect(log.get_by_text("From: What are your opening hours?")).to_be_visible()
    ask(page, "Who won the football world cup in 1962?")
    expect(log.get_by_text("I do not know the answer to that")).to_be_visible()
    expect(log.get_by_text("Automatic reply")).to_be_visible()
    assert (visit.violations(), visit.errors, visit.foreign) == ([], [], [])


def test_a_conversation_goes_on_after_a_reload(visit: Visit, shop: Frontdesk) -> None:
    page = visit.page
    page.goto(shop.address)
    page.get_by_role("button", name="Open chat").click()
    ask(page, "How much does delivery cost?")
    expect(page.get_by_role("log").get_by_text("£4.50")).to_be_visible()

    page.reload()
    page.get_by_role("button", name="Open chat").click()
    expect(page.get_by_role("log").get_by_text("£4.50")).to_be_visible()
    with page.expect_request("**/message") as sent:
        ask(page, "Do you sell gift cards?")

    expect(page.get_by_role("log").get_by_text("valid for 24 months")).to_be_visible()
    body = sent.value.post_data_json
    assert sorted(body) == ["conversation_id", "message_text", "visitor_token"]


def test_a_page_of_another_origin_can_carry_the_widget(visit: Visit, shop: Frontdesk, stand_in: StandIn) -> None:
    page, key = visit.page, shop.demo["widget_key"]
    stand_in.policy = f"default-src 'none'; script-src {shop.address}; connect-src {shop.address}"
    stand_in.page = f'<!doctype html><script src="{shop.address}/widget.js" data-widget-key="{key}" async></script>'

    page.goto(stand_in.url)
    page.get_by_role("button", name="Open chat").click()
    ask(page, "How much does delivery cost?")

    expect(page.get_by_role("log").get_by_text("£4.50")).to_be_visible()
    assert page.evaluate("location.origin") == stand_in.url != shop.address
    assert (visit.violations(), visit.errors, visit.foreign) == ([], [], [])


def test_a_token_of_another_conversation_is_refused(visit: Visit, shop: Frontdesk) -> None:
    url = f"{shop.address}/api/chat-widget/public/widget/{shop.demo['widget_key']}/message"
    request = visit.page.request
    mine = request.post(url, data={"message_text": "Hello"}).json()
    theirs = request.post(url, data={"message_text": "Hello"}).json()

    stolen = {"conversation_id": theirs["conversation_id"], "visitor_token": mine["visitor_token"]}
    refused = request.post(url, data={"message_text": "Hi", **stolen})

    assert refused.status == 403
    assert refused.json()["error"]["code"] == "visitor_session_required"


def test_a_connected_model_answers_in_a_stream(visit: Visit, shop_with_model: Frontdesk) -> None:
    page = visit.page
    page.goto(shop_with_model.address)
    expect(page.get_by_text("An AI model is connected")).to_be_visible()
    page.get_by_role("button", name="Open chat").click()

    ask(page, "Hello there")

    log = page.get_by_role("log")
    expect(log.get_by_text("AI answer", exact=True)).to_be_visible()
    expect(log.get_by_text("The stand-in model heard: Hello there")).to_be_visible()
    assert [call["status"] for call in shop_with_model.last_calls()] == ["success"]
    assert (visit.violations(), visit.errors, visit.foreign) == ([], [], [])
