"""The widget in a real browser against a scripted server: asking, streaming, failing, going on."""

import re
import threading

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Visit
from tests.e2e.widget_stand_in import KEY, Answer, Refusal, StandIn

pytestmark = pytest.mark.browser

HOURS = {"kind": "knowledge", "title": "Opening hours", "entry_id": 3}


def open_chat(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("button", name="Open chat").click()


def ask(page: Page, text: str) -> None:
    box = page.get_by_role("textbox", name="Write a message…")
    box.fill(text)
    box.press("Enter")


def test_a_question_gets_its_streamed_answer_with_the_source(visit: Visit, stand_in: StandIn) -> None:
    page, gate = visit.page, threading.Event()
    stand_in.script = [Answer(["We are **open** ", "8 to 6.\n\n- daily", " 🌼"], HOURS, gate=gate, bytes_per_write=3)]

    open_chat(page, stand_in.url)
    ask(page, "What are your opening hours?")

    log = page.get_by_role("log")
    expect(log.get_by_text("8 to 6.")).to_be_visible()
    expect(log).to_have_attribute("aria-busy", "true")
    expect(log.get_by_text("From: Opening hours")).to_have_count(0)
    gate.set()
    expect(log.get_by_text("From: Opening hours")).to_be_visible()
    expect(log).to_have_attribute("aria-busy", "false")
    expect(log.locator("strong").last).to_have_text("open")
    expect(log.get_by_role("listitem")).to_have_text("daily 🌼")
    assert stand_in.received == [{"message_text": "What are your opening hours?"}]
    assert visit.errors == []
    assert visit.foreign == []


def test_a_model_answer_names_its_citations_notice_and_suggestions(visit: Visit, stand_in: StandIn) -> None:
    page = visit.page
    source = {"kind": "model", "citations": [{"entry_id": 1, "title": "Delivery"}, {"entry_id": 2, "title": "Orders"}]}
    stand_in.script = [
        Answer(["Yes."], source, notice="You've reached your free AI limit.", suggestions=["What does it cost?"]),
        Answer(["4 euros."]),
    ]

    open_chat(page, stand_in.url)
    ask(page, "Do you deliver?")
    expect(page.get_by_text("AI answer, based on: Delivery, Orders")).to_be_visible()
    expect(page.get_by_text("You've reached your free AI limit.")).to_be_visible()
    page.get_by_role("button", name="What does it cost?").click()

    expect(page.get_by_text("4 euros.")).to_be_visible()
    expect(page.get_by_text("AI answer", exact=True)).to_be_visible()
    assert stand_in.received[1] == {
        "message_text": "What does it cost?",
        "conversation_id": 7,
        "visitor_token": "token",
    }


def test_the_page_works_under_a_strict_policy_and_keeps_its_looks(visit: Visit, stand_in: StandIn) -> None:
    page = visit.page
    stand_in.script = [Answer(["Hello."])]

    open_chat(page, stand_in.url)
    ask(page, "Hi")

    expect(page.get_by_text("Hello.")).to_be_visible()
    assert visit.violations() == []
    header = page.get_by_role("dialog", name="Bloom & Bean").locator("header")
    assert "rgb(47, 93, 80)" in header.evaluate("node => getComputedStyle(node).backgroundImage")
    # The page says that buttons are red, and means it; ours are in a world of their own.
    close = page.get_by_role("button", name="Close chat").first
    assert close.evaluate("node => getComputedStyle(node).backgroundColor") == "rgba(0, 0, 0, 0)"


def test_a_reload_keeps_the_conversation(visit: Visit, stand_in: StandIn) -> None:
    page = visit.page
    stand_in.script = [Answer(["We open at **eight**."], HOURS), Answer(["Closed."])]

    open_chat(page, stand_in.url)
    ask(page, "Hours?")
    expect(page.get_by_text("From: Opening hours")).to_be_visible()
    open_chat(page, stand_in.url)

    expect(page.get_by_role("log").get_by_text("Hours?")).to_be_visible()
    expect(page.locator("strong", has_text="eight")).to_be_visible()
    expect(page.get_by_text("From: Opening hours")).to_be_visible()
    ask(page, "And Sunday?")
    expect(page.get_by_text("Closed.")).to_be_visible()
    assert stand_in.received[1]["conversation_id"] == 7
    assert stand_in.received[1]["visitor_token"] == "token"


def test_starting_over_forgets_the_conversation(visit: Visit, stand_in: StandIn) -> None:
    page = visit.page
    stand_in.script = [Answer(["One."]), Answer(["Two."])]

    open_chat(page, stand_in.url)
    ask(page, "First")
    expect(page.get_by_text("One.")).to_be_visible()
    page.get_by_role("button", name="Start over").click()
    expect(page.get_by_text("One.")).to_have_count(0)
    ask(page, "Second")

    expect(page.get_by_text("Two.")).to_be_visible()
    assert stand_in.received[1] == {"message_text": "Second"}


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (Refusal(503, "unavailable", retry_after_s=20), "We cannot answer right now. Please try again in 20 seconds."),
        (Refusal(500, "surprise", "The shop's own words."), "The shop's own words."),
        (Answer(["Half an ans"], is_cut=True), "The reply was interrupted."),
        (Answer(["Half"], error={"code": "reply_interrupted", "message": "It was cut off."}), "It was cut off."),
    ],
)
def test_a_failure_is_said_and_one_retry_sends_once(
    visit: Visit, stand_in: StandIn, step: Answer | Refusal, words: str
) -> None:
    page = visit.page
    stand_in.script = [step, Answer(["Here I am."])]

    open_chat(page, stand_in.url)
    ask(page, "Anyone there?")
    expect(page.get_by_text(words)).to_be_visible()
    page.get_by_role("button", name="Try again").dblclick()

    expect(page.get_by_text("Here I am.")).to_be_visible()
    expect(page.get_by_text(words)).to_have_count(0)
    assert [message["message_text"] for message in stand_in.received] == ["Anyone there?", "Anyone there?"]
    expect(page.get_by_role("log").get_by_text("Anyone there?")).to_have_count(1)


def test_a_refusal_for_good_offers_no_retry(visit: Visit, stand_in: StandIn) -> None:
    stand_in.script = [Refusal(404, "widget_not_found")]

    open_chat(visit.page, stand_in.url)
    ask(visit.page, "Hello?")

    expect(visit.page.get_by_text("This chat is not available any more.")).to_be_visible()
    expect(visit.page.get_by_role("button", name="Try again")).to_have_count(0)


def test_an_unknown_widget_shows_nothing(visit: Visit, stand_in: StandIn) -> None:
    stand_in.config_status = 404

    with visit.page.expect_console_message(lambda message: "Frontdesk: the widget" in message.text):
        visit.page.goto(stand_in.url)

    expect(visit.page.get_by_role("button")).to_have_count(0)


def test_denied_storage_still_chats(visit: Visit, stand_in: StandIn) -> None:
    denied = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }})"
    visit.context.add_init_script(denied)
    stand_in.script = [Answer(["Hello."]), Answer(["Again."])]

    open_chat(visit.page, stand_in.url)
    ask(visit.page, "Hi")
    expect(visit.page.get_by_text("Hello.")).to_be_visible()
    ask(visit.page, "Hi again")

    expect(visit.page.get_by_text("Again.")).to_be_visible()
    assert stand_in.received[1]["conversation_id"] == 7
    assert visit.errors == []


def test_the_page_can_drive_the_widget_and_hear_it(visit: Visit, stand_in: StandIn) -> None:
    page = visit.page
    stand_in.policy = ""
    stand_in.script = [Answer(["Hello."])]
    page.add_init_script(
        "window.frontdesk = Object.assign(() => {}, {q: [['open']]}); window.heard = [];"
        "for (const name of ['open', 'close', 'message']) document.addEventListener('frontdesk:' + name,"
        " (event) => window.heard.push([name, event.detail.role || '', event.detail.text || '']));"
    )

    page.goto(stand_in.url)
    expect(page.get_by_role("dialog")).to_be_visible()
    ask(page, "Hi")
    expect(page.get_by_text("Hello.")).to_be_visible()
    page.evaluate("window.frontdesk.close()")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.evaluate("window.frontdesk('toggle')")

    expect(page.get_by_role("dialog")).to_be_visible()
    heard = [["open", "", ""], ["message", "user", "Hi"], ["message", "assistant", "Hello."]]
    assert page.evaluate("window.heard") == [*heard, ["close", "", ""], ["open", "", ""]]


def test_a_reply_to_a_closed_panel_is_marked_unread(visit: Visit, stand_in: StandIn) -> None:
    page, gate = visit.page, threading.Event()
    stand_in.script = [Answer(["Hel", "lo."], gate=gate)]

    open_chat(page, stand_in.url)
    ask(page, "Hi")
    page.keyboard.press("Escape")
    gate.set()

    launcher = page.get_by_role("button", name="Open chat, 1 new reply")
    expect(launcher).to_be_visible()
    launcher.click()
    expect(page.get_by_text("Hello.")).to_be_visible()


def test_the_shadow_root_is_closed_to_the_page(chromium, stand_in: StandIn) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(stand_in.url)
    page.wait_for_function("document.querySelector('frontdesk-chat')")

    assert page.evaluate("document.querySelector('frontdesk-chat').shadowRoot") is None
    assert page.evaluate("document.querySelector('frontdesk-chat').getAttribute('widget-key')") == KEY
    context.close()


def test_the_widget_fills_a_small_screen_and_no_more(visit: Visit, stand_in: StandIn) -> None:
    page = visit.page
    page.set_viewport_size({"width": 375, "height": 700})

    open_chat(page, stand_in.url)

    box = page.get_by_role("dialog").bounding_box()
    assert box == {"x": 0, "y": 0, "width": 375, "height": 700}
    expect(page.get_by_role("dialog")).to_have_attribute("aria-modal", "true")
    expect(page.get_by_role("button", name=re.compile("chat"))).to_have_count(1)
