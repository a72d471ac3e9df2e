"""What the console reads."""

from datetime import timedelta

import pytest
from django.utils import timezone as clock

from frontdesk.conversations import selectors
from frontdesk.conversations.errors import ConversationNotFound
from frontdesk.conversations.models import Contact, Conversation, Message, Turn
from frontdesk.tenants.tenancy import TenantRequired

pytestmark = pytest.mark.django_db


def converse(tenant, *texts, minutes_ago=0, name=""):
    then = clock.now() - timedelta(minutes=minutes_ago)
    contact = Contact.objects.create(tenant=tenant, display_name=name)
    conversation = Conversation.objects.create(tenant=tenant, contact=contact, widget_id=3, updated_at=then)
    turn = Turn.objects.create(tenant=tenant, conversation=conversation, request_id="r")
    for author, text in texts:
        Message.objects.create(tenant=tenant, conversation=conversation, turn=turn, author=author, text=text)
    return conversation


@pytest.fixture
def old(alice_tenant):
    return converse(alice_tenant, ("contact", "Hi"), ("bot", "Hello"), minutes_ago=5, name="Carol")


def test_list_has_the_last_message_and_the_active_one_first(alice_tenant, old, django_assert_num_queries):
    new = converse(alice_tenant, ("contact", "Hey"))
    silent = converse(alice_tenant, minutes_ago=9)

    with django_assert_num_queries(1):
        rows = selectors.conversation_list(alice_tenant.pk)

    assert [(row.id, row.last_author, row.last_text) for row in rows] == [
        (new.pk, "contact", "Hey"),
        (old.pk, "bot", "Hello"),
        (silent.pk, "", ""),
    ]
    assert [row.contact_name for row in rows] == [f"contact {new.contact_id}", "Carol", f"contact {silent.contact_id}"]
    assert [row.id for row in selectors.conversation_list(alice_tenant.pk, limit=1, offset=1)] == [old.pk]


def test_transcript_has_messages_and_turns_in_order(alice_tenant, old):
    found = selectors.transcript(alice_tenant.pk, old.pk)

    assert [(message.author, message.text) for message in found.messages] == [("contact", "Hi"), ("bot", "Hello")]
    assert [turn.status for turn in found.turns] == ["pending"]


def test_mallory_sees_nothing_of_alice(alice_tenant, mallory_tenant, old):
    assert selectors.conversation_list(mallory_tenant.pk) == []
    with pytest.raises(ConversationNotFound):
        selectors.transcript(mallory_tenant.pk, old.pk)
    assert selectors.history(mallory_tenant.pk, old.pk, up_to_id=10**9, limit=20) == ()


def test_history_is_the_newest_messages_in_order_up_to_one(alice_tenant):
    said = [("contact", f"{n}") for n in range(6)]
    conversation = converse(alice_tenant, *said)
    fifth = Message.objects.for_tenant(alice_tenant).order_by("id")[4]

    history = selectors.history(alice_tenant.pk, conversation.pk, up_to_id=fifth.pk, limit=3)

    assert [row.text for row in history] == ["2", "3", "4"]


@pytest.mark.parametrize("model", [Contact, Conversation, Turn, Message])
def test_every_model_insists_on_the_tenant(model, old):
    with pytest.raises(TenantRequired):
        model.objects.count()
