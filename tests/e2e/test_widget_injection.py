"""Hostile text in every place the widget shows text: nothing runs, nothing is fetched, it reads as text."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import Visit
from tests.e2e.widget_stand_in import Answer, StandIn

pytestmark = pytest.mark.browser

_FILE = Path(__file__).parents[1] / "data/xss/payloads.jsonl"
RECORDED = [json.loads(line)["payload"] for line in _FILE.read_text().splitlines()]
MARKDOWN = [
    "[click](javascript:alert(1))",
    "[click](JAVASCRIPT:alert(1) 'x')",
    "[click](<javascript:alert(1)>)",
    "[click](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "![pixel](https://evil.example/pixel.png)",
    '[a](https://evil.example/" onmouseover="alert(1))',
    "<https://evil.example/>",
    "**<img src=x onerror=alert(1)>** `<svg onload=alert(1)>`",
    "- <script>alert(1)</script>\n> <iframe srcdoc='<script>alert(1)</script>'>",
    "```html\n<img src=x onerror=alert(1)>\n```",
]
PAYLOADS = RECORDED + MARKDOWN


def pieces_of(text: str) -> list[str]:
    return [text[at : at + 7] for at in range(0, len(text), 7)]


def assert_harmless(visit: Visit) -> None:
    made = "img, script, iframe, object, embed, link, meta, base, form form, video, audio, math, details"
    page = visit.page
    # Something that was going to load or run gets its turn before the look.
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))")
    assert page.get_by_role("dialog").locator(made).count() == 0
    links = page.get_by_role("log").locator("a").evaluate_all("all => all.map(a => [a.protocol, a.rel, a.target])")
    assert {protocol for protocol, _, _ in links} <= {"http:", "https:", "mailto:"}
    assert all(rest == ["noopener noreferrer nofollow", "_blank"] for _, *rest in links)
    assert visit.executed() == []
    assert visit.foreign == []
    assert visit.errors == []


def test_the_trap_would_catch_what_runs_and_what_is_fetched(visit: Visit, stand_in: StandIn) -> None:
    stand_in.policy = ""
    visit.page.goto(stand_in.url)

    markup = "<img src=/nothing onerror=alert(1)><img src=https://evil.example/pixel.png>"
    visit.page.evaluate("markup => document.body.insertAdjacentHTML('beforeend', markup)", markup)
    visit.page.wait_for_function("window.executed.length > 0")

    assert visit.executed() == ["alert 1"]
    assert visit.foreign == ["https://evil.example/pixel.png"]


def test_payloads_as_streamed_model_output_and_user_text_stay_text(visit: Visit, stand_in: StandIn) -> None:
    stand_in.policy = ""  # nothing but the widget itself protects this page
    visit.page.goto(stand_in.url)
    visit.page.get_by_role("button", name="Open chat").click()
    box = visit.page.get_by_role("textbox")

    for payload in PAYLOADS:
        source = {"kind": "knowledge", "title": payload}
        stand_in.script = [Answer(pieces_of(payload), source, notice=payload, suggestions=[payload])]
        box.fill(payload)
        box.press("Enter")
        expect(visit.page.get_by_role("log").locator(".source").last).to_have_text(f"From: {payload}")
        expect(visit.page.get_by_role("log")).to_have_attribute("aria-busy", "false")
        assert visit.page.locator(".user .bubble").last.text_content() == payload.strip()
        visit.page.get_by_role("log").locator("a").evaluate_all(
            "all => all.forEach(a => a.dispatchEvent(new Event('mouseover')))"
        )

    assert len(stand_in.received) == len(PAYLOADS) == 55
    assert_harmless(visit)
    visit.page.reload()
    visit.page.get_by_role("button", name="Open chat").click()
    expect(visit.page.get_by_role("log").locator(".source").last).to_be_visible()
    assert_harmless(visit)


@pytest.mark.parametrize(
    "payload", [RECORDED[0], RECORDED[6], MARKDOWN[4], "#fff;background:url(https://evil.example/)"]
)
def test_payloads_as_configuration_stay_text(visit: Visit, stand_in: StandIn, payload: str) -> None:
    stand_in.policy = ""
    for name in ("title", "subtitle", "greeting", "accent_color", "position", "locale", "placeholder", "ai_notice"):
        stand_in.config[name] = payload

    visit.page.goto(stand_in.url)
    visit.page.get_by_role("button", name="Open chat").click()

    expect(visit.page.get_by_role("dialog", name=payload)).to_be_visible()
    assert visit.page.get_by_role("dialog").get_by_role("heading").text_content() == payload
    assert_harmless(visit)


def test_stored_messages_that_were_tampered_with_stay_text(visit: Visit, stand_in: StandIn) -> None:
    stand_in.policy = ""
    stored = {"messages": [{"role": "assistant", "text": payload, "notice": payload} for payload in PAYLOADS[-40:]]}
    visit.page.goto(stand_in.url)
    visit.page.evaluate(
        "([name, value]) => localStorage.setItem(name, value)", [f"frontdesk:wk_{'a' * 24}", json.dumps(stored)]
    )

    visit.page.reload()
    visit.page.get_by_role("button", name="Open chat").click()

    expect(visit.page.locator(".message")).to_have_count(41)
    assert_harmless(visit)
