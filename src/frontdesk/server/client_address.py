"""Whose address a request comes from, as far as it can be believed, and the digest that budgets count by.

`X-Forwarded-For` is written by anybody: it is read from its end, and only as far as it was written by proxies that the
operator trusts. The address itself goes nowhere: what is counted, and stored, is a keyed digest of it.
"""

import hashlib
import hmac
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

from django.conf import settings

from frontdesk.server.exchange import Scope

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_IPV6_SUBSCRIBER_BITS = 64
"""A subscriber has at least that network, and with it any number of addresses."""
_DIGEST_BYTES = 12
_MOST_HOPS = 20


class ClientAddresses:
    """Finds clients' addresses behind the proxies that are trusted."""

    def __init__(self, trusted: Sequence[Network], secret: bytes) -> None:
        self._trusted = tuple(trusted)
        self._secret = secret

    @classmethod
    def from_settings(cls) -> Self:
        """Take the operator's proxies, and the key that also signs sessions."""
        networks = [ip_network(proxy) for proxy in settings.CONFIGURATION.trusted_proxies]
        return cls(networks, settings.SECRET_KEY.encode())

    def address(self, scope: Scope) -> Address | None:
        """Tell the client's address; None where there is none (a Unix socket)."""
        peer = _parsed((scope.get("client") or ("",))[0])
        if peer is None or not self._is_trusted(peer):
            return peer
        forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        nearest = peer
        for hop in reversed(forwarded.decode("latin-1").split(",")[-_MOST_HOPS:]):
            address = _parsed(hop.strip())
            if address is None:
                break
            nearest = address
            if not self._is_trusted(address):
                break
        return nearest

    def digest(self, scope: Scope) -> str:
        """Give what stands for the client's address in budgets; "" where there is none."""
        address = self.address(scope)
        if address is None:
            return ""
        counted = ip_network((address, _IPV6_SUBSCRIBER_BITS), strict=False) if address.version == 6 else address
        mac = hmac.digest(self._secret, f"frontdesk-client-address:{counted}".encode(), hashlib.sha256)
        return mac[:_DIGEST_BYTES].hex()

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _parsed(text: str) -> Address | None:
    """Read an address, in brackets or not, with a port behind it or not."""
    host, _, port = text.rpartition(":")
    if port.isdecimal() and ("." in host or host.endswith("]")):
        text = host
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
