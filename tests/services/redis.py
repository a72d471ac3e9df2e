"""A throw-away Redis 6 or newer: `with running() as server: server.url(3)`. It keeps nothing on disk."""

import contextlib
import secrets
import signal
import time
from collections.abc import Iterator

import redis as client

from tests.services.process import Cleaner, Guarded, ServiceFailed, ServiceMissing, directory, find, free_port

DATABASES = 64
_HOW = "install it (Debian: apt-get install redis-server)"
_START_S = 15.0
_ATTEMPTS = 5


class Redis:
    """A Redis server that can be stopped, paused and started again on the same port; `url(n)` is its n-th database."""

    def __init__(self) -> None:
        self._binary = find("redis-server", how=_HOW)
        self._password = secrets.token_urlsafe(12)
        self.place = directory("redis")
        self._cleaner = Cleaner(self.place)
        self._log = self.place / "log"
        self._server: Guarded | None = None
        self.port = 0
        try:
            self._start_anywhere()
        except BaseException:
            self.close()
            raise

    def url(self, database: int = 0) -> str:
        """Tell the address of a logical database, with the password."""
        return f"redis://:{self._password}@127.0.0.1:{self.port}/{database}"

    def flush(self, database: int) -> None:
        """Empty a logical database."""
        with client.Redis.from_url(self.url(database), socket_timeout=5) as connection:
            connection.flushdb()

    @property
    def pid(self) -> int:
        """Tell the running server's process."""
        assert self._server is not None
        return self._server.process.pid

    def start(self) -> None:
        """Start the stopped server, empty, on its port, and wait until it answers."""
        settings = {
            "port": self.port,
            "bind": "127.0.0.1",
            "requirepass": self._password,
            "databases": DATABASES,
            "save": "",
            "appendonly": "no",
            "dir": self.place,
        }
        lines = [f'{name} "{value}"' for name, value in settings.items()]
        configuration = self.place / "redis.conf"
        configuration.write_text("\n".join(lines) + "\n")  # a password does not belong on a command line
        self._server = Guarded([str(self._binary), str(configuration)], self.place, self._log)
        limit = time.monotonic() + _START_S
        while self._server.is_running() and time.monotonic() < limit:
            if self._answers():
                return
            time.sleep(0.01)
        self._server.end(signal.SIGKILL)
        raise ServiceFailed(self._log.read_text(errors="replace")[-2000:])

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End the server; what it held is lost."""
        if self._server is not None:
            self._server.end(how)

    def pause(self) -> None:
        """Let the server hang: connections stay open and nothing is answered, until `resume`."""
        assert self._server is not None
        self._server.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let the paused server go on."""
        assert self._server is not None
        self._server.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the server and remove what it wrote."""
        self.stop()
        self._cleaner.remove()

    def _answers(self) -> bool:
        with (
            contextlib.suppress(client.ConnectionError, client.TimeoutError),
            client.Redis.from_url(self.url(), socket_timeout=5) as connection,
        ):
            return bool(connection.ping())
        return False

    def _start_anywhere(self) -> None:
        for attempt in range(_ATTEMPTS):
            self.port = free_port()
            try:
                return self.start()
            except ServiceFailed:
                if attempt == _ATTEMPTS - 1:
                    raise
        return None


@contextlib.contextmanager
def running() -> Iterator[Redis]:
    """Run a server for the length of the block."""
    server = Redis()
    try:
        yield server
    finally:
        server.close()


def is_installed() -> bool:
    """Tell whether a server could be run here."""
    with contextlib.suppress(ServiceMissing):
        find("redis-server", how=_HOW)
        return True
    return False
