"""Debian's chromium for tests: one browser for a run, a fresh profile for each test, and a record of what happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]

# The widget's shadow root is closed to pages; tests look in by opening it before any script of the page runs.
# Scripts that get to run would call one of the functions that are recorded here.
_OPENED = """
const attach = Element.prototype.attachShadow;
Element.prototype.attachShadow = function (options) { return attach.call(this, {...options, mode: "open"}); };
"""
_RECORDED = """
window.executed = [];
window.violations = [];
for (const name of ["alert", "prompt", "confirm", "print", "open"]) {
  window[name] = (...values) => { window.executed.push(name + " " + values.join()); };
}
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(event.violatedDirective + " " + event.blockedURI);
});
"""


@dataclass
class Visit:
    """A page and what it did: requests to other hosts (none is let through), errors, scripts that ran."""

    page: Page
    context: BrowserContext
    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def executed(self) -> list[str]:
        """What injected scripts called, in any frame."""
        return [call for frame in self.page.frames for call in frame.evaluate("window.executed || []")]

    def violations(self) -> list[str]:
        """What the page's content security policy refused."""
        return list(self.page.evaluate("window.violations"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser; the test is skipped where there is none."""
    if not CHROMIUM.exists():
        pytest.skip(f"no browser: {CHROMIUM} is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    """A visitor with an empty profile on a desktop screen."""
    context = chromium.new_context(viewport={"width": 1200, "height": 820}, reduced_motion="reduce")
    context.set_default_timeout(8_000)
    context.add_init_script(_OPENED)
    context.add_init_script(_RECORDED)
    page = context.new_page()
    visit = Visit(page, context)

    def guard(route: Route) -> None:
        if "//127.0.0.1:" in route.request.url[:20]:
            route.continue_()
        else:
            visit.foreign.append(route.request.url)
            route.abort()

    context.route("**/*", guard)
    page.on("pageerror", lambda error: visit.errors.append(str(error)))
    page.on("dialog", lambda dialog: dialog.dismiss())
    yield visit
    context.close()
