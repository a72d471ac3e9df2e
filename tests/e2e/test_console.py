"""The operator's console in a real browser on the real server: what an operator does on the first day."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Visit
from tests.e2e.server import serving

pytestmark = pytest.mark.browser

REVOKED_WITHIN_S = 10


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, Any]]]:
    """A server with the demo shop: its address, and what `frontdesk demo` printed."""
    folder: Path = tmp_path_factory.mktemp("console") / "var"
    with serving(folder) as frontdesk:
        yield frontdesk.address, frontdesk.demo


@pytest.fixture
def console(visit: Visit, shop: tuple[str, dict[str, Any]]) -> Page:
    """The first page of the console, signed in."""
    address, keys = shop
    page = visit.page
    page.goto(f"{address}/admin/")
    page.get_by_label("Username").fill(keys["admin_user"])
    page.get_by_label("Password").fill(keys["admin_password"])
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    return page


def models_status(address: str, key: str) -> int:
    """What the gateway answers to the key."""
    request = urllib.request.Request(f"{address}/v1/models", headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_every_page_of_the_sidebar_opens_without_a_request_to_elsewhere(
    console: Page, visit: Visit, shop: tuple[str, dict[str, Any]]
) -> None:
    links = console.locator("#nav-sidebar a[href^='/admin/']").evaluate_all("all => all.map(link => link.href)")
    failed: list[str] = []
    console.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)

    for link in links:
        console.goto(link)
        expect(console.locator("#content")).to_be_visible()

    assert len(links) >= 13
    assert (failed, visit.foreign, visit.errors) == ([], [], [])


def test_the_first_page_says_that_no_model_is_connected(console: Page) -> None:
    expect(console.get_by_text("Connect a model provider")).to_be_visible()
    console.get_by_role("link", name="Add provider key").click()
    expect(console.get_by_label("Key", exact=False).first).to_be_visible()


def test_an_api_key_works_from_its_creation_until_it_is_revoked(
    console: Page, shop: tuple[str, dict[str, Any]]
) -> None:
    address, _ = shop
    console.goto(f"{address}/admin/tenants/apikey/add/")
    console.locator(".select2-selection").click()
    console.locator(".select2-search__field").fill("bloom")
    console.locator(".select2-results__option", has_text="Bloom").click()
    console.get_by_label("Name").fill("Till")
    console.get_by_label("Call models through /v1").check()
    console.get_by_role("button", name="Save").click()
    key = console.locator("#new-key").inner_text()

    assert _settles(lambda: models_status(address, key), 200)

    console.get_by_role("link", name="I have copied it").click()
    assert key not in console.content()
    console.get_by_role("link", name="Till").click()
    console.get_by_role("button", name="Revoke this key").click()
    expect(console.get_by_text("is revoked", exact=False)).to_be_visible()
    assert _settles(lambda: models_status(address, key), 401)


def _settles(status: Any, expected: int) -> bool:
    limit = time.monotonic() + REVOKED_WITHIN_S
    while status() != expected:
        if time.monotonic() > limit:
            return False
        time.sleep(0.1)
    return True


def test_what_a_visitor_asks_in_the_preview_is_read_in_the_console(
    console: Page, visit: Visit, shop: tuple[str, dict[str, Any]]
) -> None:
    address, _ = shop
    console.goto(f"{address}/admin/channels/widget/")
    console.get_by_role("link", name="Try it").first.click()
    console.get_by_role("button", name="Open chat").click()
    console.get_by_role("textbox").fill("What are your opening hours?")
    console.keyboard.press("Enter")
    expect(console.get_by_role("log").get_by_text("open Monday to Friday")).to_be_visible()

    console.goto(f"{address}/admin/conversations/conversation/")
    console.locator("#result_list a").first.click()

    expect(console.get_by_text("What are your opening hours?").first).to_be_visible()
    console.get_by_text("How this came about").first.click()
    expect(console.get_by_text("no usable provider key")).to_be_visible()
    assert visit.errors == []
