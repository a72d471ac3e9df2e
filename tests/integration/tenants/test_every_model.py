"""Rules that hold for every model of every app."""

import pytest
from django.apps import apps

from frontdesk.tenants.tenancy import Configuration, ConfigurationQuerySet, TenantOwned, TenantQuerySet

OURS = [model for model in apps.get_models() if model.__module__.startswith("frontdesk.")]


@pytest.mark.parametrize("model", [model for model in OURS if issubclass(model, TenantOwned)])
def test_rows_of_tenants_insist_on_their_tenant_and_leave_django_its_own_way(model):
    assert issubclass(type(model.objects.none()), TenantQuerySet)
    assert model._default_manager.name == "unscoped"
    assert not issubclass(type(model._default_manager.none()), TenantQuerySet)
    assert not model._meta.get_field("tenant").null


@pytest.mark.parametrize("model", [model for model in OURS if issubclass(model, Configuration)])
def test_bulk_changes_of_configuration_move_the_version(model):
    for manager in model._meta.managers:
        assert issubclass(type(manager.none()), ConfigurationQuerySet)
    assert model.save.__qualname__ != "Model.save"
