"""The widget with nothing but a keyboard, and what a screen reader is told."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Visit
from tests.e2e.widget_stand_in import Answer, Refusal, StandIn

pytestmark = pytest.mark.browser

FOCUSED = """() => {
  let node = document.activeElement;
  while (node && node.shadowRoot && node.shadowRoot.activeElement) node = node.shadowRoot.activeElement;
  return node ? node.getAttribute("aria-label") || node.id || node.textContent : "";
}"""


def focused(page: Page) -> str:
    return str(page.evaluate(FOCUSED))


def reach_launcher(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("button", name="Open chat").wait_for()
    page.locator("#before").focus()
    page.keyboard.press("Tab")
    assert focused(page) == "Open chat"


def test_a_whole_conversation_without_a_mouse(visit: Visit, stand_in: StandIn) -> None:
    page, keyboard = visit.page, visit.page.keyboard
    stand_in.script = [Refusal(503, "unavailable"), Answer(["We open at eight."])]

    reach_launcher(page, stand_in.url)
    keyboard.press("Enter")
    assert focused(page) == "Write a message…"
    keyboard.type("First line")
    keyboard.press("Shift+Enter")
    keyboard.type("second line")
    keyboard.press("Enter")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    keyboard.press("Shift+Tab")
    assert focused(page) == "Try again"
    keyboard.press("Enter")
    expect(page.get_by_text("We open at eight.")).to_be_visible()
    assert focused(page) == "Write a message…"
    keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_have_count(0)
    assert focused(page) == "Open chat"
    assert [message["message_text"] for message in stand_in.received] == ["First line\nsecond line"] * 2


def test_full_screen_keeps_the_focus_inside(visit: Visit, stand_in: StandIn) -> None:
    page = visit.page
    page.set_viewport_size({"width": 375, "height": 700})
    reach_launcher(page, stand_in.url)
    page.keyboard.press("Enter")
    stops = []

    for _ in range(5):
        stops.append(focused(page))
        page.keyboard.press("Tab")

    assert stops == ["Write a message…", "Send message", "Close chat", "Conversation", "Write a message…"]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    assert focused(page) == "Conversation"


def test_beside_the_page_the_focus_may_leave(visit: Visit, stand_in: StandIn) -> None:
    page = visit.page
    reach_launcher(page, stand_in.url)
    page.keyboard.press("Enter")

    expect(page.get_by_role("dialog")).to_have_attribute("aria-modal", "false")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert focused(page) == "Close chat"
    page.keyboard.press("Enter")
    assert focused(page) == "Open chat"


def test_keys_typed_to_the_widget_do_not_reach_the_page(visit: Visit, stand_in: StandIn) -> None:
    page = visit.page
    stand_in.policy = ""
    page.add_init_script("window.keys = 0; document.addEventListener('keydown', () => { window.keys += 1; });")

    page.goto(stand_in.url)
    page.get_by_role("button", name="Open chat").click()
    page.keyboard.type("/search")

    assert page.evaluate("window.keys") == 0


def test_the_parts_have_roles_and_names(visit: Visit, stand_in: StandIn) -> None:
    page = visit.page
    stand_in.config["ai_notice"] = "No AI provider is connected."
    stand_in.script = [Answer(["Hello."])]
    page.goto(stand_in.url)
    launcher = page.get_by_role("button", name="Open chat")
    expect(launcher).to_have_attribute("aria-expanded", "false")

    launcher.click()
    page.get_by_role("textbox", name="Write a message…").fill("Hi")
    page.get_by_role("button", name="Send message").click()

    expect(page.get_by_text("No AI provider is connected.")).to_be_visible()
    expect(page.get_by_role("dialog", name="Bloom & Bean")).to_be_visible()
    log = page.get_by_role("log", name="Conversation")
    expect(log).to_have_attribute("aria-live", "polite")
    expect(log.get_by_text("You: ")).to_have_count(1)
    expect(log.get_by_text("Assistant: ")).to_have_count(2)


def test_a_long_message_is_counted_and_cut_at_the_limit(visit: Visit, stand_in: StandIn) -> None:
    page = visit.page
    page.goto(stand_in.url)
    page.get_by_role("button", name="Open chat").click()

    page.keyboard.insert_text("x" * 3_900)
    expect(page.get_by_text("100 characters left")).to_be_visible()
    page.keyboard.insert_text("x" * 200)

    expect(page.get_by_text("0 characters left", exact=True)).to_be_visible()
    assert len(page.get_by_role("textbox").input_value()) == 4_000
