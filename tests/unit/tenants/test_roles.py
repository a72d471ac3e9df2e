"""What the roles stand for."""

import itertools

import pytest

from frontdesk.tenants import audit, roles, scopes
from frontdesk.tenants.roles import Role


def test_every_role_has_its_scopes():
    assert set(roles.SCOPES_BY_ROLE) == set(Role) == set(roles.DESCRIPTIONS)


def test_roles_grow_from_agent_to_owner():
    ladder = [roles.SCOPES_BY_ROLE[role] for role in (Role.AGENT, Role.SUPERVISOR, Role.ADMIN, Role.OWNER)]

    assert all(lower < higher for lower, higher in itertools.pairwise(ladder))
    assert ladder[-1] == scopes.ALL


def test_analysts_see_figures_and_nothing_that_customers_wrote():
    assert roles.scopes_of("analyst") == {"analytics:view"}


def test_agents_read_and_reply():
    assert roles.scopes_of("agent") == {"conversations:read", "conversations:reply", "knowledge:read"}


def test_a_word_that_is_no_role_opens_nothing():
    assert roles.scopes_of("root") == frozenset()


@pytest.mark.parametrize(
    ("role", "assigned", "may"),
    [
        ("owner", "owner", True),
        ("admin", "owner", False),
        ("admin", "admin", True),
        ("supervisor", "agent", False),
        ("agent", "agent", False),
    ],
)
def test_owners_are_made_by_owners_and_members_by_admins(role, assigned, may):
    assert roles.may_assign(roles.scopes_of(role), assigned) is may


def test_a_key_can_carry_nothing_by_which_it_could_raise_itself():
    assert scopes.OF_KEYS.isdisjoint({"keys:manage", "owners:manage", "audit:view"})


def test_changes_are_masked_cut_and_plain():
    masked = audit.masked(
        {"password": "x", "api_key": "sk-1", "max_tokens": 5, "answer": "a" * 300, "nested": {"secret": "s", "n": 1}}
    )

    assert masked == {
        "password": "***",
        "api_key": "***",
        "max_tokens": 5,
        "answer": "a" * 200 + "…",
        "nested": {"secret": "***", "n": 1},
    }
