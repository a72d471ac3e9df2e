"""Reads of a tenant's knowledge."""

from collections.abc import Iterator

from frontdesk.knowledge.index import Entry
from frontdesk.knowledge.models import KnowledgeEntry, KnowledgeVersion


def version_name(tenant_id: int) -> str | None:
    """Tell the version of a tenant's entries; None when it never had any. One cheap query."""
    row = KnowledgeVersion.objects.for_tenant(tenant_id).values_list("number", "stamp").first()
    return None if row is None else f"{row[0]}-{row[1]}"


def enabled_entries(tenant_id: int) -> Iterator[Entry]:
    """Walk a tenant's enabled entries as the index takes them."""
    rows = KnowledgeEntry.objects.for_tenant(tenant_id).filter(is_enabled=True).order_by("id")
    for row in rows.values_list("id", "question", "answer", "tags", "widget_id"):
        entry_id, question, answer, tags, widget_id = row
        yield Entry(entry_id, question, answer, tuple(tags), widget_id)


def entry_count(tenant_id: int) -> int:
    """Count a tenant's enabled entries."""
    return KnowledgeEntry.objects.for_tenant(tenant_id).filter(is_enabled=True).count()
