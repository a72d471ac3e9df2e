"""Batches of the ledger that are awkward for one statement: the same call several times, and a row nobody takes."""

import msgspec
import pytest

from frontdesk.gateway.journal.record import Settled
from frontdesk.usage import ledger
from frontdesk.usage.ledger import Batch, Entry
from frontdesk.usage.models import ProviderUsage, QuarantinedRecord
from tests.fakes.calls import intent, settled

pytestmark = pytest.mark.django_db


def store(*calls: Settled) -> None:
    entries = tuple(Entry(call, offset) for offset, call in enumerate(calls))
    ledger.store(Batch(directory="d", segment="s", end_offset=len(entries), entries=entries))


def stored() -> list[tuple[str, int]]:
    rows = ProviderUsage.objects.across_tenants().order_by("call_id")
    return list(rows.values_list("status", "cost_nano_usd"))


def ended(number: int, status: str, cost: int) -> Settled:
    return msgspec.structs.replace(settled(intent(number)), status=status, cost_nano_usd=cost)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["interrupted", "success"], ("success", 2)),
        (["success", "interrupted"], ("success", 1)),
        (["success", "failed"], ("success", 1)),
        (["interrupted", "interrupted", "cancelled", "success"], ("cancelled", 3)),
    ],
)
def test_a_call_that_is_in_a_batch_twice_is_one_row_as_if_written_one_by_one(statuses, expected):
    store(ended(0, "failed", 9), *(ended(1, status, cost) for cost, status in enumerate(statuses, 1)))

    assert stored() == [("failed", 9), expected]


def test_the_same_batch_again_changes_nothing():
    calls = [ended(number, "success", number) for number in range(250)]
    store(*calls)

    store(*(msgspec.structs.replace(call, cost_nano_usd=7) for call in calls))

    assert stored() == [("success", number) for number in range(250)]


def test_a_row_that_no_database_takes_is_set_aside_and_the_others_are_stored_once():
    bad = settled(intent(1, tenant_id=2**63))

    store(ended(0, "success", 0), bad, ended(2, "interrupted", 2), ended(2, "success", 3))

    assert stored() == [("success", 0), ("success", 3)]
    assert [row.source for row in QuarantinedRecord.objects.all()] == ["d/s@1"]
