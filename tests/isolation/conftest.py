"""The world for tests that roll back, and clients of everybody who might ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client

from tests.isolation import world as worlds
from tests.isolation.world import World


@pytest.fixture(scope="session", autouse=True)
def tables_can_be_emptied() -> Iterator[None]:
    """Let Django empty the tables after a test that committed: the database refuses to remove audit events."""
    from django.db.backends.base.operations import BaseDatabaseOperations

    from frontdesk.tenants import audit_triggers

    empty = BaseDatabaseOperations.execute_sql_flush

    def lift_and_empty(self: BaseDatabaseOperations, statements: list[str]) -> None:
        with audit_triggers.lifted(self.connection):
            empty(self, statements)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseDatabaseOperations, "execute_sql_flush", lift_and_empty)
        yield


@pytest.fixture(autouse=True)
def quick_and_own(settings, tmp_path):
    """Hash passwords in no time, and keep indexes to the test."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.DATA_DIR = tmp_path


@pytest.fixture
def world(db) -> World:
    return worlds.build()


def signed_in(user) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


@pytest.fixture
def strangers(world) -> dict[str, Client]:
    """Everybody who is nobody at Alice's, or brings a credential that does not open the console."""
    from frontdesk.tenants.models import User

    visitor = {"authorization": f"Bearer {world.alice.visitor_token}"}
    return {
        "nobody": Client(raise_request_exception=False),
        "visitor": Client(raise_request_exception=False, headers=visitor),
        "mallory's key": Client(
            raise_request_exception=False, headers={"authorization": f"Bearer {world.mallory.key}"}
        ),
        "alice's key": Client(raise_request_exception=False, headers={"x-api-key": world.alice.key}),
        "alice's key with her tenant": Client(
            raise_request_exception=False,
            headers={"x-tenant-id": str(world.alice.tenant.pk), "x-tenant-api-key": world.alice.key},
        ),
        "user without membership": signed_in(User.objects.create_user("nobody", is_staff=True)),
        "former owner": signed_in(worlds.member(world.alice, "owner", is_active=False)),
    }


@pytest.fixture
def mallory(world) -> Client:
    """The owner of another tenant."""
    return signed_in(world.mallory.rows["tenants.user"])


@pytest.fixture
def alice(world) -> Client:
    return signed_in(world.alice.rows["tenants.user"])


@pytest.fixture
def team(world) -> dict[str, Client]:
    """Bob and others of Alice's team, by role."""
    return {role: signed_in(worlds.member(world.alice, role)) for role in ("admin", "supervisor", "agent", "analyst")}


def pytest_terminal_summary(terminalreporter) -> None:
    """Print how much was tried."""
    from tests.isolation import cases, operations

    asked = sum(
        value
        for report in terminalreporter.stats.get("passed", [])
        for name, value in getattr(report, "user_properties", [])
        if name == "isolation_requests" and report.when == "call"
    )
    if asked:
        terminalreporter.write_line(
            f"isolation: {len(operations.all_operations())} operations, {len(cases.ALL_CASES)} cases, "
            f"{asked} requests refused or answered without a trace of another tenant"
        )
