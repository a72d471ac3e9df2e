"""Addresses of providers: usable or not, and whether a change sends a key to somebody else."""

import pytest

from frontdesk.gateway.providers.web_address import is_elsewhere, is_usable


@pytest.mark.parametrize(
    "address", ["https://api.example.com/v1", "http://127.0.0.1:8080", "http://vllm:8000/v1", "https://[::1]:9/v1"]
)
def test_web_address_is_usable(address):
    assert is_usable(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ftp://x",
        "api.example.com",
        "http://",
        "http://[::1",
        "http://h:0/",
        "http://h:99999",
        "http://h:port",
        "https://user:pass@h/v1",
        "https://user@h/v1",
        "https://h/v1?key=x",
        "https://h/#x",
    ],
)
def test_other_text_is_not(address):
    assert not is_usable(address)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("https://h/v1", "https://h/v2/"),
        ("https://h", "https://h:443/v1"),
        ("https://H.example", "https://h.example./v1"),
        ("http://h:80/", "http://h"),
    ],
)
def test_same_host_is_not_elsewhere(before, after):
    assert not is_elsewhere(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "https://h"),
        ("https://h", ""),
        ("https://h", "http://h"),
        ("https://h", "https://h:8443"),
        ("https://h", "https://h.evil.example"),
        ("https://h", "https://h@evil.example"),
        ("https://h", "http://[::1"),
    ],
)
def test_other_host_scheme_or_port_is_elsewhere(before, after):
    assert is_elsewhere(before, after)
