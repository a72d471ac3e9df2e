"""Distinctive secrets in every place that takes one, everything exercised, and none of them seen anywhere.

The searched surfaces: every reply, the log at DEBUG, every command's output, the exports, a dump of the database, the
data directory with its journal, the command lines of the processes. The last tests plant leaks, and the search finds
each.
"""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from frontdesk.gateway.vault import generate_master_key
from tests.e2e.canaries import WAYS, QuotingProvider, Session, Surfaces, canary, dump, execute, forms
from tests.e2e.server import FRONTDESK, Frontdesk, StandIn

SIDEBAR = re.compile(r'href="(/admin/[a-z]+/[a-z]+/)"')
ROWS = re.compile(r'href="(/admin/[a-z]+/[a-z]+/[^"?]+/change/)')
COMMANDS = (
    ("config",),
    ("config", "--json"),
    ("health",),
    ("health", "--json"),
    ("tenant", "list", "--json"),
    ("tenant", "settings", "demo", "--json"),
    ("provider", "list"),
    ("usage", "calls", "--tenant", "demo", "--last", "100"),
    ("usage", "calls", "--tenant", "demo", "--last", "100", "--json"),
    ("usage", "audit", "--json"),
    ("rotate_master_key", "--dry-run", "--json"),
    ("budget", "show", "demo", "--json"),
    ("prices", "show", "openai/gpt-4o-mini"),
    ("dumpdata", "--indent", "1"),
    ("diffsettings", "--all"),
    ("usage", "calls", "--tenant", "no-such-tenant"),
    ("provider", "add", "x", "--wire", "nonsense", "--base-url", "http://h", "--key", "-"),
)


@dataclasses.dataclass
class Haunted:
    """A server full of canaries, after everything was done with it."""

    frontdesk: Frontdesk
    secrets: dict[str, str]
    surfaces: Surfaces
    provider: QuotingProvider
    statuses: list[int]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def haunted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Haunted]:
    """Run the whole story once on each database."""
    place = tmp_path_factory.mktemp(f"canaries-{request.param}") / "var"
    addresses = {"database": f"sqlite:///{place}/db.sqlite3", "redis": ""}
    if request.param == "postgres":
        addresses = {name: request.getfixturevalue(f"{name}_url") for name in ("postgres", "redis")}
        addresses["database"] = addresses.pop("postgres")
    standin, quoting = StandIn(), QuotingProvider()
    try:
        story = _Story(place, addresses, standin, quoting)
        yield story.told()
    finally:
        standin.stop()
        quoting.stop()


class _Story:
    """Everything that can be done with a Frontdesk, in order."""

    def __init__(self, place: Path, addresses: dict[str, str], standin: StandIn, quoting: QuotingProvider) -> None:
        names = ("openai-env", "overlay", "stored", "second", "tenant", "typed-wrong", "signing")
        self._secrets = {name: canary(name) for name in names}
        self._secrets |= {"master": generate_master_key(), "old master": generate_master_key()}
        for name, address in addresses.items():
            if password := re.search(r":([^:@/]+)@", address):
                self._secrets[f"{name} password"] = password.group(1)
        self._surfaces = Surfaces()
        self._database_url = addresses["database"]
        self._statuses: list[int] = []
        self._provider = quoting
        overlay = {"quoting": {"wire": "openai", "base_url": quoting.base_url, "api_key": self._secrets["overlay"]}}
        self._environment = {
            "LOG_LEVEL": "DEBUG",
            "LLM_DEBUG_MODE": "true",
            "LLM_MASTER_KEY": self._secrets["old master"],
            "FRONTDESK_SECRET_KEY": self._secrets["signing"],
            "FRONTDESK_DATABASE_URL": addresses["database"],
            "FRONTDESK_REDIS_URL": addresses["redis"],
            "OPENAI_API_KEY": self._secrets["openai-env"],
            "OPENAI_BASE_URL": standin.base_url,
            "LLM_PROVIDERS": json.dumps(overlay),
        }
        self._frontdesk = Frontdesk(place, **self._environment)
        demo = self._frontdesk.demo
        self._secrets |= {name: demo[name] for name in ("tenant_api_key", "gateway_key", "admin_password")}

    def told(self) -> Haunted:
        """Go through all of it, then gather what is left behind."""
        self._store_keys()
        self._frontdesk.environment["LLM_MASTER_KEY"] = f"{self._secrets['master']},{self._secrets['old master']}"
        self._frontdesk.start()
        try:
            self._use_gateway()
            self._use_widget()
            self._use_console()
            self._use_commands()
            self._break_things()
            self._look_at_processes()
            time.sleep(1)  # the drain takes the last calls into the database
        finally:
            self._frontdesk.stop()
        self._fail_to_start()
        self._gather()
        return Haunted(self._frontdesk, self._secrets, self._surfaces, self._provider, self._statuses)

    def _store_keys(self) -> None:
        add = ("provider", "add", "stored", "--wire", "openai", "--base-url", self._provider.base_url)
        self._command(*add, "--key", "-", given=self._secrets["stored"])
        self._command("tenant", "settings", "demo", "--set", f'openai_api_key="{self._secrets["tenant"]}"')

    def _command(self, *words: str, given: str = "") -> None:
        self._commands([(words, self._frontdesk.environment)], given)

    def _commands(self, wanted: list[tuple[tuple[str, ...], dict[str, str]]], given: str = "") -> None:
        """Run commands, two at a time, each in an environment of its own."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            for (words, _), printed in zip(wanted, pool.map(lambda each: self._run(*each, given), wanted), strict=True):
                # What was typed is known to whoever typed it; only the answer is searched.
                self._surfaces.add(f"frontdesk {' '.join(word for word in words if 'canary' not in word)}", printed)

    def _run(self, words: tuple[str, ...], environment: dict[str, str], given: str) -> str:
        ran = subprocess.run(
            [FRONTDESK, *words],
            env=environment,
            cwd=self._frontdesk.data_dir.parent,
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return ran.stdout + ran.stderr

    def _use_gateway(self) -> None:
        session = Session(self._frontdesk.address, self._surfaces)
        key = {"authorization": f"Bearer {self._secrets['gateway_key']}"}
        models = ["openai/gpt-4o-mini", "openai/no-such-model", "openai/fault-hang-up", "nobody/x", "auto"]
        models += [f"{provider}/{way}" for provider in ("quoting", "stored") for way in WAYS]
        for model in models:
            for stream in (False, True):
                body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "Hello"}]}
                self._ask(session, "/v1/chat/completions", body, headers=key)
        self._ask(session, "/v1/models", headers=key)
        self._ask(session, "/v1/chat/completions", b"{broken", headers=key)
        for wrong in (self._secrets["typed-wrong"], self._secrets["gateway_key"][:-1], f"{key['authorization']} x"):
            self._ask(session, "/v1/models", headers={"authorization": f"Bearer {wrong}"})
            self._ask(session, "/v1/models", headers={"x-api-key": wrong})
        self._ask(session, f"/v1/models?key={self._secrets['gateway_key']}")
        self._ask(session, f"/nowhere/{self._secrets['gateway_key']}")
        for path in ("/healthz", "/readyz", "/", "/v1/nothing"):
            self._ask(session, path)

    def _ask(self, session: Session, path: str, body: Any = None, **more: Any) -> str:
        status, text = session.ask(path, body, **more)
        self._statuses.append(status)
        return text

    def _use_widget(self) -> None:
        session = Session(self._frontdesk.address, self._surfaces)
        path = f"/api/chat-widget/public/widget/{self._frontdesk.demo['widget_key']}/message"
        first = self._ask(session, path, {"message_text": "When are you open?"}, may_show=frozenset({"visitor token"}))
        reply = json.loads(first)
        self._secrets["visitor token"] = reply["visitor_token"]
        known = {"conversation_id": reply["conversation_id"], "visitor_token": reply["visitor_token"]}
        shown = frozenset({"visitor token"})
        self._ask(session, path, {"message_text": "Something else entirely?", **known}, may_show=shown)
        streamed = {"accept": "text/event-stream"}
        self._ask(session, path, {"message_text": "And on Sundays?", **known}, headers=streamed, may_show=shown)
        self._ask(session, path, {"message_text": "x", **known, "visitor_token": reply["visitor_token"] + "x"})
        self._ask(session, path, {"message_text": "x", **known, "conversation_id": 987_654})

    def _use_console(self) -> None:
        session = Session(self._frontdesk.address, self._surfaces)
        login = "/admin/login/?next=/admin/"
        session.ask(login)
        session.submit(login, {"username": "admin", "password": self._secrets["typed-wrong"]})
        session.submit(login, {"username": "admin", "password": self._secrets["admin_password"]})
        status, page = session.ask("/admin/")
        assert (status, "Overview" in page) == (200, True)
        form = {"tenant": 2, "provider": "openai", "label": "second", "base_url": "", "organization": ""}
        form |= {"priority": 5, "is_enabled": "on", "key": self._secrets["second"]}
        added = "/admin/tenants/providercredential/add/"
        session.submit(added, {**form, "provider": "nobody"})
        session.submit(added, {**form, "base_url": "ftp://x"})
        status, page = session.submit(added, form)
        assert f"…{self._secrets['second'][-4:]}" in page
        for listed in sorted(set(SIDEBAR.findall(page))):
            _, rows = session.ask(listed)
            several = 3 if "providercredential" in listed else 1
            for row in sorted(set(ROWS.findall(rows)))[:several]:
                session.ask(row)
                session.ask(row.replace("/change/", "/history/"))
                session.ask(row.replace("/change/", "/delete/"))
        session.ask("/admin/tenants/providercredential/?e=1&q=%00")

    def _use_commands(self) -> None:
        self._commands([(words, self._frontdesk.environment) for words in COMMANDS], self._secrets["typed-wrong"])
        self._command("rotate_master_key")

    def _break_things(self) -> None:
        """Let requests fail with a traceback: a table is gone for a while."""
        hidden = {"conversations_conversation": "hidden_a", "tenants_providercredential": "hidden_b"}
        execute(self._database_url, [f"ALTER TABLE {name} RENAME TO {other}" for name, other in hidden.items()])
        try:
            session = Session(self._frontdesk.address, self._surfaces)
            path = f"/api/chat-widget/public/widget/{self._frontdesk.demo['widget_key']}/message"
            self._ask(session, path, {"message_text": "Hello?"})
            self._command("config", "--json")
            self._command("tenant", "settings", "demo", "--set", f'groq_api_key="{self._secrets["tenant"]}"')
            self._command("provider", "list")
        finally:
            execute(self._database_url, [f"ALTER TABLE {other} RENAME TO {name}" for name, other in hidden.items()])

    def _look_at_processes(self) -> None:
        assert self._frontdesk.process is not None
        parent = psutil.Process(self._frontdesk.process.pid)
        for process in (parent, *parent.children(recursive=True)):
            self._surfaces.add(f"command line of {process.pid}", " ".join([process.name(), *process.cmdline()]))

    def _fail_to_start(self) -> None:
        """Start with what is wrong: each refusal is read by whoever reads logs."""
        sound = dict(self._frontdesk.environment)
        secret = self._secrets["typed-wrong"]
        wrong = [
            {"LLM_MASTER_KEY": secret},
            {"LLM_PROVIDERS": f'{{"openai": {{"api_key": "{secret}", "key": "{secret}"}}}}'},
            {"LLM_PROVIDERS": secret},
            {"OPENAI_BASE_URL": f"http://user:{secret}@h/v1"},
            {"FRONTDESK_DATABASE_URL": f"postgres://bob:{secret}@127.0.0.1:1/none"},
            {"FRONTDESK_DATABASE_URL": f"mysql://bob:{secret}@127.0.0.1:1/none"},
            {"FRONTDESK_DATABASE_URL": f"postgres://bob:{secret}@127.0.0.1:port/none"},
            {"FRONTDESK_REDIS_URL": f"http://:{secret}@127.0.0.1:1/0"},
            {"FRONTDESK_PORT": secret, "LLM_DAILY_QUOTA": secret, "ENVIRONMENT": secret, "LOG_LEVEL": secret},
        ]
        lost = {**sound, "LLM_MASTER_KEY": generate_master_key()}
        refused = [
            (words, {**sound, **changes}) for changes in wrong for words in (("config",), ("serve", "--port", "0"))
        ]
        self._commands([*refused, (("config",), lost), (("rotate_master_key",), lost)])

    def _gather(self) -> None:
        self._surfaces.add("log", self._frontdesk.log.read_bytes())
        for path in sorted(self._frontdesk.data_dir.rglob("*")):
            if path.is_file():
                self._surfaces.add(f"file {path.relative_to(self._frontdesk.data_dir)}", path.read_bytes())
        for name, content in dump(self._database_url):
            self._surfaces.add(name, content)


def test_no_canary_is_seen_anywhere(haunted: Haunted) -> None:
    hits = haunted.surfaces.search(haunted.secrets)

    sizes = sum(map(len, haunted.surfaces.seen.values()))
    print(f"{len(haunted.secrets)} secrets, {len(haunted.surfaces.seen)} surfaces, {sizes} bytes, {len(hits)} hits")
    if hits:
        pytest.fail("\n".join(sorted({f"{hit.secret} in {hit.surface} ({hit.form})" for hit in hits})))


def test_story_was_told(haunted: Haunted) -> None:
    seen = haunted.surfaces.seen
    log = seen["log"].decode()

    assert {200, 400, 401, 404} <= set(haunted.statuses)
    assert any(status >= 500 for status in haunted.statuses)
    assert {haunted.secrets["overlay"], haunted.secrets["stored"]} <= haunted.provider.keys
    assert "call_began" in log
    assert "call_ended" in log
    assert "Traceback" in log
    assert any(name.startswith(("database dump", "table tenants_providercredential")) for name in seen)
    assert any("/history/ 200" in name for name in seen)
    assert '"sealing_key"' in seen["frontdesk rotate_master_key --dry-run --json"].decode()
    assert len(seen) > 120


def test_stored_keys_are_there_sealed(haunted: Haunted) -> None:
    printed = haunted.surfaces.seen["frontdesk dumpdata --indent 1"].decode()
    rows = json.loads(printed[printed.index("[\n") : printed.rindex("]") + 1])

    sealed = [row["fields"] for row in rows if row["model"] == "tenants.providercredential"]
    assert sorted(row["hint"] for row in sealed) == sorted(
        f"…{haunted.secrets[name][-4:]}" for name in ("stored", "second", "tenant")
    )


@pytest.mark.parametrize("form", sorted(forms("x")))
def test_planted_leak_is_found_in_every_shape(form: str) -> None:
    surfaces, secret = Surfaces(), canary("a/b+c")
    surfaces.add("log", b"a line\n" + forms(secret)[form] + b"\nanother")

    assert form in {hit.form for hit in surfaces.search({"planted": secret})}


def test_planted_leaks_are_found_where_they_are(haunted: Haunted) -> None:
    secret = canary("planted")
    haunted.frontdesk.run("tenant", "create", f"Shop {secret}")
    haunted.frontdesk.log.write_bytes(haunted.frontdesk.log.read_bytes() + f"\n{secret}".encode())
    surfaces = Surfaces()
    surfaces.add("log", haunted.frontdesk.log.read_bytes())
    surfaces.add("list", haunted.frontdesk.run("tenant", "list").stdout)
    for name, content in dump(haunted.frontdesk.environment["FRONTDESK_DATABASE_URL"]):
        surfaces.add(name, content)

    found = {hit.surface for hit in surfaces.search({"planted": secret})}

    assert {"log", "list"} <= found
    assert found & {"database dump", "table tenants_tenant"}


def test_secret_is_forgiven_only_where_it_is_handed_out() -> None:
    surfaces, secret = Surfaces(), canary("token")
    surfaces.add("reply", secret, may_show=frozenset({"token"}))
    surfaces.add("log", secret)

    assert {hit.surface for hit in surfaces.search({"token": secret})} == {"log"}
