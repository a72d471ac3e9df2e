"""A data directory for each test, since tests that roll back use the same ids again; and Alice, who knows her hours."""

import pytest


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def alice(transactional_db):
    from frontdesk.knowledge import services as knowledge
    from frontdesk.tenants import services as tenants

    tenant = tenants.create_tenant("Alice's Flowers", "alice")
    knowledge.save_entry(tenant, question="What are your opening hours?", answer="From 9 to 18.")
    return tenant
