"""The audit log is only added to, and tells of a change or neither is there."""

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction

from frontdesk.tenants import audit, services
from frontdesk.tenants.audit import Actor, AuditEventIsFinal
from frontdesk.tenants.models import AuditEvent, User
from frontdesk.tenants.tenancy import TenantRequired

pytestmark = pytest.mark.django_db


@pytest.fixture
def event(alice_tenant):
    return audit.record(alice_tenant.pk, "thing.done", alice_tenant, {"password": "p", "n": 1})


def count():
    return AuditEvent.objects.across_tenants().count()


@pytest.mark.parametrize(
    "change",
    [
        lambda event: event.save(),
        lambda event: event.delete(),
        lambda event: AuditEvent.objects.across_tenants().update(action="x"),
        lambda event: AuditEvent.objects.across_tenants().delete(),
        lambda event: AuditEvent.unscoped.all().delete(),
        lambda event: AuditEvent.unscoped.update(action="x"),
        lambda event: AuditEvent._base_manager.all().delete(),
        lambda event: AuditEvent._base_manager.filter(pk=event.pk).update(action="x"),
        lambda event: AuditEvent.unscoped.bulk_update([event], ["action"]),
        lambda event: AuditEvent.unscoped.bulk_create([event], ignore_conflicts=True),
        lambda event: AuditEvent.unscoped.update_or_create(pk=event.pk, defaults={"action": "x"}),
    ],
)
def test_the_orm_refuses_to_change_an_event(event, change):
    with pytest.raises(AuditEventIsFinal), transaction.atomic():
        change(event)

    assert AuditEvent.unscoped.get(pk=event.pk).action == "thing.done"


@pytest.mark.parametrize("statement", ["UPDATE tenants_auditevent SET action = 'x'", "DELETE FROM tenants_auditevent"])
def test_the_database_refuses_to_change_an_event(event, statement):
    refused = pytest.raises(DatabaseError, match="audit events are only added")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert AuditEvent.unscoped.get(pk=event.pk).action == "thing.done"


@pytest.mark.parametrize("written_id", ["id", "CAST(id AS TEXT)", "id * 1.0"])
@pytest.mark.skipif(connection.vendor != "sqlite", reason="a statement of SQLite")
def test_the_database_refuses_to_replace_an_event(event, written_id):
    columns = [field.column for field in AuditEvent._meta.concrete_fields]
    values = [{"id": written_id, "action": "'x'"}.get(column, column) for column in columns]
    statement = f"REPLACE INTO tenants_auditevent ({', '.join(columns)}) SELECT {', '.join(values)} "
    refused = pytest.raises(DatabaseError, match="audit events are only added")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement + "FROM tenants_auditevent")

    assert AuditEvent.unscoped.get(pk=event.pk).action == "thing.done"


def test_the_database_refuses_to_upsert_an_event(event):
    columns = ", ".join(field.column for field in AuditEvent._meta.concrete_fields)
    statement = f"INSERT INTO tenants_auditevent ({columns}) SELECT {columns} FROM tenants_auditevent WHERE true "
    refused = pytest.raises(DatabaseError, match="audit events are only added")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement + "ON CONFLICT (id) DO UPDATE SET action = 'x'")

    assert AuditEvent.unscoped.get(pk=event.pk).action == "thing.done"


def test_a_second_insert_under_the_same_id_is_refused(event):
    event._state.adding = True

    with pytest.raises(DatabaseError), transaction.atomic():
        event.save()


def test_events_insist_on_their_tenant_like_other_rows(event):
    with pytest.raises(TenantRequired):
        AuditEvent.objects.all().count()


def test_an_event_tells_who_did_what(alice_tenant):
    with audit.acting_as(Actor("user", 7, "bob", "req-1", "10.0.0.1")):
        event = audit.record(alice_tenant.pk, "thing.done", alice_tenant, {"password": "p"})

    assert (event.actor_kind, event.actor_id, event.actor_name) == ("user", 7, "bob")
    assert (event.request_id, event.ip, event.changes) == ("req-1", "10.0.0.1", {"password": "***"})
    assert (event.object_type, event.object_id) == ("tenants.tenant", str(alice_tenant.pk))
    assert audit.actor() == audit.SYSTEM


def test_a_change_that_fails_leaves_no_event(alice_tenant):
    before = count()

    with pytest.raises(ValidationError):
        services.update_settings(alice_tenant, {"temperature": 99})

    assert count() == before


def test_settings_and_keys_are_recorded_without_their_secrets(alice_tenant):
    services.update_settings(alice_tenant, {"business_name": "New", "openai_api_key": "sk-canary-0123456789"})
    key, plaintext = services.create_api_key(alice_tenant, "shop", ["gateway:call"])
    services.rotate_api_key(key, 1)
    services.revoke_api_key(key)

    events = list(AuditEvent.objects.for_tenant(alice_tenant).order_by("id"))
    written = repr([(each.action, each.changes, each.object_name) for each in events])
    assert [each.action for each in events][-5:] == [
        "settings.changed",
        "provider_key.stored",
        "api_key.created",
        "api_key.rotated",
        "api_key.revoked",
    ]
    assert "sk-canary" not in written
    assert plaintext not in written


def test_events_outlive_their_tenant(alice_tenant, event):
    User.objects.create_user("bob")
    tenant_id = alice_tenant.pk

    alice_tenant.delete()

    assert AuditEvent.objects.for_tenant(tenant_id).filter(pk=event.pk).exists()
