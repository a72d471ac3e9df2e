from pathlib import Path

import pytest
from django.test import Client

from frontdesk.channels import services, views
from frontdesk.gateway import runtime
from frontdesk.tenants import services as tenants


class FakeGateway:
    """A gateway that can serve everybody or nobody."""

    def __init__(self, is_connected: bool) -> None:
        self.is_connected = is_connected

    def can_serve(self, tenant_id: int, model: str) -> bool:
        return self.is_connected


@pytest.fixture
def gateway():
    fake = FakeGateway(is_connected=False)
    runtime.install(fake)
    yield fake
    runtime.install(None)


@pytest.fixture
def demo_widget(db, gateway):
    tenant = tenants.create_tenant("Bloom & Bean", "demo")
    return services.create_widget(tenant, name="Site")


def test_without_a_demo_shop_the_page_says_how_to_make_one(db, client: Client) -> None:
    response = client.get("/")

    assert response.status_code == 200
    assert "frontdesk demo" in response.content.decode()
    assert "widget.js" not in response.content.decode()


def test_the_demo_page_carries_the_demo_tenant_s_first_widget(alice_tenant, demo_widget, client: Client) -> None:
    of_alice = services.create_widget(alice_tenant, name="Site")
    second = services.create_widget(demo_widget.tenant, name="Second")

    page = client.get("/", headers={"host": "127.0.0.1:8123"}).content.decode()

    assert f'<script src="/widget.js" data-widget-key="{demo_widget.key}"' in page
    assert f"http://127.0.0.1:8123/api/chat-widget/public/widget/{demo_widget.key}/message" in page
    assert of_alice.key not in page
    assert second.key not in page
    assert 'href="/admin/"' in page


def test_the_strip_says_who_answers(demo_widget, gateway: FakeGateway, client: Client) -> None:
    without = client.get("/").content.decode()
    gateway.is_connected = True
    connected = client.get("/").content.decode()

    assert "No AI provider is connected: the knowledge base answers." in without
    assert "OPENAI_API_KEY" in without
    assert "An AI model is connected" in connected
    assert "No AI provider" not in connected


def test_the_page_allows_no_inline_code_and_has_none(demo_widget, client: Client) -> None:
    response = client.get("/")
    page = response.content.decode()

    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert " style=" not in page
    assert " on" + "click" not in page
    assert page.count("<script") == page.count("<script src=")


def test_the_widget_script_is_the_built_file_for_any_site(db, client: Client) -> None:
    response = client.get("/widget.js")

    assert response.content == Path(views.SCRIPT_PATH).read_bytes()
    assert response["Content-Type"] == "text/javascript; charset=utf-8"
    assert response["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response["Cache-Control"] == "public, max-age=300, stale-while-revalidate=86400"


def test_an_unchanged_script_is_not_sent_again(db, client: Client) -> None:
    etag = client.get("/widget.js")["ETag"]

    response = client.get("/widget.js", headers={"if-none-match": etag})

    assert (response.status_code, response.content) == (304, b"")


def test_the_pages_cannot_be_posted_to(db, client: Client) -> None:
    assert client.post("/").status_code == 405
    assert client.post("/widget.js").status_code == 405
