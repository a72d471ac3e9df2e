"""The console: for every operation, who may not, cannot; and learns and changes nothing by trying."""

from __future__ import annotations

import pytest

from tests.isolation.asking import Findings, Probe, address, ask, holds, id_of
from tests.isolation.cases import CONSOLE_CASES, EVERY_MEMBER, OPERATOR, PUBLIC, Case
from tests.isolation.world import CANARY, World

pytestmark = pytest.mark.django_db

CASES = [pytest.param(case, id=case.operation.removeprefix("django ")) for case in CONSOLE_CASES]
WRITES = ("POST",)


@pytest.mark.parametrize("case", CASES)
def test_strangers_learn_and_change_nothing(world: World, strangers, case: Case, record_property):
    findings = Findings()
    probe = Probe(world, findings)

    for who, client in strangers.items():
        if case.view == PUBLIC or case.operation.endswith(("/logout/", "/jsi18n/")):
            probe.expect_nothing_of_alices(who, client, case)
        else:
            probe.expect_refusal(who, client, case, is_thorough=who == "former owner")

    record_property("isolation_requests", findings.asked)
    assert findings.wrong == []


@pytest.mark.parametrize("case", CASES)
def test_another_tenants_owner_learns_and_changes_nothing(world: World, mallory, case: Case, record_property):
    findings = Findings()
    probe = Probe(world, findings)

    takes_alices_row = case.page is not None and case.kind in ("object", "change", "delete")
    is_closed = case.view == OPERATOR and case.kind != "redirect"
    if takes_alices_row or is_closed or case.operation.endswith("(?P<url>.*)$"):
        probe.expect_refusal("mallory", mallory, case)
    else:
        probe.expect_nothing_of_alices("mallory", mallory, case)

    record_property("isolation_requests", findings.asked)
    assert findings.wrong == []


@pytest.mark.parametrize("case", CASES)
def test_team_mates_do_what_their_role_allows_and_no_more(world: World, team, case: Case, record_property):
    findings = Findings()
    probe = Probe(world, findings)

    for role, client in team.items():
        if case.view in (EVERY_MEMBER, PUBLIC) or case.kind == "redirect":
            continue
        if not holds(role, case.view):
            probe.expect_refusal(role, client, case, is_thorough=role == "agent")
        elif not holds(role, case.change) and case.kind == "list":
            probe.expect_no_effect(role, client, case)
        elif not holds(role, case.change) and case.kind != "object":
            probe.expect_refusal(role, client, case, methods=WRITES)

    record_property("isolation_requests", findings.asked)
    assert findings.wrong == []


OF_PAGES = [case for case in CONSOLE_CASES if case.page and case.kind != "redirect"]
SHOWS_A_CANARY = [case for case in OF_PAGES if case.kind in ("list", "change") and case.view != OPERATOR]
MADE_BY_THE_OPERATOR_ALONE = ("/admin/tenants/tenant/add/",)


@pytest.mark.parametrize("case", SHOWS_A_CANARY, ids=lambda case: case.operation)
def test_the_owner_sees_what_the_others_must_not(world: World, alice, case: Case):
    """Without this the tests above could pass on pages that show nothing to anybody."""
    path = address(case, id_of(case, world, world.alice))

    response = ask(alice, "GET", path, {})

    assert response.status_code == 200
    assert CANARY in response.content.decode()


@pytest.mark.parametrize("case", OF_PAGES, ids=lambda case: case.operation)
def test_the_owner_opens_what_the_role_allows(world: World, alice, case: Case):
    path = address(case, id_of(case, world, world.alice))

    status = ask(alice, "GET", path, {}).status_code

    is_open = holds("owner", case.view) and path not in MADE_BY_THE_OPERATOR_ALONE and case.kind != "delete"
    assert (status in (200, 302)) if is_open else (status in (200, 403, 404))
