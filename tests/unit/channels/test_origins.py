import pytest

from frontdesk.channels import origins


@pytest.mark.parametrize(
    ("typed", "sent_by_browsers"),
    [
        ("https://shop.example", "https://shop.example"),
        ("HTTPS://Shop.Example:443/", "https://shop.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_origin_takes_the_form_that_browsers_send(typed: str, sent_by_browsers: str) -> None:
    assert origins.normalise(typed) == sent_by_browsers


@pytest.mark.parametrize(
    "value",
    [
        "shop.example",
        "ftp://shop.example",
        "https://shop.example/path",
        "https://shop.example?",
        "https://shop.example#x",
        "https://user@shop.example",
        "https://*.shop.example",
        "https://shop.example:0",
        "https://shop.example:99999",
        "https://",
        "https://shop.example, https://b.example",
        "https://shop.example\n",
        "https://" + "a" * 300,
        "null",
        "*",
        "",
        7,
        None,
    ],
)
def test_anything_else_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(ValueError, match="is not an origin: use the form"):
        origins.normalise(value)
