"""Who asks, and what they may do: the one answer for every kind of credential.

A key comes as `Authorization: Bearer fd_…`, as `x-api-key`, or as `X-TENANT-API-KEY` with `X-TENANT-ID`; a person
comes with Django's session. `principal_of_key` is pure: it reads the Snapshot, for the request path has no database.
Every refusal is a CallerError: 400 for credentials that contradict each other, 401 for none or a wrong one, 403 for
the wrong tenant or a missing scope.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal

import msgspec
from django.http import HttpRequest

from frontdesk.gateway.errors import CallerError
from frontdesk.gateway.snapshot import Snapshot
from frontdesk.tenants import scopes
from frontdesk.tenants.models import Member, User

Kind = Literal["api_key", "user", "operator"]

_AUTHORIZATION, _API_KEY = b"authorization", b"x-api-key"
_TENANT_ID, _TENANT_API_KEY = b"x-tenant-id", b"x-tenant-api-key"
CARRIERS = frozenset({_AUTHORIZATION, _API_KEY, _TENANT_ID, _TENANT_API_KEY})
"""The header fields that are read, in lower case."""
_BEARER = b"bearer "
_LONGEST_KEY = 256
_LONGEST_ID = 19


class Principal(msgspec.Struct, frozen=True):
    """Somebody who was let in: a key, a member or the operator, at one tenant. `id` is the key's or the user's."""

    tenant_id: int
    kind: Kind
    id: int
    scopes: frozenset[str]


class UnknownKey(CallerError):
    """No valid key has this secret; a Snapshot that is newer may know it."""

    default_code = "invalid_api_key"
    default_status = 401


def principal_of_key(snapshot: Snapshot, headers: Iterable[tuple[bytes, bytes]], now_ns: int) -> Principal:
    """Find whose key a request carries; header names in lower case. The work is the same for right and wrong keys."""
    secret, tenant_ref = _carried(headers)
    key = snapshot.api_keys.get(hashlib.sha256(secret[:_LONGEST_KEY]).digest())
    if key is None or (key.expires_at_ns is not None and key.expires_at_ns <= now_ns):
        raise UnknownKey(
            "Incorrect API key provided. Use a Frontdesk key (fd_...), not a provider's; the console makes one."
        )
    if tenant_ref is not None and not _is_tenant(snapshot, key.tenant_id, tenant_ref):
        raise _wrong_tenant()
    return Principal(key.tenant_id, "api_key", key.id, key.scopes)


def principals_of_user(user: User) -> list[Principal]:
    """List what a signed-in person is at their tenants. Inactive users, members and tenants count for nothing.

    Reads the database.
    """
    if not user.is_active:
        return []
    rows = Member.objects.across_tenants().filter(user=user, is_active=True, tenant__is_active=True)
    return [Principal(row.tenant_id, "user", user.pk, row.scopes) for row in rows.order_by("tenant_id")]


def principal_of_user(user: User, tenant_id: int | None = None) -> Principal:
    """Find what a signed-in person is at a tenant; one with a single tenant need not name it. Reads the database."""
    found = principals_of_user(user)
    if tenant_id is not None:
        found = [principal for principal in found if principal.tenant_id == tenant_id]
    if len(found) > 1:
        raise CallerError("You belong to several tenants: name one in X-TENANT-ID.", code="tenant_required")
    if not found:
        raise _wrong_tenant()
    return found[0]


def principal_of_operator(user: User, tenant_id: int) -> Principal:
    """Give the operator's staff everything, at the tenant they chose."""
    if not (user.is_active and user.is_superuser):
        raise _wrong_tenant()
    return Principal(tenant_id, "operator", user.pk, frozenset(scopes.ALL))


def principal_of_request(request: HttpRequest, snapshot: Snapshot, now_ns: int) -> Principal:
    """Find who makes a request of Django's: a key or a signed-in person, not both.

    For a person the database is read. Views that use it keep Django's protection against forged requests.
    """
    fields = [(name, request.headers.get(name.decode(), "").encode()) for name in sorted(CARRIERS)]
    carried = [(name, value) for name, value in fields if value]
    has_key = any(name in (_API_KEY, _TENANT_API_KEY) or value[:7].lower() == _BEARER for name, value in carried)
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return principal_of_key(snapshot, carried, now_ns)
    if has_key:
        raise CallerError("The request has a session and a key: send one.", code="duplicate_credential")
    named = dict(carried).get(_TENANT_ID)
    tenant_id = None if named is None else _tenant_named(snapshot, named)
    if named is not None and tenant_id is None:
        raise _wrong_tenant()
    if user.is_superuser:
        return principal_of_operator(user, snapshot.operator_id if tenant_id is None else tenant_id)
    return principal_of_user(user, tenant_id)


def require(principal: Principal, scope: str) -> None:
    """Refuse a principal without the scope."""
    if scope not in principal.scopes:
        who = "This API key" if principal.kind == "api_key" else "Your role"
        raise CallerError(
            f"{who} does not allow this: it lacks the scope `{scope}`.", code="missing_scope", http_status=403
        )


def missing_credential() -> CallerError:
    """Make the refusal of a request that carries no credential."""
    return CallerError(
        "You didn't provide an API key. Send your Frontdesk key as `Authorization: Bearer fd_...`.",
        code="missing_api_key",
        http_status=401,
    )


def _carried(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, bytes | None]:
    """Give the one secret and the tenant that was named, if any. CallerError when there is not exactly one secret."""
    secret = tenant_ref = None
    is_tenant_key = False
    for name, value in headers:
        if name not in CARRIERS:
            continue
        if name == _TENANT_ID:
            if tenant_ref is not None:
                raise _doubled("X-TENANT-ID fields")
            tenant_ref = value.strip()
            continue
        if name == _AUTHORIZATION:
            if value[:7].lower() != _BEARER:
                continue  # another scheme, such as a proxy's own
            value = value[7:]
        if secret is not None:
            raise _doubled("keys")
        secret, is_tenant_key = value.strip(), name == _TENANT_API_KEY
    if not secret:
        raise missing_credential()
    if is_tenant_key and tenant_ref is None:
        raise CallerError("X-TENANT-API-KEY comes with X-TENANT-ID: send both.", code="tenant_required")
    return secret, tenant_ref


def _is_tenant(snapshot: Snapshot, tenant_id: int, tenant_ref: bytes) -> bool:
    """Tell whether a reference names the tenant, by id or by slug. A slug of digits loses to an id."""
    if tenant_ref == b"%d" % tenant_id:
        return True
    if tenant_ref.isdigit() and len(tenant_ref) < _LONGEST_ID and int(tenant_ref) in snapshot.tenants:
        return False
    tenant = snapshot.tenants.get(tenant_id)
    return tenant is not None and tenant.slug != "" and tenant_ref == tenant.slug.encode()


def _tenant_named(snapshot: Snapshot, tenant_ref: bytes) -> int | None:
    """Find the active tenant that a reference names."""
    return next((tenant_id for tenant_id in snapshot.tenants if _is_tenant(snapshot, tenant_id, tenant_ref)), None)


def _doubled(what: str) -> CallerError:
    return CallerError(f"The request has several {what}: send one.", code="duplicate_header")


def _wrong_tenant() -> CallerError:
    return CallerError(
        "This credential does not belong to the tenant that the request names.", code="wrong_tenant", http_status=403
    )
