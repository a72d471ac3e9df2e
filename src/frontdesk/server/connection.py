"""The HTTP protocol of the server: uvicorn's, with bounds on what a client may send and how long it may take.

It also tells a handler at once when its client has left; ASGI's own way, a task that waits for `http.disconnect`, costs
as much as a quarter of a request.

A client that closes only its sending side has left, too: the FIN of a half-close and that of a full close are the same
until something is written, and while an answer is made there is nothing to write. To wait and see would keep the
provider busy, and paid, for clients that are gone; nginx, Go and Node decide alike.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from frontdesk.server.ending import Ending
from frontdesk.server.exchange import CONNECTION, error_json

HEAD_LIMIT_BYTES = 64 * 1024
MOST_FIELDS = 200
HEAD_S = 15.0
"""How long the head of a request may take, from its first byte on (or from the connection's begin)."""
BODY_S = 30.0
"""How long the next piece of a body may take."""
UNSENT_S = 60.0
"""How long a client may leave untaken what is sent to it."""
ENDING_S = 5.0
"""How long each of these may take once the server ends."""
_LINGER_S = 2.0

_Wait = tuple[float, RequestResponseCycle | None]
"""What the client owes: how long it may take, and the request since or in which it is awaited."""


class FrontdeskProtocol(HttpToolsProtocol):
    """One client connection. Fulfils `exchange.Connection`."""

    when_lost: Callable[[], None] | None = None
    _at_work: RequestResponseCycle | None = None
    _ending = Ending()
    """Of the process; this one, which never begins, where there is no server."""
    _is_refused = False
    _unread_bytes = 0
    """What was read since the last complete head or piece of a body."""
    _wait: _Wait | None = None
    _wait_since = 0.0
    _unsent_bytes: float = math.inf
    _unsent_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin, and learn whose connection this is."""
        super().connection_made(transport)
        self._ending = getattr(self.server_state, "ending", self._ending)

    def data_received(self, data: bytes) -> None:
        """Parse what has come; refuse it when a head (or trailer) does not end."""
        self._unread_bytes += len(data)
        super().data_received(data)
        if self._unread_bytes > HEAD_LIMIT_BYTES:
            self._refuse_head()

    def on_message_begin(self) -> None:
        """Put this connection into the scope of the request that begins."""
        super().on_message_begin()
        self.scope[CONNECTION] = self  # type: ignore[literal-required]  # a key of our own in ASGI's dict

    def on_headers_complete(self) -> None:
        """Have the request answered, unless its head is too large."""
        headers = self.headers
        if len(headers) > MOST_FIELDS or (
            self._unread_bytes > HEAD_LIMIT_BYTES
            and len(self.url) + sum(len(name) + len(value) + 4 for name, value in headers) > HEAD_LIMIT_BYTES
        ):
            self._refuse_head()
            raise ValueError("head too large")  # stops the parser
        self._unread_bytes = 0
        super().on_headers_complete()
        if self._ending.has_begun:
            self.cycle.keep_alive = False
        self.headers = []  # of the trailer: its fields must not join those of the head, which are in the scope

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body: the client gets time for the next one."""
        self._unread_bytes = 0
        self._wait = None
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser did not understand."""
        self._refuse(400, "bad_request", msg)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the handler that is at work."""
        super().connection_lost(exc)
        if self._at_work is not None:
            self._at_work.disconnected = True
        if self.when_lost is not None:
            self.when_lost()
            self.when_lost = None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._at_work = cycle  # in a pipeline uvicorn knows only the last request
        super()._start_asgi_task(cycle, app)

    def close_after_reply(self) -> None:
        """Have the reply that is being made, if any, be the last one."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False

    def check(self, now: float, *, is_ending: bool) -> None:
        """Drop a client that has taken too long; called once a second, as timers for each request would cost more."""
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent < self._unsent_bytes:
            self._unsent_since = now
        self._unsent_bytes = unsent
        if now - self._unsent_since >= (ENDING_S if is_ending else UNSENT_S):
            self.transport.abort()
            return
        wait = self._awaited()
        if wait != self._wait:
            self._wait, self._wait_since = wait, now
        elif wait is not None and now - self._wait_since >= (ENDING_S if is_ending else wait[0]):
            self._refuse(408, "request_timeout", "The request did not arrive in time.")

    def _awaited(self) -> _Wait | None:
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            is_body_due = cycle.more_body and not self.pipeline and not self.flow.read_paused
            return (BODY_S, cycle) if is_body_due else None
        # uvicorn's own timer runs between a reply and the next byte
        return (HEAD_S, cycle) if self.timeout_keep_alive_task is None else None

    def _refuse_head(self) -> None:
        limits = f"{MOST_FIELDS} fields and {HEAD_LIMIT_BYTES // 1024} KiB"
        self._refuse(431, "request_header_fields_too_large", f"The header is over {limits}: send less.")

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer what is not a whole request, and close. Where replies to earlier requests are due, close after them.

        Reading goes on for a while and what comes is dropped: closing at once would lose the reply.
        """
        if self._is_refused or self.transport.is_closing():
            return
        self._is_refused = True
        self.transport.set_protocol(_Deaf(self))
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if not cycle.more_body:
                cycle.keep_alive = False
                return
            cycle.disconnected = True
            cycle.message_event.set()
            if self.pipeline or cycle.response_started:
                self.transport.close()
                return
        body = error_json(code, message)
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.write_eof()
        self.loop.call_later(_LINGER_S, self.transport.close)


class _Deaf(asyncio.Protocol):
    """Stands between a refused client and its connection: drops what it sends."""

    def __init__(self, connection: FrontdeskProtocol) -> None:
        self._connection = connection

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.connection_lost(exc)
