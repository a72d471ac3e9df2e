"""Signing in to the console: for the operator's staff and for tenants' members. Failures are on record, and counted."""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from math import ceil
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm as DjangoAuthenticationForm
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone as clock

from frontdesk.console.access import access_of_user, actor_of
from frontdesk.tenants import audit
from frontdesk.tenants.models import AuditEvent

if TYPE_CHECKING:
    from django.contrib.admin.forms import AdminAuthenticationForm as AuthenticationForm

    from frontdesk.tenants.models import User
else:
    from unfold.forms import AuthenticationForm

FAILED = "sign_in_failed"
MOST_FAILURES = 10
"""For one user name, or from one address, within `COUNTED_FOR`: nobody signs in with it for the rest of that time."""
COUNTED_FOR = timedelta(minutes=15)
_NAME_CHARACTERS = 150


class ConsoleLoginForm(AuthenticationForm):
    """Refuses whoever is neither the operator nor an active member of an active tenant, and says so."""

    error_messages = {**AuthenticationForm.error_messages, "invalid_login": "Wrong user name or password."}

    def clean(self) -> dict[str, Any]:
        """Check name and password unless there were too many failures before; a failure is recorded."""
        name = str(self.cleaned_data.get("username") or "")[:_NAME_CHARACTERS]
        actor = audit.actor() if self.request is None else actor_of(self.request)
        if until := _refused_until(name, actor.ip):
            minutes = ceil((until - clock.now()) / timedelta(minutes=1))
            raise ValidationError(
                "Too many failed sign-ins with this user name or from your address: "
                f"try again in {minutes} minute{'s' if minutes > 1 else ''}.",
                code="too_many_failures",
            )
        try:
            return super().clean()
        except ValidationError as error:
            with audit.acting_as(actor):
                audit.record(None, FAILED, changes={"user_name": name, "reason": error.code})
            raise

    def confirm_login_allowed(self, user: User) -> None:
        """Let active superusers and members pass."""
        # Not the parent's own check, which asks for Django's staff flag: members need none.
        DjangoAuthenticationForm.confirm_login_allowed(self, user)
        if not access_of_user(user).is_any:
            raise ValidationError(
                "You are not a member of any tenant: ask an owner to add you, or sign in as the operator.",
                code="no_access",
            )


def _refused_until(name: str, address: str) -> datetime | None:
    """Tell until when there have been too many failures; None if there were not.

    An attempt that is refused for this is no failure itself: the wait ends, and the log does not grow with attempts.
    """
    counted = [Q(changes__user_name=name)]
    if _is_one_clients(address):
        counted.append(Q(ip=address))
    since = clock.now() - COUNTED_FOR
    failures = AuditEvent.objects.across_tenants().filter(tenant_id=None, action=FAILED, at__gt=since).order_by("-at")
    newest = (failures.filter(which).values_list("at", flat=True)[:MOST_FAILURES] for which in counted)
    return max((ats[-1] + COUNTED_FOR for found in newest if len(ats := list(found)) == MOST_FAILURES), default=None)


def _is_one_clients(address: str) -> bool:
    """Tell whether an address stands for a client, and not for the proxy that everybody comes through."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    proxies = settings.CONFIGURATION.trusted_proxies
    return not parsed.is_loopback and not any(parsed in ip_network(proxy) for proxy in proxies)
