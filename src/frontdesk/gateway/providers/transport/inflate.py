"""Decompression of bodies, bounded in memory."""

import zlib

from frontdesk.gateway.errors import ProviderError
from frontdesk.gateway.providers.contract import BODY_LIMIT_BYTES


class Inflater:
    """Inflates gzip or zlib in bounded steps, so that a bomb costs no more than the limit."""

    _STEP_BYTES = 256 * 1024

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        self._is_begun = False

    def feed(self, piece: bytes) -> bytes:
        """Inflate the next bytes; often empty, as a compressor holds back. ProviderError when they grow too much."""
        self._is_begun = True
        inflated = bytearray()
        try:
            while piece:
                inflated += self._inflate.decompress(piece, self._STEP_BYTES)
                piece = self._inflate.unconsumed_tail
                if len(inflated) > BODY_LIMIT_BYTES:
                    raise ProviderError("The provider's answer is over 10 MB.", code="body_too_large")
        except zlib.error as error:
            raise ProviderError("The provider's answer cannot be decompressed.", code="malformed_body") from error
        return bytes(inflated)

    def check_end(self) -> None:
        """Check that the compressed stream is whole; an empty body is, whatever its encoding."""
        if self._is_begun and not self._inflate.eof:
            raise ProviderError("The provider's answer was cut short.", code="truncated_body")


def inflater_for(encoding: str) -> Inflater | None:
    """Give what undoes a `Content-Encoding`; None when there is nothing to undo. ProviderError for an unknown one."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return Inflater()
    raise ProviderError(f"The provider answered in an unknown encoding ({encoding[:20]}).", code="malformed_body")
