"""The operator's own tenant, and the row that counts changes of configuration."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def make_operator(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make both, if they are not there."""
    tenants = apps.get_model("tenants", "Tenant")._base_manager
    operator, _ = tenants.get_or_create(is_operator=True, defaults={"name": "Operator", "slug": "operator"})
    apps.get_model("tenants", "TenantSettings")._base_manager.get_or_create(tenant=operator)
    apps.get_model("tenants", "ConfigVersion")._base_manager.get_or_create(pk=1, defaults={"version": 1})


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]

    operations = [migrations.RunPython(make_operator, migrations.RunPython.noop)]
