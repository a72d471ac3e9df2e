"""A throw-away PostgreSQL 13 or newer: `with running() as server: server.create_database()`.

It listens on 127.0.0.1 and asks for a password, as a real one does. It refuses to run as root, so that root starts it
as the user that Debian's package makes, or as `nobody`.
"""

import contextlib
import os
import pathlib
import pwd
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql

from tests.services.process import Cleaner, Guarded, ServiceFailed, ServiceMissing, directory, find, free_port

_BINARIES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
_HOW = "install it (Debian: apt-get install postgresql)"
_START_S = 30.0
_ATTEMPTS = 5
_USER = "frontdesk"
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0")
_SETTINGS = ("max_connections=200", "shared_buffers=32MB", "timezone=UTC", "log_min_messages=warning")


class Postgres:
    """A PostgreSQL server that can be stopped and started again on the same port; `url()` names its databases."""

    def __init__(self, *, durable: bool = False) -> None:
        self._binary = find("postgres", *_BINARIES, how=_HOW)
        self._settings = (*_SETTINGS, *(() if durable else _QUICK))
        self._password = secrets.token_urlsafe(12)
        self.place = directory("postgres")
        self._cleaner = Cleaner(self.place)
        self._as_user = _server_user()
        self._log = self.place / "log"
        self._server: Guarded | None = None
        self._made = 0
        self.port = 0
        try:
            self._make()
            self._start_anywhere()
        except BaseException:
            self.close()
            raise

    def url(self, database: str = "postgres") -> str:
        """Tell the address of a database, with its password."""
        return f"postgres://{_USER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str = "") -> str:
        """Make an empty database; gives its address."""
        self._made += 1
        name = name or f"frontdesk_{self._made}"
        self._administer(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop a database, ending the connections to it."""
        name = url.rpartition("/")[2]
        self._administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    @property
    def pid(self) -> int:
        """Tell the running server's process."""
        assert self._server is not None
        return self._server.process.pid

    def start(self) -> None:
        """Start the stopped server on its port, and wait until it takes connections."""
        command = [str(self._binary), "-D", str(self.place / "data"), "-p", str(self.port), "-k", str(self.place)]
        command += ["-h", "127.0.0.1", *(word for setting in self._settings for word in ("-c", setting))]
        self._server = Guarded(command, self.place, self._log, **self._as_user)
        limit = time.monotonic() + _START_S
        while self._server.is_running() and time.monotonic() < limit:
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self.url(), connect_timeout=5).close()
                return
            time.sleep(0.02)
        self._server.end(signal.SIGQUIT)
        raise ServiceFailed(self._log.read_text(errors="replace")[-2000:])

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server; SIGINT cuts clients off, SIGQUIT is a crash. Its data stays for `start`."""
        if self._server is not None:
            self._server.end(how)

    def close(self) -> None:
        """End the server and remove everything it wrote."""
        self.stop(signal.SIGQUIT)
        self._cleaner.remove()

    def _make(self) -> None:
        secret = self.place / "password"
        secret.write_text(self._password)
        if self._as_user:
            for path in (self.place, secret):
                os.chown(path, self._as_user["user"], self._as_user["group"])
        command = [str(self._binary.with_name("initdb")), "-D", str(self.place / "data"), "-U", _USER, "-E", "UTF8"]
        command += ["--locale=C", "-A", "password", f"--pwfile={secret}", "--no-sync"]
        made = subprocess.run(
            command,
            cwd=self.place,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"},
            capture_output=True,
            text=True,
            **self._as_user,
        )
        if made.returncode:
            raise ServiceFailed(made.stderr[-2000:])

    def _start_anywhere(self) -> None:
        for attempt in range(_ATTEMPTS):
            self.port = free_port()
            try:
                return self.start()
            except ServiceFailed:
                if attempt == _ATTEMPTS - 1:
                    raise
        return None

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url(), autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement)


@contextlib.contextmanager
def running(*, durable: bool = False) -> Iterator[Postgres]:
    """Run a server for the length of the block; `durable` keeps what was committed through a crash of the machine."""
    server = Postgres(durable=durable)
    try:
        yield server
    finally:
        server.close()


def _server_user() -> dict[str, Any]:
    """Tell whom to run the server as, in subprocess's words: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    raise ServiceMissing("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


def is_installed() -> bool:
    """Tell whether a server could be run here."""
    with contextlib.suppress(ServiceMissing):
        find("postgres", *_BINARIES, how=_HOW)
        return True
    return False


def data_of(server: Postgres) -> pathlib.Path:
    """Tell the directory of the server's data, for tests that look at what is on disk."""
    return server.place / "data"
