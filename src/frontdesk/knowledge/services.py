"""Changes to a tenant's knowledge. Each moves the tenant's version; the next search then sees the new state."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from frontdesk.knowledge import retrieval
from frontdesk.knowledge.models import KnowledgeEntry
from frontdesk.knowledge.plain_text import plain
from frontdesk.tenants import audit
from frontdesk.tenants.models import Tenant


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry as it comes from an import."""

    question: str
    answer: str
    tags: tuple[str, ...] = ()
    locale: str = "en"
    widget_id: int | None = None


def save_entry(
    tenant: Tenant,
    *,
    question: str,
    answer: str,
    tags: Sequence[str] = (),
    locale: str = "en",
    widget_id: int | None = None,
) -> KnowledgeEntry:
    """Store a new entry. ValidationError that names the field when a text is empty or too long."""
    entry = _checked(tenant, Draft(question, answer, tuple(tags), locale, widget_id))
    with transaction.atomic():
        entry.save()
        audit.record(entry.tenant_id, "knowledgeentry.added", entry)
    return entry


@transaction.atomic
def delete_entry(tenant: Tenant, entry_id: int) -> bool:
    """Delete an entry of the tenant; False when the tenant has no such entry."""
    entry = KnowledgeEntry.objects.for_tenant(tenant).filter(pk=entry_id).first()
    if entry is None:
        return False
    audit.record(entry.tenant_id, "knowledgeentry.deleted", entry)
    entry.delete()
    return True


@transaction.atomic
def import_entries(tenant: Tenant, drafts: Iterable[Draft]) -> list[KnowledgeEntry]:
    """Store many entries, all or none; an entry whose question the tenant has already is updated."""
    known = {entry.question: entry for entry in KnowledgeEntry.objects.for_tenant(tenant)}
    imported: dict[str, KnowledgeEntry] = {}
    for draft in drafts:
        entry = _checked(tenant, draft)
        if (present := known.get(entry.question)) is not None:
            entry.pk, entry.created_at, entry.is_enabled = present.pk, present.created_at, present.is_enabled
            entry.save(force_update=True)
        imported[entry.question] = entry
    KnowledgeEntry.objects.bulk_create(entry for entry in imported.values() if entry.pk is None)
    audit.record(tenant.pk, "knowledge.imported", None, {"entries": len(imported)})
    return list(imported.values())


def publish(tenant: Tenant) -> Path | None:
    """Build the index of the current entries now instead of at the next search; None when there never were any."""
    return retrieval.published(tenant.pk)


def _checked(tenant: Tenant, draft: Draft) -> KnowledgeEntry:
    entry = KnowledgeEntry(
        tenant=tenant,
        question=" ".join(plain(draft.question).split()),
        answer=plain(draft.answer),
        tags=[" ".join(plain(tag).split()) for tag in draft.tags],
        locale=draft.locale,
        widget_id=draft.widget_id,
    )
    entry.full_clean(exclude=["tenant"])
    return entry
