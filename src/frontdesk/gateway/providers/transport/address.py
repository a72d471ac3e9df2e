"""Where a request goes, and its head in bytes."""

from typing import Self
from urllib.parse import quote, urlsplit

from frontdesk.gateway.errors import ProviderError
from frontdesk.gateway.providers.contract import UpstreamRequest

_PORTS = {"http": 80, "https": 443}
_PATH_SAFE = "/?:@!$&'()*+,;=-._~%[]"


class Address:
    """A URL taken apart: the origin to connect to, and the lines that every request to it begins with."""

    __slots__ = ("_after_method", "origin")

    def __init__(self, origin: tuple[str, str, int], after_method: str) -> None:
        self.origin = origin
        """Scheme, host, port."""
        self._after_method = after_method

    @classmethod
    def parse(cls, url: str) -> Self:
        """Take an http or https URL. ProviderError when it is none."""
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme, parts.hostname, parts.port
            if scheme not in _PORTS or not host or port == 0:
                raise _unusable()
            target = quote(parts.path or "/", safe=_PATH_SAFE)
            if parts.query:
                target += "?" + quote(parts.query, safe=_PATH_SAFE)
            shown_host = f"[{host}]" if ":" in host else host.encode("idna").decode() if not host.isascii() else host
        except ValueError as error:  # also of what neither IDNA nor UTF-8 can express
            raise _unusable() from error
        shown_port = f":{port}" if port not in (None, _PORTS[scheme]) else ""
        # Compression saves a provider's answer little and costs CPU; one that compresses all the same is understood.
        after_method = (
            f" {target} HTTP/1.1\r\nhost: {shown_host}{shown_port}\r\nuser-agent: frontdesk\r\n"
            "accept: */*\r\naccept-encoding: identity\r\n"
        )
        return cls((scheme, host, port or _PORTS[scheme]), after_method)

    def head(self, request: UpstreamRequest) -> bytes:
        """Write a request's head. ProviderError when a header field holds what a header cannot."""
        headers = request.headers
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        if lines.count("\n") != len(headers) or lines.count("\r") != len(headers) or "\0" in lines:
            raise _unusable_header()
        text = f"{request.method}{self._after_method}{lines}content-length: {len(request.body)}\r\n\r\n"
        try:
            return text.encode("latin-1")
        except UnicodeEncodeError as error:
            raise _unusable_header() from error


def _unusable() -> ProviderError:
    return ProviderError("The provider's base URL cannot be used: check it in the console.", code="connection_failed")


def _unusable_header() -> ProviderError:
    return ProviderError(
        "The provider's key holds characters that no HTTP header can carry: enter it again in the console.",
        code="connection_failed",
    )
