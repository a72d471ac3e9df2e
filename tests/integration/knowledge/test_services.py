"""Changes to knowledge, and that the next search sees them, whoever made them."""

from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError

from frontdesk.knowledge import retrieval, selectors, services
from frontdesk.knowledge.models import KnowledgeEntry, KnowledgeVersion
from frontdesk.knowledge.services import Draft
from frontdesk.tenants.tenancy import TenantRequired, current_version

pytestmark = pytest.mark.django_db


def found(tenant, question="When do you open?"):
    return [(hit.question, hit.answer) for hit in retrieval.search(tenant.pk, question)]


@pytest.fixture
def hours(alice_tenant):
    return services.save_entry(
        alice_tenant, question="What are your opening hours?", answer="From 9 to 18.", tags=["hours"]
    )


def test_saved_entry_is_found_at_once(alice_tenant, hours):
    (hit,) = retrieval.search(alice_tenant.pk, "when do you open")

    assert (hit.entry_id, hit.question, hit.answer) == (hours.pk, "What are your opening hours?", "From 9 to 18.")
    assert hit.confidence >= 0.85


def test_mallory_finds_nothing_of_alice(alice_tenant, mallory_tenant, hours):
    services.save_entry(mallory_tenant, question="Do you sell mugs?", answer="Yes.")

    assert found(mallory_tenant) == []
    assert found(mallory_tenant, "opening hours mugs") == [("Do you sell mugs?", "Yes.")]
    assert found(alice_tenant, "opening hours mugs") == [("What are your opening hours?", "From 9 to 18.")]


def test_mallory_cannot_delete_alices_entry(alice_tenant, mallory_tenant, hours):
    version = selectors.version_name(alice_tenant.pk)

    assert services.delete_entry(mallory_tenant, hours.pk) is False

    assert KnowledgeEntry.objects.for_tenant(alice_tenant).count() == 1
    assert selectors.version_name(alice_tenant.pk) == version


def test_others_entries_do_not_weigh_in_the_confidence(alice_tenant, mallory_tenant, hours):
    before = retrieval.search(alice_tenant.pk, "when do you open")
    for number in range(30):
        services.save_entry(mallory_tenant, question=f"Opening hours of shop {number}?", answer="Never.")

    assert retrieval.search(alice_tenant.pk, "when do you open") == before


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: (setattr(entry, "answer", "From 10."), entry.save()),
        lambda entry: KnowledgeEntry.unscoped.filter(pk=entry.pk).update(answer="From 10."),
        lambda entry: KnowledgeEntry.objects.for_tenant(entry.tenant_id).update(answer="From 10."),
        lambda entry: services.import_entries(entry.tenant, [Draft(entry.question, "From 10.")]),
    ],
)
def test_every_way_of_changing_an_entry_is_seen_by_the_next_search(alice_tenant, hours, change):
    assert found(alice_tenant) == [("What are your opening hours?", "From 9 to 18.")]

    change(hours)

    assert found(alice_tenant) == [("What are your opening hours?", "From 10.")]


@pytest.mark.parametrize(
    "remove",
    [
        lambda entry: entry.delete(),
        lambda entry: KnowledgeEntry.unscoped.filter(pk=entry.pk).delete(),
        lambda entry: services.delete_entry(entry.tenant, entry.pk),
        lambda entry: (setattr(entry, "is_enabled", False), entry.save()),
    ],
)
def test_every_way_of_removing_an_entry_is_seen_by_the_next_search(alice_tenant, hours, remove):
    assert found(alice_tenant) != []

    remove(hours)

    assert found(alice_tenant) == []


def test_a_change_moves_the_version_of_its_tenant_only(alice_tenant, mallory_tenant, hours):
    services.save_entry(mallory_tenant, question="Mugs?", answer="Yes.")
    alice, mallory = selectors.version_name(alice_tenant.pk), selectors.version_name(mallory_tenant.pk)

    services.save_entry(alice_tenant, question="Roses?", answer="Yes.")

    assert selectors.version_name(alice_tenant.pk) != alice
    assert selectors.version_name(mallory_tenant.pk) == mallory


def test_knowledge_is_no_configuration_of_the_gateway(hours, alice_tenant):
    before = current_version()

    services.save_entry(alice_tenant, question="Roses?", answer="Yes.")

    assert current_version() == before


def test_tenant_without_entries_finds_nothing_and_has_no_index(alice_tenant):
    assert found(alice_tenant) == []
    assert services.publish(alice_tenant) is None


def test_index_is_published_per_tenant_and_version_and_old_ones_go(alice_tenant, hours):
    names = []
    for answer in ("a", "b", "c"):
        hours.answer = answer
        hours.save()
        names.append(services.publish(alice_tenant).name)

    directory = Path(settings.DATA_DIR) / "knowledge" / str(alice_tenant.pk)
    assert sorted(path.name for path in directory.iterdir()) == sorted(names[1:])


def test_damaged_index_is_built_again(alice_tenant, hours):
    directory = services.publish(alice_tenant)
    (directory / "meta.json").write_text("{")

    assert found(alice_tenant) == [("What are your opening hours?", "From 9 to 18.")]
    (directory / "meta.json").read_text().index("segments")


def test_a_restored_database_does_not_meet_a_stale_index(alice_tenant, hours):
    found(alice_tenant)
    number = KnowledgeVersion.objects.for_tenant(alice_tenant).get().number
    KnowledgeVersion.objects.for_tenant(alice_tenant).delete()
    KnowledgeEntry.unscoped.filter(pk=hours.pk).update(answer="Restored.")
    KnowledgeVersion.objects.for_tenant(alice_tenant).update(number=number)

    assert found(alice_tenant) == [("What are your opening hours?", "Restored.")]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"question": ""}, "question"),
        ({"question": " \x00\n"}, "question"),
        ({"question": "q" * 501}, "question"),
        ({"answer": "  "}, "answer"),
        ({"answer": "a" * 10_001}, "answer"),
        ({"tags": ["x"] * 21}, "tags"),
        ({"tags": ["x" * 61]}, "tags"),
        ({"tags": [""]}, "tags"),
        ({"locale": "english please"}, "locale"),
        ({"widget_id": -1}, "widget_id"),
    ],
)
def test_invalid_entry_is_refused_by_field_and_nothing_is_stored(alice_tenant, values, field):
    with pytest.raises(ValidationError) as caught:
        services.save_entry(alice_tenant, **{"question": "Q?", "answer": "A.", **values})

    assert list(caught.value.message_dict) == [field]
    assert selectors.entry_count(alice_tenant.pk) == 0
    assert selectors.version_name(alice_tenant.pk) is None


def test_text_is_cleaned_before_it_is_stored(alice_tenant):
    entry = services.save_entry(alice_tenant, question=" What\x00 \n now? ", answer="a\ud800\r\nb", tags=[" x\ty "])

    entry.refresh_from_db()
    assert (entry.question, entry.answer, entry.tags) == ("What now?", "a\ufffd\nb", ["x y"])


def test_import_is_all_or_nothing(alice_tenant):
    with pytest.raises(ValidationError):
        services.import_entries(alice_tenant, [Draft("Q1?", "A."), Draft("Q2?", "")])

    assert selectors.entry_count(alice_tenant.pk) == 0


def test_import_updates_by_question_and_adds_the_rest(alice_tenant, hours):
    services.import_entries(
        alice_tenant,
        [Draft("What are your opening hours?", "Always."), Draft("Roses?", "No."), Draft("Roses?", "Yes.", ("r",))],
    )

    rows = KnowledgeEntry.objects.for_tenant(alice_tenant).values_list("pk", "question", "answer", "tags")
    first, second = rows
    assert first == (hours.pk, "What are your opening hours?", "Always.", [])
    assert second[1:] == ("Roses?", "Yes.", ["r"])


def test_entries_of_a_widget_are_found_there_only(alice_tenant):
    services.save_entry(alice_tenant, question="Gift wrapping?", answer="Yes.", widget_id=4)

    assert [hit.answer for hit in retrieval.search(alice_tenant.pk, "gift wrapping", widget_id=4)] == ["Yes."]
    assert retrieval.search(alice_tenant.pk, "gift wrapping", widget_id=5) == []
    assert retrieval.search(alice_tenant.pk, "gift wrapping") == []


def test_a_query_must_name_its_tenant(hours):
    for evaluate in (list, lambda rows: rows.update(answer="x"), lambda rows: rows.delete()):
        with pytest.raises(TenantRequired):
            evaluate(KnowledgeEntry.objects.filter(pk=hours.pk))

    hours.refresh_from_db()
    assert hours.answer == "From 9 to 18."


def test_search_of_a_published_version_costs_one_query(alice_tenant, hours, django_assert_num_queries):
    found(alice_tenant)

    with django_assert_num_queries(1):
        found(alice_tenant)
