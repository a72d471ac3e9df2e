"""Whose address a request comes from."""

from ipaddress import ip_network

import pytest

from frontdesk.server.client_address import ClientAddresses

PROXIED = ClientAddresses([ip_network("10.0.0.0/8"), ip_network("::1")], b"secret")


def scope(peer: str, *forwarded: str) -> dict[str, object]:
    return {"client": (peer, 1234), "headers": [(b"x-forwarded-for", value.encode()) for value in forwarded]}


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", (), "203.0.113.9"),
        ("203.0.113.9", ("198.51.100.1",), "203.0.113.9"),  # whoever is no proxy of ours may write what he likes
        ("10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("1.2.3.4, 198.51.100.1",), "198.51.100.1"),  # the first was written by the client
        ("10.0.0.1", ("198.51.100.1, 10.0.0.2",), "198.51.100.1"),  # two proxies of ours
        ("10.0.0.1", ("198.51.100.1", "10.0.0.2"), "198.51.100.1"),
        ("10.0.0.1", ("198.51.100.1:4711",), "198.51.100.1"),
        ("10.0.0.1", ("[2001:db8::7]:4711",), "2001:db8::7"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("nonsense",), "10.0.0.1"),
        ("::1", ("2001:db8::7",), "2001:db8::7"),
        ("::ffff:10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
    ],
)
def test_address_is_what_the_last_trusted_proxy_saw(peer: str, forwarded: tuple[str, ...], expected: str) -> None:
    assert str(PROXIED.address(scope(peer, *forwarded))) == expected


def test_no_address_has_no_digest() -> None:
    assert PROXIED.address({"client": None, "headers": []}) is None
    assert PROXIED.digest({"client": None, "headers": []}) == ""


def test_digest_stands_for_a_subscriber_and_does_not_tell_the_address() -> None:
    digests = [PROXIED.digest(scope(peer)) for peer in ("2001:db8::7", "2001:db8::8", "2001:db8:0:1::7", "203.0.113.9")]

    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
    assert all(len(digest) == 24 for digest in digests)
    assert ClientAddresses([], b"other").digest(scope("203.0.113.9")) != digests[3]
