"""Below the views: no row points to another tenant's row, and no query forgets its tenant."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models

from frontdesk.tenants.tenancy import TenantOwned, TenantRequired
from tests.isolation.world import World

pytestmark = pytest.mark.django_db

OWNED = [model for model in apps.get_models() if issubclass(model, TenantOwned)]
POINTERS = [
    pytest.param(model, field, id=f"{model._meta.label_lower}.{field.name}")
    for model in OWNED
    for field in model._meta.concrete_fields
    if isinstance(field, models.ForeignKey) and issubclass(field.related_model, TenantOwned)
]


def test_there_are_pointers_to_try():
    assert len(POINTERS) >= 5


@pytest.mark.parametrize(("model", "field"), POINTERS)
def test_no_row_points_to_another_tenants_row(world: World, model, field):
    alices = field.related_model.objects.for_tenant(world.alice.tenant).first()
    mallorys = field.related_model.objects.for_tenant(world.mallory.tenant).first()

    model(tenant=world.mallory.tenant, **{field.name: mallorys}).clean()
    with pytest.raises(ValidationError) as caught:
        model(tenant=world.mallory.tenant, **{field.name: alices}).clean()

    assert set(caught.value.message_dict) == {field.name}


@pytest.mark.parametrize("model", OWNED, ids=lambda model: model._meta.label_lower)
@pytest.mark.parametrize(
    "read",
    [
        list,
        len,
        bool,
        lambda rows: rows.count(),
        lambda rows: rows.exists(),
        lambda rows: rows.first(),
        lambda rows: rows.get(pk=1),
        lambda rows: list(rows.values_list("pk")),
        lambda rows: list(rows.filter(pk__gt=0)),
        lambda rows: list(rows.exclude(tenant=1)),
        lambda rows: list(rows.iterator()),
        lambda rows: rows.aggregate(models.Count("pk")),
        lambda rows: rows.in_bulk([1]),
        lambda rows: rows.filter(pk=1).delete(),
        lambda rows: rows.filter(pk=1).update(tenant=1),
    ],
)
def test_a_query_that_names_no_tenant_is_refused(model, read):
    with pytest.raises(TenantRequired):
        read(model.objects.all())


@pytest.mark.parametrize("model", OWNED, ids=lambda model: model._meta.label_lower)
def test_the_world_holds_a_row_of_every_kind(world: World, model):
    """What the harness has no row of, it cannot miss."""
    if model._meta.label_lower in NOT_IN_THE_WORLD:
        pytest.skip(NOT_IN_THE_WORLD[model._meta.label_lower])

    assert model.objects.for_tenant(world.alice.tenant).exists()


NOT_IN_THE_WORLD: dict[str, str] = {}
"""Models whose rows no page and no route shows."""
