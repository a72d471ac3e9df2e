"""Who a request's credentials make it, from the Snapshot alone."""

import hashlib

import pytest

from frontdesk.gateway.errors import CallerError
from frontdesk.gateway.snapshot import ApiKey, Snapshot, Tenant
from frontdesk.tenants import authorisation
from frontdesk.tenants.authorisation import Principal, UnknownKey

KEY, OTHER_KEY, ENDED_KEY = b"fd_alice", b"fd_mallory", b"fd_ended"
NOW_NS = 1_000


def api_key(key_id: int, tenant_id: int, expires_at_ns: int | None = None) -> ApiKey:
    return ApiKey(id=key_id, tenant_id=tenant_id, scopes=frozenset({"gateway:call"}), expires_at_ns=expires_at_ns)


def digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


SNAPSHOT = Snapshot(
    version=1,
    operator_id=1,
    tenants={
        5: Tenant(id=5, name="Alice", slug="alice"),
        6: Tenant(id=6, name="Mallory", slug="5"),
        7: Tenant(id=7, name="Digits", slug="2024"),
    },
    api_keys={
        digest(KEY): api_key(1, 5),
        digest(OTHER_KEY): api_key(2, 6),
        digest(b"fd_digits"): api_key(4, 7),
        digest(ENDED_KEY): api_key(3, 5, expires_at_ns=NOW_NS),
    },
    providers={},
    models={},
    aliases={},
    bare_names={},
)
ALICE = Principal(5, "api_key", 1, frozenset({"gateway:call"}))


def principal(*headers: tuple[bytes, bytes]) -> Principal:
    return authorisation.principal_of_key(SNAPSHOT, headers, NOW_NS)


@pytest.mark.parametrize(
    "headers",
    [
        [(b"authorization", b"Bearer fd_alice")],
        [(b"authorization", b"bearer   fd_alice ")],
        [(b"authorization", b"BEARER fd_alice")],
        [(b"accept", b"a"), (b"authorization", b"Bearer fd_alice"), (b"accept", b"b")],
        [(b"x-api-key", b" fd_alice")],
        [(b"x-tenant-id", b"5"), (b"x-tenant-api-key", b"fd_alice")],
        [(b"x-tenant-api-key", b"fd_alice"), (b"x-tenant-id", b"alice")],
        [(b"x-tenant-id", b"alice"), (b"authorization", b"Bearer fd_alice")],
        [(b"authorization", b"Basic cHJveHk6cHJveHk="), (b"x-api-key", b"fd_alice")],
        [(b"accept", b"a"), (b"accept", b"b"), (b"x-api-key", b"fd_alice")],
    ],
)
def test_each_carrier_names_the_keys_tenant(headers):
    assert principal(*headers) == ALICE


def test_a_slug_of_digits_is_a_slug_where_no_tenant_has_that_id():
    assert principal((b"x-tenant-id", b"2024"), (b"x-tenant-api-key", b"fd_digits")).tenant_id == 7


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ([], 401, "missing_api_key"),
        ([(b"authorization", b"Basic fd_alice")], 401, "missing_api_key"),
        ([(b"authorization", b"Bearer")], 401, "missing_api_key"),
        ([(b"authorization", b"Bearer ")], 401, "missing_api_key"),
        ([(b"x-api-key", b"")], 401, "missing_api_key"),
        ([(b"x-tenant-id", b"5")], 401, "missing_api_key"),
        ([(b"authorization", b"Bearer fd_wrong")], 401, "invalid_api_key"),
        ([(b"authorization", b"Bearer fd_alice,fd_alice")], 401, "invalid_api_key"),
        ([(b"authorization", b"Bearer fd_ended")], 401, "invalid_api_key"),
        ([(b"x-api-key", b"fd_alice" * 10_000)], 401, "invalid_api_key"),
        ([(b"x-tenant-api-key", b"fd_alice")], 400, "tenant_required"),
        ([(b"authorization", b"Bearer fd_alice"), (b"x-api-key", b"fd_alice")], 400, "duplicate_header"),
        ([(b"authorization", b"Bearer fd_alice"), (b"authorization", b"Bearer fd_mallory")], 400, "duplicate_header"),
        ([(b"x-tenant-api-key", b"fd_alice"), (b"x-api-key", b"fd_alice")], 400, "duplicate_header"),
        (
            [(b"x-tenant-id", b"5"), (b"x-tenant-id", b"5"), (b"x-tenant-api-key", b"fd_alice")],
            400,
            "duplicate_header",
        ),
        ([(b"x-tenant-id", b"6"), (b"x-tenant-api-key", b"fd_alice")], 403, "wrong_tenant"),
        ([(b"x-tenant-id", b"5"), (b"x-tenant-api-key", b"fd_mallory")], 403, "wrong_tenant"),
        ([(b"x-tenant-id", b""), (b"x-tenant-api-key", b"fd_alice")], 403, "wrong_tenant"),
        ([(b"x-tenant-id", b"9" * 400), (b"x-tenant-api-key", b"fd_alice")], 403, "wrong_tenant"),
        ([(b"x-tenant-id", b"Alice"), (b"authorization", b"Bearer fd_alice")], 403, "wrong_tenant"),
    ],
)
def test_everything_else_is_refused(headers, status, code):
    with pytest.raises(CallerError) as caught:
        principal(*headers)

    assert (caught.value.http_status, caught.value.code) == (status, code)
    assert "fd_alice" not in caught.value.public_message


def test_only_an_unknown_key_is_worth_another_look():
    with pytest.raises(UnknownKey):
        principal((b"x-api-key", b"fd_new"))


def test_a_scope_is_required():
    authorisation.require(ALICE, "gateway:call")

    with pytest.raises(CallerError) as caught:
        authorisation.require(ALICE, "users:manage")

    assert (caught.value.http_status, caught.value.code) == (403, "missing_scope")
    assert "users:manage" in caught.value.public_message
