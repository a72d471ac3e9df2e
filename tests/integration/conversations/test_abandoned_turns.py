"""Turns that a killed server left pending are failed by the next one."""

from datetime import timedelta

import pytest
from django.utils import timezone as clock

from frontdesk.conversations import services
from frontdesk.conversations.models import Contact, Conversation, Turn

pytestmark = pytest.mark.django_db

ABANDONED = [{"rung": "model", "outcome": "abandoned"}]


def turn_of(tenant, *, minutes_ago=0, **changes) -> Turn:
    contact = Contact.objects.create(tenant=tenant)
    conversation = Conversation.objects.create(tenant=tenant, contact=contact)
    started_at = clock.now() - timedelta(minutes=minutes_ago)
    return Turn.objects.create(
        tenant=tenant, conversation=conversation, request_id="r-1", started_at=started_at, **changes
    )


def state(turn) -> tuple[str, list, bool]:
    turn.refresh_from_db()
    return turn.status, turn.rungs, turn.finished_at is not None


def test_every_pending_turn_of_every_tenant_is_failed_with_its_reason(alice_tenant, mallory_tenant):
    turns = [turn_of(alice_tenant), turn_of(alice_tenant, minutes_ago=60), turn_of(mallory_tenant)]

    assert services.fail_abandoned_turns() == 3

    assert [state(turn) for turn in turns] == [("failed", ABANDONED, True)] * 3


def test_turns_younger_than_asked_for_go_on(alice_tenant):
    old, young = turn_of(alice_tenant, minutes_ago=11), turn_of(alice_tenant, minutes_ago=9)

    assert services.fail_abandoned_turns(older_than=timedelta(minutes=10)) == 1

    assert [state(old), state(young)] == [("failed", ABANDONED, True), ("pending", [], False)]


def test_turns_that_have_ended_stay_as_they_are(alice_tenant):
    ended = [turn_of(alice_tenant, status=status) for status in ("answered", "failed", "discarded")]

    assert services.fail_abandoned_turns() == 0

    assert [state(turn) for turn in ended] == [(status, [], False) for status in ("answered", "failed", "discarded")]


def test_a_second_sweep_changes_nothing(alice_tenant):
    turn = turn_of(alice_tenant)
    services.fail_abandoned_turns()
    turn.refresh_from_db()
    finished_at = turn.finished_at

    assert services.fail_abandoned_turns() == 0

    turn.refresh_from_db()
    assert turn.finished_at == finished_at
