"""The address that a server listens on: taken once, shared by all its processes, told to the command line.

Knows no Django, so that the parent of several processes can use it.
"""

import json
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

BACKLOG = 2048
ACCEPTS_A_TURN = 16
"""uvloop accepts one connection per listening socket in each turn of the loop: with one socket, of 128 clients that
come at once the last would wait for 128 turns, over half a second under load."""


class CannotServe(Exception):
    """The server cannot start; the message is one line that says why and what to do."""


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on an address for the length of the block; CannotServe when it cannot be taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise CannotServe(f"cannot listen on {host}:{port}: {reason}. Choose others with --host and --port.") from error
    with listener:
        yield listener


def often(listener: socket.socket, processes: int) -> Sequence[socket.socket]:
    """Give one process its sockets on the address: the given one and as many doubles as its share of a burst needs."""
    return [listener, *(listener.dup() for _ in range(max(1, ACCEPTS_A_TURN // processes) - 1))]


def address_of(listener: socket.socket, host: str) -> str:
    """Write the address that clients on this machine use, with a slash at its end."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}/"


def announce(path: Path, address: str) -> None:
    """Leave the server's address where the command line finds it. Of several servers the last one's is found."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(json.dumps({"address": address}), encoding="utf-8")
    draft.replace(path)


def withdraw(path: Path, address: str) -> None:
    """Take the address away, unless another server has left its own there since."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        if json.loads(path.read_text(encoding="utf-8"))["address"] == address:
            path.unlink()
