"""Changes to who belongs to a tenant, and as what. Each is stored with its audit event or not at all."""

from __future__ import annotations

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from frontdesk.tenants import audit
from frontdesk.tenants.models import Member, Tenant, User
from frontdesk.tenants.roles import Role

LAST_OWNER = "This is the tenant's last owner: make another member an owner first."


def add_member(tenant: Tenant, user: User, role: str) -> Member:
    """Make a user a member. ValidationError for an unknown role, or when they are one already."""
    member = Member(tenant=tenant, user=user, role=role)
    with transaction.atomic():
        member.full_clean()
        member.save()
        audit.record(tenant.pk, "member.added", member, {"user": user.get_username(), "role": role})
    return member


def invite_member(tenant: Tenant, username: str, password: str, role: str, *, email: str = "") -> Member:
    """Make a new user and a member of them. ValidationError for a name that is taken or a password that is weak.

    Only for new users: were others' accounts to be had by name, one tenant could draw in another's people.
    """
    user = User(username=username, email=email)
    user.set_password(password)
    with transaction.atomic():
        user.full_clean()
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise ValidationError({"password": error.messages}) from error
        user.save()
        return add_member(tenant, user, role)


def change_member(member: Member, *, role: str | None = None, is_active: bool | None = None) -> Member:
    """Give a member another role, or turn the membership off or on. ValidationError for the last active owner."""
    with transaction.atomic():
        stored = Member.objects.for_tenant(member.tenant_id).select_for_update().get(pk=member.pk)
        before = {"role": stored.role, "is_active": stored.is_active}
        stored.role = stored.role if role is None else role
        stored.is_active = stored.is_active if is_active is None else is_active
        if before == {"role": Role.OWNER, "is_active": True} and not _is_owner(stored):
            _require_another_owner(stored)
        stored.full_clean()
        stored.save()
        after = {"role": stored.role, "is_active": stored.is_active}
        if after != before:
            changes = {name: [before[name], after[name]] for name in before if before[name] != after[name]}
            audit.record(stored.tenant_id, "member.changed", stored, changes)
    return stored


def remove_member(member: Member) -> None:
    """End a membership; the user stays. ValidationError for the last active owner."""
    with transaction.atomic():
        if _is_owner(member):
            _require_another_owner(member)
        audit.record(member.tenant_id, "member.removed", member, {"role": member.role})
        Member.objects.for_tenant(member.tenant_id).filter(pk=member.pk).delete()


def is_last_owner(member: Member) -> bool:
    """Tell whether the tenant would have no active owner without this one."""
    return _is_owner(member) and not _other_owners(member)


def _is_owner(member: Member) -> bool:
    return member.is_active and member.role == Role.OWNER


def _require_another_owner(member: Member) -> None:
    # Locked, so that two owners cannot leave at the same moment.
    list(Member.objects.for_tenant(member.tenant_id).filter(role=Role.OWNER).select_for_update())
    if not _other_owners(member):
        raise ValidationError(LAST_OWNER)


def _other_owners(member: Member) -> bool:
    owners = Member.objects.for_tenant(member.tenant_id).filter(role=Role.OWNER, is_active=True, user__is_active=True)
    return owners.exclude(pk=member.pk).exists()
