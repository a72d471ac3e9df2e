"""What Django answers, through its ASGI application."""

import warnings

import pytest
from django.test import AsyncClient, Client

pytestmark = pytest.mark.django_db


async def test_static_file_is_served_whole_without_collectstatic():
    response = await AsyncClient().get("/static/admin/css/base.css")

    assert response.status_code == 200
    assert response["content-type"].startswith("text/css")
    assert int(response["content-length"]) == len(response.content) > 1000


def test_part_of_a_static_file_and_an_unchanged_one():
    whole = Client().get("/static/admin/css/base.css")

    part = Client().get("/static/admin/css/base.css", headers={"range": "bytes=0-9"})
    unchanged = Client().get("/static/admin/css/base.css", headers={"if-modified-since": whole["last-modified"]})
    head = Client().head("/static/admin/css/base.css")

    assert (part.status_code, part.content) == (206, whole.content[:10])
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("path", ["/static/../settings.py", "/static/%2e%2e/%2e%2e/etc/passwd", "/static/none.css"])
def test_nothing_outside_the_static_files_is_served(path):
    assert Client().get(path).status_code == 404


async def test_static_file_comes_without_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (await AsyncClient().get("/static/admin/css/base.css")).status_code == 200


def test_console_asks_to_sign_in():
    response = Client().get("/admin/", follow=True)

    assert response.status_code == 200
    assert b"password" in response.content
