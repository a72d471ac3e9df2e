"""The HTTP protocol of the server: uvicorn's, which also tells a handler at once when its client has left.

ASGI's own way, a task that waits for `http.disconnect`, costs as much as a quarter of a request.
"""

from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from frontdesk.server.exchange import CONNECTION


class FrontdeskProtocol(HttpToolsProtocol):
    """One client connection. Fulfils `exchange.Connection`."""

    when_lost: Callable[[], None] | None = None

    def on_message_begin(self) -> None:
        """Put this connection into the scope of the request that begins."""
        super().on_message_begin()
        self.scope[CONNECTION] = self  # type: ignore[literal-required]  # a key of our own in ASGI's dict

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the handler that is at work."""
        super().connection_lost(exc)
        if self.when_lost is not None:
            self.when_lost()
            self.when_lost = None
