"""What a signed-in person may do in the console: at which tenants, by which role. Asked once for each request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpRequest

from frontdesk.gateway.clock import SystemClock, uuid7_text
from frontdesk.tenants import audit, authorisation, scopes
from frontdesk.tenants.models import User

_KEPT_AS = "_frontdesk_access"
_CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class Access:
    """A person's scopes by tenant; the operator's staff have all of them everywhere and no entry."""

    is_operator: bool
    scopes_by_tenant: Mapping[int, frozenset[str]]

    @property
    def is_any(self) -> bool:
        """Tell whether the console is open to the person at all."""
        return self.is_operator or bool(self.scopes_by_tenant)

    def scopes_at(self, tenant_id: int | None) -> frozenset[str]:
        """Give what the person may do at a tenant."""
        if self.is_operator:
            return frozenset(scopes.ALL)
        return frozenset() if tenant_id is None else self.scopes_by_tenant.get(tenant_id, frozenset())

    def tenants_with(self, scope: str | None) -> frozenset[int]:
        """List the tenants at which a member has the scope; a scope of None is the operator's alone."""
        return frozenset(tenant_id for tenant_id, held in self.scopes_by_tenant.items() if scope in held)

    def may(self, scope: str | None, tenant_id: int | None) -> bool:
        """Tell whether the person has the scope at the tenant."""
        return self.is_operator or (scope is not None and scope in self.scopes_at(tenant_id))

    def may_somewhere(self, scope: str | None) -> bool:
        """Tell whether the person has the scope at any tenant."""
        return self.is_operator or bool(self.tenants_with(scope))


NOBODY = Access(False, {})


def access_of(request: HttpRequest) -> Access:
    """Find out what the person who asks may do. Reads the database once for each request and person."""
    user = request.user
    if not isinstance(user, User) or not user.is_active:
        return NOBODY
    known = getattr(request, _KEPT_AS, None)
    if known is not None and known[0] == user.pk:
        found: Access = known[1]
        return found
    access = access_of_user(user)
    setattr(request, _KEPT_AS, (user.pk, access))
    return access


def access_of_user(user: User) -> Access:
    """Find out what a user may do."""
    if not user.is_active:
        return NOBODY
    if user.is_superuser:
        return Access(True, {})
    return Access(False, {found.tenant_id: found.scopes for found in authorisation.principals_of_user(user)})


def actor_of(request: HttpRequest) -> audit.Actor:
    """Tell whom the audit log names for what this request does."""
    user = request.user
    return audit.Actor(
        kind="user",
        id=user.pk,
        name=user.get_username(),
        request_id=uuid7_text(_CLOCK.now_ns()),
        ip=request.META.get("REMOTE_ADDR") or "",
    )
