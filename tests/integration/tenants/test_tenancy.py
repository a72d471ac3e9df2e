"""Tenancy below the views: no query without a tenant, no way around it by chaining."""

import pytest
from asgiref.sync import async_to_sync
from django.db.models import F, OuterRef, Q, Value
from django.utils.functional import SimpleLazyObject

from frontdesk.tenants import services
from frontdesk.tenants.models import ApiKey, ProviderCredential, Tenant, TenantSettings
from frontdesk.tenants.tenancy import ConfigVersion, TenantRequired, current_version
from frontdesk.usage.models import ProviderUsage

pytestmark = pytest.mark.django_db


async def gather(rows):
    return [row async for row in rows]


@pytest.fixture
def alice_key(alice_tenant):
    return services.create_api_key(alice_tenant, "Alice's shop", ["gateway:call"])[0]


@pytest.mark.parametrize(
    "evaluate",
    [
        lambda rows: list(rows.all()),
        lambda rows: rows.filter(name="x").first(),
        lambda rows: rows.get(pk=1),
        lambda rows: rows.count(),
        lambda rows: rows.exists(),
        lambda rows: rows.aggregate(n=Q(pk=1)),
        lambda rows: rows.filter(pk=1).update(name="y"),
        lambda rows: rows.filter(pk=1).delete(),
        lambda rows: list(rows.iterator()),
        lambda rows: list(rows.values_list("digest")),
        lambda rows: rows.in_bulk([1]),
        lambda rows: list(rows.raw("select * from tenants_apikey")),
        lambda rows: list(rows.exclude(tenant=1)),
        lambda rows: list(rows.filter(~Q(tenant=1))),
        lambda rows: list(rows.filter(Q(tenant=1) | Q(name="x"))),
        lambda rows: list(rows.filter(tenant=None)),
        lambda rows: list(rows.filter(tenant_id=1) | rows.filter(name="x")),
        lambda rows: list(rows.filter(tenant_id=1).union(rows.filter(name="x"))),
        lambda rows: rows.get_or_create(name="x"),
        lambda rows: rows.aiterator(),
        lambda rows: rows.filter(name="x").explain(),
        lambda rows: async_to_sync(rows.filter(name="x").aexplain)(),
        lambda rows: async_to_sync(gather)(rows.filter(name="x").aiterator()),
        lambda rows: list(rows.filter(tenant=F("tenant_id"))),
        lambda rows: list(rows.filter(tenant_id=F("tenant"))),
        lambda rows: list(rows.filter(tenant__id=Value(1))),
        lambda rows: list(rows.filter(Q(tenant=F("tenant")))),
        lambda rows: list(rows.filter(Q(name="x") & Q(tenant=F("tenant")))),
        lambda rows: list(rows.filter(tenant__in=Tenant.objects.all())),
        lambda rows: list(rows.filter(tenant__in=Tenant.objects.values("pk"))),
        lambda rows: list(rows.filter(tenant=Tenant.objects.filter(pk=OuterRef("tenant_id"))[:1])),
        lambda rows: rows.get(tenant=F("tenant_id")),
    ],
)
def test_query_without_a_tenant_is_refused(alice_key, evaluate):
    with pytest.raises(TenantRequired, match="for_tenant"):
        evaluate(ApiKey.objects)

    alice_key.refresh_from_db()
    assert alice_key.name == "Alice's shop"


def test_set_with_an_expression_in_it_names_no_tenant():
    with pytest.raises(TenantRequired):
        ProviderUsage.objects.filter(tenant_id__in=[1, F("tenant_id")]).count()


@pytest.mark.parametrize(
    "scope",
    [
        lambda rows, tenant: rows.for_tenant(tenant),
        lambda rows, tenant: rows.for_tenant(tenant.pk),
        lambda rows, tenant: rows.filter(tenant=tenant),
        lambda rows, tenant: rows.filter(name="Alice's shop", tenant_id=tenant.pk),
        lambda rows, tenant: rows.filter(Q(name="Alice's shop") & Q(tenant=tenant)),
        lambda rows, tenant: rows.filter(Q(tenant=tenant, name="x") | Q(tenant_id=tenant.pk)),
        lambda rows, tenant: rows.filter(tenant=tenant).order_by("name").exclude(name="x"),
        lambda rows, tenant: rows.across_tenants().filter(name="Alice's shop"),
        lambda rows, tenant: rows.filter(tenant_id=str(tenant.pk)),
        lambda rows, tenant: rows.filter(tenant=SimpleLazyObject(lambda: tenant)),
        lambda rows, tenant: rows.filter(tenant__in=[tenant]),
        lambda rows, tenant: rows.filter(tenant_id__in={tenant.pk}),
        lambda rows, tenant: async_to_sync(gather)(rows.for_tenant(tenant).aiterator()),
    ],
)
def test_query_that_names_its_tenant_is_answered(alice_key, alice_tenant, scope):
    assert list(scope(ApiKey.objects, alice_tenant)) == [alice_key]


def test_scoped_query_may_be_explained(alice_key, alice_tenant):
    assert "tenants_apikey" in ApiKey.objects.for_tenant(alice_tenant).explain().lower()


def test_mallory_does_not_see_alices_rows(alice_key, mallory_tenant):
    assert list(ApiKey.objects.for_tenant(mallory_tenant)) == []
    assert not ApiKey.objects.for_tenant(mallory_tenant).filter(pk=alice_key.pk).exists()


def test_mallory_cannot_change_alices_rows(alice_key, mallory_tenant):
    changed = ApiKey.objects.for_tenant(mallory_tenant).filter(pk=alice_key.pk).update(name="mine")

    alice_key.refresh_from_db()
    assert (changed, alice_key.name) == (0, "Alice's shop")


def test_default_manager_is_left_to_django(alice_key):
    assert list(ApiKey._default_manager.all()) == [alice_key]
    assert list(alice_key.tenant.apikey_set.all()) == [alice_key]


@pytest.mark.parametrize(
    "change",
    [
        lambda key: key.save(),
        lambda key: key.delete(),
        lambda key: ApiKey.objects.for_tenant(key.tenant).update(name="y"),
        lambda key: ApiKey.objects.for_tenant(key.tenant).delete(),
        lambda key: ApiKey.unscoped.all().delete(),
        lambda key: ApiKey.objects.bulk_create([ApiKey(tenant=key.tenant, name="z", digest=b"z" * 32)]),
        lambda key: services.revoke_api_key(key),
        lambda key: Tenant.objects.filter(pk=key.tenant_id).update(is_active=False),
        lambda key: key.tenant.delete(),
    ],
)
def test_change_of_configuration_moves_the_version(alice_key, change):
    before = current_version()

    change(alice_key)

    assert current_version() > before


def test_change_that_touches_nothing_leaves_the_version(alice_tenant):
    before = current_version()

    ApiKey.objects.for_tenant(alice_tenant).update(name="y")

    assert current_version() == before


def test_version_starts_again_when_its_row_is_lost(alice_tenant):
    ConfigVersion.objects.all().delete()

    alice_tenant.save()

    assert current_version() == 1


def test_new_tenant_has_settings_and_takes_them_along(alice_tenant):
    services.update_settings(alice_tenant, {"openai_api_key": "sk-alice-0123456789"})

    alice_tenant.delete()

    assert not TenantSettings.objects.across_tenants().filter(tenant_id=alice_tenant.pk).exists()
    assert not ProviderCredential.objects.across_tenants().exists()
